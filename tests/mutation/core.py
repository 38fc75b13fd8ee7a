"""Mutants of the rules without I/O."""

from __future__ import annotations

from .mutant import Mutant, mutants

IDENTIFIER = mutants(
    "flask_cimd/core/identifier.py",
    "tests/core/test_identifier.py",
    [
        ("if len(raw) > rules.max_length:", "if len(raw) > rules.max_length + 1:"),
        ("    _check_characters(raw)\n    authority", "    authority"),
        ("    _check_host(raw, host, kind, rules)\n", ""),
        ("    _check_path(raw, path, rules)\n", ""),
        (
            "if query is not None and not rules.allow_query and",
            "if query and not rules.allow_query and",
        ),
        (
            "not rules.allow_query and kind is not IdentifierKind.VIRTUAL:",
            "not rules.allow_query:",
            "tests/core/test_virtual.py tests/core/test_identifier.py",
        ),
        ('        if raw.startswith(f"{scheme}://"):', '        if raw.lower().startswith(f"{scheme}://"):'),
        ('if "#" in raw:', 'if "#" in raw[:-1]:'),
        ("if not _ALLOWED.fullmatch(raw):", "if not _ALLOWED.match(raw):"),
        ("if _BAD_ESCAPE.search(raw):", "if _BAD_ESCAPE.match(raw):"),
        ('"%(?![0-9A-Fa-f]{2})")\n_PORT', '"%(?![0-9A-Fa-f])")\n_PORT'),
        ("    if not authority:\n", "    if False:\n"),
        ('    if "@" in authority:\n', "    if False:\n"),
        ('    if set("[]") & set(path + query):', '    if set("[]") & set(path):'),
        ('    if set("[]") & set(path + query):', '    if set("[]") & set(query):'),
        (
            'if not closed or (rest and not rest.startswith(":")) or not is_ipv6(literal):',
            "if not closed or not is_ipv6(literal):",
        ),
        ("or not is_ipv6(literal):", "or not literal:"),
        ("not 1 <= int(port_text) <= 65535", "not 0 <= int(port_text) <= 65535"),
        ("not 1 <= int(port_text) <= 65535", "not 1 <= int(port_text) <= 65536"),
        (
            "if not rules.allow_virtual_clients or raw",
            "if raw",
            "tests/core/test_virtual.py tests/core/test_identifier.py",
        ),
        (
            "return query is not None or not (rules.indieauth and rules.allow_loopback_clients)",
            "return query is not None",
            "tests/core/test_virtual.py",
        ),
        (
            "if loopback and rules.indieauth and rules.allow_loopback_clients:",
            "if loopback and rules.allow_loopback_clients:",
        ),
        ("if loopback and rules.indieauth and rules.allow_loopback_clients:", "if loopback and rules.indieauth:"),
        (
            "if not loopback and rules.indieauth and rules.allow_http_clients:",
            "if not loopback and rules.allow_http_clients:",
        ),
        ("if not loopback and rules.indieauth and rules.allow_http_clients:", "if not loopback and rules.indieauth:"),
        (
            "if not loopback and rules.indieauth and rules.allow_http_clients:",
            "if rules.indieauth and rules.allow_http_clients:",
        ),
        ("    if not rules.indieauth:\n", "    if False:\n"),
        ("    if host.lower() in LOOPBACK_HOSTS and (\n", "    if (\n"),
        ("        rules.allow_loopback or kind in", "        kind in"),
        ('unquote(segment) in (".", "..")', 'segment in (".", "..")'),
        ('unquote(segment) in (".", "..")', 'unquote(segment) in ("..",)'),
        ('if path == "/" and not rules.allow_root_path:', 'if path == "//" and not rules.allow_root_path:'),
    ],
)

