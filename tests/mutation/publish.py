"""Mutants of a client's sessions: answers, tokens, identities and requests."""

from __future__ import annotations

from .mutant import Mutant, mutants

ANSWERS = mutants(
    "flask_cimd/publish/answers.py",
    "tests/publish/test_answers.py",
    [
        (
            'if not hmac.compare_digest(parameters.get("state", "").encode(), str(remembered["state"]).encode()):',
            "if False:",
        ),
        ('    _require_same_server(server, remembered, parameters.get("iss"))\n', ""),
        ('    if "error" in parameters:\n        raise', "    if False:\n        raise"),
        ('    if not parameters.get("code"):\n', "    if False:\n"),
        ("if asked != server.issuer or (asked is None", "if (asked is None"),
        ("if asked is not None and (issuer != asked if issuer is not None else promised):", "if False:"),
        (
            'if not isinstance(members.get("access_token"), str) or not isinstance(kind, str):',
            "if not isinstance(kind, str):",
        ),
        ('is_bound = kind.lower() == "dpop"', 'is_bound = kind == "DPoP"'),
        ("if (is_bound and key is None) or (not is_bound and must_be_bound):", "if not is_bound and must_be_bound:"),
        ("if name not in _OWN}", "}"),
        ("    if is_bound and key is not None:\n", "    if key is not None:\n"),
        ("    if isinstance(value, str) and value.isdecimal() and len(value) < 11:\n        value = int(value)\n", ""),
        ("and not isinstance(value, bool)\n", "\n"),
        ("if is_number and 0 <= value <= _MOST_SECONDS else None", "if is_number and 0 <= value else None"),
        ("    if len(answer) > MOST_ANSWER:\n", "    if False:\n"),
        ("if any(len(found) > 1 for found in values.values()):", "if False:"),
    ],
)

VERIFICATION = mutants(
    "flask_cimd/publish/verification.py",
    "tests/publish/test_identity.py",
    [
        ('if server.is_of_account or asks_for_atproto(_text(token.get("scope"))):', "if server.is_of_account:"),
        ('if "me" in token or server.found_by in ("page", "legacy-page"):', 'if "me" in token:'),
        ("    if not isinstance(me, str) or len(me) > 2048:\n", "    if len(me) > 2048:\n"),
        ("if url in (*server.profile_urls, server.entered):", "if True:"),
        ("    except (DiscoveryError, ValueError) as exc:\n", "    except ValueError as exc:\n"),
        (
            "same_issuer = found.issuer is None or server.issuer is None or found.issuer == server.issuer",
            "same_issuer = True",
        ),
        (
            'if found["authorization_endpoint"] != server["authorization_endpoint"] or not same_issuer:',
            "if not same_issuer:",
        ),
        (
            'if not isinstance(sub, str) or not asks_for_atproto(_text(token.get("scope"))):',
            "if not isinstance(sub, str):",
        ),
        ("    if server.did is not None and sub != server.did:\n", "    if False:\n"),
        (
            "        found = discovery.identities(sub).find_did(sub)\n    except DiscoveryError",
            "        found = discovery.identities(sub).find_did(sub)\n    except ZeroDivisionError",
        ),
        ("    if found.issuer != server.issuer:\n", "    if False:\n"),
    ],
)

PUBLISH: list[Mutant] = [*ANSWERS, *VERIFICATION]
