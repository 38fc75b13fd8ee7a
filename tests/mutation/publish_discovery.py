"""Mutants of discovery, the way from an address to a server."""

from __future__ import annotations

from .mutant import Mutant, mutants

READING = mutants(
    "flask_cimd/publish/reading.py",
    "tests/publish/test_discovery.py",
    [
        (
            "        except StrictJSONError as exc:\n            raise self.refuse",
            "        except ZeroDivisionError as exc:\n            raise self.refuse",
        ),
        ('urlsplit(url).scheme == "https" and urlsplit(target).scheme != "https"', "False"),
        ("        if not location or downgrade:\n", "        if downgrade:\n"),
        ("        if not is_server_url(url, self.settings):\n", "        if False:\n"),
    ],
)

DISCOVERY = mutants(
    "flask_cimd/publish/discovery.py",
    "tests/publish/test_discovery.py",
    [
        ('        if kind == "account":\n            raise', "        if False:\n            raise"),
        (
            '        if found is None:\n            raise reading.refuse("no-server"',
            '        if False:\n            raise reading.refuse("no-server"',
        ),
        (
            "        except ValueError:\n            return None\n        found",
            "        except ZeroDivisionError:\n            return None\n        found",
            "tests/publish/test_identity.py",
        ),
        ("        if found is None and name != text:\n", "        if False:\n"),
        ("        except (ValueError, UnicodeError) as exc:\n", "        except ZeroDivisionError as exc:\n"),
        ('        if "@" in parts.netloc:\n', "        if False:\n"),
        ("        if not is_server_url(url, self._settings):\n", "        if False:\n"),
        ('            if kind == "page":\n                return None\n', ""),
        (" or find_origin_resource(reading, url)", ""),
    ],
)

ISSUER = mutants(
    "flask_cimd/publish/issuer.py",
    "tests/publish/test_discovery.py",
    [
        ('    if parts.path not in ("", "/"):\n        return (url,)\n', ""),
        (
            '    if found is None:\n        raise reading.refuse("no-server-metadata"',
            '    if False:\n        raise reading.refuse("no-server-metadata"',
        ),
        ("        except Absent:\n            continue\n", "        except Absent:\n            return None\n"),
        ('if isinstance(metadata.get("issuer"), str) and metadata["issuer"] not in accepted:', "if False:"),
        ("    if problems := metadata_problems(metadata, reading.settings):", "    if problems := ():"),
    ],
)

IDENTITY = mutants(
    "flask_cimd/publish/identity.py",
    "tests/publish/test_discovery.py",
    [
        ("        if did is None:\n            return None\n        document", "        document"),
        ("        if handle_of(document) != handle:\n", "        if False:\n"),
        (
            '        except Absent as exc:\n            raise self._reading.refuse("did-not-found"',
            '        except ZeroDivisionError as exc:\n            raise self._reading.refuse("did-not-found"',
        ),
        ('        if document.get("id") != did:\n', "        if False:\n"),
        ("        if len(found) > 1:\n", "        if False:\n"),
        (
            '        if handle.rpartition(".")[2] in LOCAL_ENDINGS and handle not in self._reading.settings.development_hosts:\n            return None\n',
            "",
        ),
        ("        except Absent:\n            return None\n        except FetchError:", "        except FetchError:"),
        ("            if is_decided:\n                return None\n", ""),
        ('return text if text.startswith("did:") else None', "return text"),
        ("        _checked_did(self._reading, did)\n", ""),
        (
            '        except Absent as exc:\n            raise self._reading.refuse("no-resource-metadata"',
            '        except ZeroDivisionError as exc:\n            raise self._reading.refuse("no-resource-metadata"',
        ),
        ('        if metadata.get("resource") != account:\n', "        if False:\n"),
        ("if not isinstance(servers, list) or len(servers) != 1 or", "if not isinstance(servers, list) or"),
        ("for service in services[:20] if isinstance(services, list) else ():", "for service in services or ():"),
        ("return handle if handle and self._did_of(handle) == did else None", "return handle"),
        (
            '    except ValueError as exc:\n        raise reading.refuse("unsupported-did"',
            '    except ZeroDivisionError as exc:\n        raise reading.refuse("unsupported-did"',
        ),
        ('if "localhost" in did and not reading.settings.allow_loopback:', "if False:"),
        (
            "return replace(require_issuer(self._reading, servers[0]), account=account)",
            "return require_issuer(self._reading, servers[0])",
        ),
    ],
)

PROTECTED = mutants(
    "flask_cimd/publish/protected_resource.py",
    "tests/publish/test_discovery.py",
    [
        (
            '    if found is None:\n        raise reading.refuse("no-resource-metadata"',
            '    if False:\n        raise reading.refuse("no-resource-metadata"',
        ),
        ('told.get("scope") or found.scope', "found.scope"),
        (
            "    except Absent:\n        return None\n    resource",
            "    except ZeroDivisionError:\n        return None\n    resource",
        ),
        ("    if not is_server_url(servers[0], reading.settings):\n", "    if False:\n"),
    ],
)

PROFILE_PAGE = mutants(
    "flask_cimd/publish/profile_page.py",
    "tests/publish/test_discovery.py",
    [
        ("if any(len(targets) > _MOST_TARGETS for targets in found.values()):", "if False:"),
        ("    if links[_METADATA]:\n", "    if False:\n", "tests/publish/test_identity.py"),
        ("    elif links[_AUTHORIZATION]:\n", "    elif True:\n"),
        ("profile_urls=tuple(canonical_url(one) for one in passed))", "profile_urls=(canonical_url(passed[-1]),))"),
        ("netloc=parts.netloc.lower(), ", "", "tests/publish/test_identity.py"),
        (
            '    except Absent as exc:\n        raise reading.refuse("no-server-metadata"',
            '    except ZeroDivisionError as exc:\n        raise reading.refuse("no-server-metadata"',
        ),
        ('    if not _speaks_for(server["issuer"], metadata_url):\n', "    if False:\n"),
        ("if (one.scheme, one.netloc) != (other.scheme, other.netloc) or one.query", "if one.query"),
        ("if not all(is_server_url(url, reading.settings) for url in found.values()):", "if False:"),
    ],
)

SERVER = mutants(
    "flask_cimd/publish/server.py",
    "tests/publish/test_discovery.py",
    [
        (
            "    if not isinstance(value, str):\n        return False\n    if value.startswith",
            "    if value.startswith",
        ),
        (
            "if not settings.allow_http and not (settings.allow_loopback and _host(value) in LOOPBACK_HOSTS):",
            "if False:",
        ),
        ('[] if isinstance(metadata.get("issuer"), str) else [Problem', "[] if True else [Problem"),
        ("if name in metadata and not _is_texts(metadata[name])", "if False"),
        ("if name in metadata and not isinstance(metadata[name], bool)", "if False"),
    ],
)

PUBLISH_DISCOVERY: list[Mutant] = [*READING, *DISCOVERY, *ISSUER, *IDENTITY, *PROTECTED, *PROFILE_PAGE, *SERVER]