URLS = mutants(
    "flask_cimd/core/urls.py",
    "tests/core/test_urls.py tests/core/test_identifier.py tests/core/test_redirects.py",
    [
        ('or "@" in parts.netloc:', "or False:"),
        ("if parts.scheme not in _DEFAULT_PORTS or not", "if not"),
        ('"" if self.port in (None, _DEFAULT_PORTS[self.scheme])', '"" if self.port in (None, 443)'),
        ("return host.lower() + shown", "return host + shown"),
        ('if ":" in host or labels[-1].isdigit() or', "if labels[-1].isdigit() or"),
        ('or labels[-1].isdigit() or labels[-1].startswith("0x"):', 'or labels[-1].startswith("0x"):'),
        ('labels[-1].isdigit() or labels[-1].startswith("0x"):', "labels[-1].isdigit():"),
        ("if len(host) > _MAX_HOST or not all(", "if not all("),
        (
            'return "local-host" if len(labels) == 1 or labels[-1] == "localhost"',
            'return "local-host" if len(labels) == 1',
        ),
        (
            'return "local-host" if len(labels) == 1 or labels[-1] == "localhost"',
            'return "local-host" if labels[-1] == "localhost"',
        ),
        ('one, two = f".{host.lower()}", f".{other.lower()}"', "one, two = host.lower(), other.lower()", "tests/core"),
        ("return one.endswith(two) or two.endswith(one)", "return one.endswith(two)", "tests/core"),
        ('return "%" not in literal', "return True"),
    ],
)

REDIRECTS = mutants(
    "flask_cimd/core/redirects.py",
    "tests/core/test_redirects.py tests/core/test_document.py tests/core/test_virtual.py",
    [
        ("if port is not None and not 1 <= port <= 65535:", "if port is not None and not 0 <= port <= 65535:"),
        ("if port is not None and not 1 <= port <= 65535:", "if port is not None and not 1 <= port <= 99999:"),
        ("        if not is_ipv6(host):\n            return None\n", ""),
        ("elif _looks_like_number(host) and not _DOTTED.fullmatch(host):", "elif False:"),
        ('return last.isdigit() or last.startswith("0x")', "return last.isdigit()"),
        ('return url.scheme == "http" and url.host in LOOPBACK_HOSTS', "return url.host in LOOPBACK_HOSTS"),
        ("url.host in LOOPBACK_HOSTS\n\n\ndef refuse", "url.host.lower() in LOOPBACK_HOSTS\n\n\ndef refuse"),
        ("    if malformed := _malformed(uri):", "    if malformed := None:"),
        ("    if is_refused_scheme(uri):", "    if False:"),
        ("metadata.redirect_uris and not is_refused_scheme(requested):", "metadata.redirect_uris:"),
        (" or scheme.startswith(_REFUSED_FAMILIES)", ""),
        (
            "is_native = is_registration and _WITH_AUTHORITY",
            "is_native = _WITH_AUTHORITY",
            "tests/core/test_document.py tests/core/test_atproto.py",
        ),
        ("_WITH_AUTHORITY.match(entry) is not None", "True", "tests/core/test_registration.py"),
        ('if "." not in scheme and not allow_dotless_schemes:', "if False:"),
        ('if "." not in scheme and not allow_dotless_schemes:', 'if "." not in scheme:'),
        ('return None if uri.partition(":")[2] else "relative"', "return None"),
        ("if len(uri) > _MAX_LENGTH:", "if len(uri) > _MAX_LENGTH + 1:"),
        ('    if "#" in uri:\n        return "fragment"\n', ""),
        ("    if not _URI.fullmatch(uri):", "    if not _URI.match(uri):"),
        ("    if _BAD_ESCAPE.search(uri):", "    if False:"),
        ("and not is_loopback_redirect(url) and client_scheme", "and client_scheme"),
        ('client_scheme != "http":', "True:"),
        ("    if not is_loopback_redirect(requested):\n        return False\n", ""),
        ("return requested.host == metadata.identifier.host.lower()", "return True"),
        ('if requested.host == "localhost" and not metadata.localhost_any_port:', "if False:"),
        ("if listed is None or not is_loopback_redirect(listed):", "if listed is None:"),
        (
            "return (listed.host, listed.path, listed.query) == (requested.host, requested.path, requested.query)",
            "return (listed.path, listed.query) == (requested.path, requested.query)",
        ),
        (
            "return (listed.host, listed.path, listed.query) == (requested.host, requested.path, requested.query)",
            "return (listed.host, listed.query) == (requested.host, requested.query)",
        ),
        (
            "return (listed.host, listed.path, listed.query) == (requested.host, requested.path, requested.query)",
            "return (listed.host, listed.path) == (requested.host, requested.path)",
        ),
        ("and metadata.publishes_redirects\n", "and True\n"),
        ("    if metadata.is_built_here or lists_all:", "    if metadata.is_built_here:"),
        ("    if metadata.is_built_here or lists_all:", "    if lists_all:"),
    ],
)

