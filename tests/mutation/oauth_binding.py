"""Mutants of the keys that tokens are bound to, and of the lifetimes that the AT Protocol demands."""

from __future__ import annotations

from .mutant import Mutant, mutants

_DPOP = "tests/oauth/test_dpop.py"
_ALONE = "tests/oauth/test_binding.py"
_GUARDS = "tests/oauth/test_guards.py"

BINDING = mutants(
    "flask_cimd/oauth/server/binding.py",
    _DPOP,
    [
        ("if grant.dpop_jkt is not None or asks_for_atproto", "if asks_for_atproto"),
        (
            " or asks_for_atproto(grant.scope) or demands_proofs(client):",
            " or demands_proofs(client):",
            _ALONE,
        ),
        (" or demands_proofs(client):", ":"),
        ("may_change = is_refresh and ", "may_change = ", _ALONE),
        ("grant.auth_method == KEY_METHOD and not asks", "not asks", _ALONE),
        (
            " and not asks_for_atproto(grant.scope)\n",
            "\n",
            _ALONE,
        ),
        ("if grant.dpop_jkt not in (None, proof.thumbprint) and not may_change:", "if False:", f"{_GUARDS} {_DPOP}"),
        (
            "if proof is not None and client_key is not None and proof.thumbprint == client_key.thumbprint:",
            "if False:",
            f"{_DPOP}::test_the_assertion_key_makes_no_proofs",
        ),
        ("    if value and not _THUMBPRINT.fullmatch(value):\n", "    if False:\n", f"{_DPOP} tests/oauth/test_par.py"),
        (
            "return isinstance(client, MetadataClient) and client.metadata.dpop_bound_access_tokens",
            "return False",
            f"{_DPOP}::test_a_document_may_demand_proofs",
        ),
    ],
)

LIFETIMES = mutants(
    "flask_cimd/oauth/server/atproto.py",
    _DPOP,
    [
        ("return min(wanted, LONGEST_ACCESS) if asks_for_atproto(scope) else wanted", "return wanted", _GUARDS),
        (
            "return min(wanted, LONGEST_ACCESS) if asks_for_atproto(scope) else wanted",
            "return min(wanted, LONGEST_ACCESS)",
            _ALONE,
        ),
        (
            "return min(now + idle, grant.created_at + PUBLIC_SESSION)",
            "return now + idle",
            f"{_DPOP}::test_a_public_session_ends_after_two_weeks",
        ),
    ],
)

APPROVAL = mutants(
    "flask_cimd/oauth/server/approval.py",
    "tests/oauth/test_snapshots.py",
    [
        (
            "        client=asked.client,\n",
            "        client=context.clients.resolve(asked.client_id) if asked.client else None,\n",
            "tests/oauth/test_snapshots.py::test_a_document_that_may_not_be_stored_still_finishes_its_sign_in",
        ),
        (
            "_response(context, asked.redirect_uri, told, asked.response_mode)",
            "_response(context, context.clients.resolve(asked.client_id).redirect_uris[0], told, asked.response_mode)",
            "tests/oauth/test_snapshots.py::test_a_document_rotated_during_consent_never_changes_where_the_code_goes",
        ),
        (
            "        dpop_jkt=asked.dpop_jkt,\n",
            "",
            f"{_DPOP}::test_the_key_of_the_pushed_request_is_the_key_of_the_session",
        ),
    ],
)

OAUTH_BINDING: list[Mutant] = [*BINDING, *LIFETIMES, *APPROVAL]
