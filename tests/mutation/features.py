"""Mutants of guards that lie in several files: a server without IndieAuth, and rows that another version wrote."""

from __future__ import annotations

from .mutant import Mutant, mutants

_OFF = "tests/provider/test_without_indieauth.py"
_OTHER = "tests/provider/test_other_versions.py"
_OAUTH, _PROVIDER = "flask_cimd/oauth/server", "flask_cimd/provider"

INDIEAUTH_OFF = [
    *mutants(
        f"{_OAUTH}/context.py",
        _OFF,
        [
            ("return not (scope or resource or self.indieauth)", "return False"),
            ("if self.indieauth else LegacyRules.of_version(False)", "if True else LegacyRules.of_version(False)"),
        ],
    ),
    *mutants(
        f"{_OAUTH}/server.py",
        _OFF,
        [
            ("        if not self.context.indieauth:\n", "        if False:\n"),
            (
                "if allowed is None or self.context.grants_nothing(allowed.scope, allowed.resource) else",
                "if False else",
            ),
        ],
    ),
    *mutants(
        f"{_OAUTH}/approval.py",
        _OFF,
        [(' or context.grants_nothing(" ".join(approval.granted), approval.request.resource)', "")],
    ),
    *mutants(
        f"{_OAUTH}/authorization_request.py",
        _OFF,
        [('        if context.grants_nothing(" ".join(scope), resource):\n', "        if False:\n")],
    ),
    *mutants(
        f"{_PROVIDER}/site.py",
        _OFF,
        [
            ("        if not self.server.context.indieauth:\n            return {}\n", ""),
            (".me if self.server.context.indieauth else None\n", ".me\n"),
        ],
    ),
    *mutants(f"{_PROVIDER}/pages.py", _OFF, [("    if site.server.context.indieauth:\n", "    if True:\n")]),
    *mutants(f"{_PROVIDER}/provider.py", _OFF, [("            indieauth=self._indieauth,\n", "")]),
]

OTHER_VERSIONS = [
    *mutants(
        f"{_OAUTH}/context.py",
        _OTHER,
        [
            (
                "        raise UnreadableGrantError from error\n",
                "        raise ClientResolutionError(error) from error\n",
            )
        ],
    ),
    *mutants(
        f"{_OAUTH}/revocation.py",
        _OTHER,
        [("            return None  # RFC 7009 §2.2", "            raise  # RFC 7009 §2.2")],
    ),
    *mutants(
        f"{_OAUTH}/pushed.py",
        _OTHER,
        [("        raise _unknown(client_id) from error", "        raise")],
    ),
    *mutants(
        f"{_OAUTH}/request_snapshot.py",
        _OTHER,
        [("except (ValueError, TypeError, KeyError) as exc:", "except ValueError as exc:")],
    ),
    *mutants(
        "flask_cimd/oauth/client.py",
        _OTHER,
        [
            ("    except (ValueError, IdentifierError) as exc:\n", "    except IdentifierError as exc:\n"),
            ("    except (ValueError, IdentifierError) as exc:\n", "    except ValueError as exc:\n"),
            ("    except IdentifierError:\n        return None\n", "    except IdentifierError:\n        raise\n"),
        ],
    ),
    *mutants(
        f"{_PROVIDER}/_approvals.py",
        _OTHER,
        [("self._as_grant(row, read_for_display)", "self._as_grant(row)")],
    ),
    *mutants(
        f"{_PROVIDER}/consent.py",
        _OTHER,
        [("    if approved is not None and not approved.is_readable:\n        return (_UNREADABLE,)\n", "")],
    ),
    *mutants(
        f"{_PROVIDER}/waiting.py",
        _OTHER,
        [("            return None  # another version", "            raise  # another version")],
    ),
]

FEATURES: list[Mutant] = [*INDIEAUTH_OFF, *OTHER_VERSIONS]