ADDRESSES = mutants(
    "flask_cimd/core/addresses.py",
    "tests/core/test_addresses.py",
    [
        ('    if "%" in address:\n        return "scoped"\n    if allow', "    if allow"),
        ("if allow_loopback and address in _LOOPBACK:", "if address in _LOOPBACK:"),
        ("if allow_loopback and address in _LOOPBACK:", "if allow_loopback:"),
        (
            "if any(inner in network for inner in (found, *_carried(found)) for",
            "if any(inner in network for inner in (found,) for",
        ),
        ('for network in networks) else "outside-networks"', "for network in networks) else None"),
        ("    if network.prefixlen == 0:", "    if False:"),
        ("    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None", "    mapped = None"),
        ("or (int(address) >> 32) & 0xFFFFFFFF in _ISATAP:\n        return (last,)", ":\n        return (last,)"),
        ("    if address in _6TO4:", "    if False:"),
        ("return tuple(address.teredo or ())", "return ()"),
        ("carriers = (_NAT64, _LOCAL_NAT64, _IPV4_COMPATIBLE)", "carriers = (_NAT64, _IPV4_COMPATIBLE)"),
        ("    if address.ipv4_mapped is not None:\n        return _blocked_v4(address.ipv4_mapped)\n", ""),
        ("if nat64 and address in _NAT64:", "if address in _NAT64:"),
        ("if address not in _GLOBAL_V6 or any(", "if any("),
        (
            "if address not in _GLOBAL_V6 or any(address in network for network in _SPECIAL_V6):",
            "if address not in _GLOBAL_V6:",
        ),
        ("in _ISATAP:\n        return _blocked_v4(", "in ():\n        return _blocked_v4("),
        ('"100.64.0.0/10", "127', '"127'),
        ('"169.254.0.0/16", "172', '"172'),
        ('"224.0.0.0/3",\n    )\n)  # fmt: skip\n#: The only', '"224.0.0.0/4",\n    )\n)  # fmt: skip\n#: The only'),
        ('"100.100.100.200/32", ', ""),
        ('"fd00:ec2::/32",', ""),
    ],
)

FRESHNESS = mutants(
    "flask_cimd/core/freshness.py",
    "tests/core/test_freshness.py",
    [
        ('if "no-store" in directives:', "if False:"),
        ("max(0.0, stated - _age(headers, now))", "stated"),
        ("seconds=min(max(seconds, floor), ceiling)", "seconds=min(seconds, ceiling)"),
        ("seconds=min(max(seconds, floor), ceiling)", "seconds=max(seconds, floor)"),
        ("value.lower()", "value"),
        ('if name == "max-age" and name in found:', "if False:"),
        ("if not digits.isascii() or not digits.isdigit():", "if not digits.isdigit():"),
        ("return min(int(digits[:20]), _MOST_SECONDS)", "return int(digits)"),
        ('    if "no-cache" in directives:\n        return 0\n', ""),
        ("    if expires is None:  #", "    if False:  #"),
        ('date = parse_http_date(headers.get("date", ""), now) or now', "date = now"),
        ("return max(stated, 0 if date is None else (now - date).total_seconds())", "return stated"),
        (
            "return max(stated, 0 if date is None else (now - date).total_seconds())",
            "return 0 if date is None else (now - date).total_seconds()",
        ),
    ],
)

STRICT_JSON = mutants(
    "flask_cimd/core/strict_json.py",
    "tests/core/test_document.py tests/property/test_registration.py",
    [
        ("    if not isinstance(value, dict):\n", "    if False:\n"),
        ("    _require_plain(value)\n    return value", "    return value"),
        ('body.decode("utf-8")', 'body.decode("utf-8", "replace")'),
        ("            object_pairs_hook=_unique,\n", ""),
        ("            parse_constant=_no_constant,\n", ""),
        ("            parse_int=_integer,\n", ""),
        ("            parse_float=_number,\n", ""),
        ("except (ValueError, RecursionError) as exc:", "except ValueError as exc:"),
        ("if len(text) > _MAX_DIGITS:", "if len(text) > _MAX_DIGITS + 1:"),
        ("    if depth > _MAX_DEPTH:", "    if depth > _MAX_DEPTH + 1:"),
        ("                _require_encodable(name)\n", ""),
        ("        case str():\n            _require_encodable(value)", "        case str():\n            pass"),
        (
            "        case list():\n            for member in value:\n                _require_plain(member, depth + 1)",
            "        case list():\n            pass",
        ),
    ],
)

PROOF = mutants(
    "flask_cimd/core/proof.py",
    "tests/core/test_proof.py",
    [
        ('if header.get("typ") != "dpop+jwt":', "if False:"),
        ('if claims.get("htm") != method:', 'if str(claims.get("htm")).upper() != method:'),
        ('    _check_url(claims.get("htu"), (url, *other_urls))\n', ""),
        ("(url, *other_urls)", "(url,)"),
        ("    if access_token is not None:\n", "    if False:\n"),
        ("nonce=None if nonce is None else _text", "nonce=None if not isinstance(nonce, str) else _text"),
        ("expires_at=issued_at + leeway", "expires_at=issued_at"),
        ('if header.get("alg") not in algorithms:', 'if header.get("alg") == "none":'),
        ('    if "," in text:\n', "    if False:\n"),
        ("if not text or len(text) > MAX_ASSERTION or", "if not text or"),
        (' or text.count(".") != 2 or not text.isascii():', " or not text.isascii():"),
        ("    if PRIVATE_MEMBERS & jwk.keys():", "    if False:"),
        ("if not isinstance(kty, str) or kty not in _KEY_TYPES:", "if not isinstance(kty, str):"),
        ("if given is None or given not in map(normal_url, urls):", "if given is None:"),
        ("return character if _UNRESERVED.fullmatch(character) else escape[0].upper()", "return escape[0]"),
        ("if isinstance(iat, bool) or not", "if not"),
        ("or not 0 <= iat <= 1e11:", "or not 0 <= iat:"),
        ("if abs(issued_at - now) > leeway:", "if now - issued_at > leeway:"),
        ("if abs(issued_at - now) > leeway:", "if issued_at - now > leeway:"),
        (
            "if not isinstance(ath, str) or not hmac.compare_digest",
            "if isinstance(ath, str) and not hmac.compare_digest",
        ),
        ("if not isinstance(value, str) or not 0 < len(value) <= _MAX_TEXT:", "if not isinstance(value, str):"),
        (
            "if not isinstance(value, str) or not 0 < len(value) <= _MAX_TEXT:",
            "if not 0 < len(str(value)) <= _MAX_TEXT:",
        ),
        (
            "return deserialize_compact(text, self.key, registry=self.registry).payload",
            "from joserfc.jws import extract_compact\n\n            return extract_compact(text.encode()).payload",
        ),
    ],
)

NONCE = mutants(
    "flask_cimd/core/nonce.py",
    "tests/core/test_proof.py",
    [
        ("number - 1 - self._kept, -1), number + 1)", "number - 1 - self._kept, -1))"),
        ("*range(number - 1, number - 1 - self._kept, -1), ", ""),
        ("kept: int = 2", "kept: int = 6"),
        ("hmac.digest(self._key, ", 'hmac.digest(b"", '),
    ],
)

CORE: list[Mutant] = [*IDENTIFIER, *URLS, *REDIRECTS, *ADDRESSES, *FRESHNESS, *STRICT_JSON, *PROOF, *NONCE]
