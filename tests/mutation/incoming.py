"""Mutants of what the OAuth endpoints read leniently: empty parameters, scopes, root resources, assertions."""

from __future__ import annotations

from .mutant import mutants

_EMPTY = "tests/oauth/test_empty_parameters.py"
_SCOPES = "tests/oauth/test_scope_words.py"
_ROOTS = "tests/oauth/test_root_resources.py"
_KEYS = "tests/oauth/test_authentication.py"

INCOMING = [
    *mutants(
        "flask_cimd/oauth/server/parameters.py",
        _EMPTY,
        [
            ("for name, value in values.items(multi=True) if value])", "for name, value in values.items(multi=True)])"),
            ("    again, values = repeated(values), without_empty(values)\n", "    values = without_empty(values)\n    again = repeated(values)\n", "tests/oauth/test_authorization_endpoint.py"),
            ("    if again := repeated(request.form):\n", "    if again := repeated(form_of(request)):\n"),
            ("return sent[0] if len(sent) == 1 and len(sent[0]) <= _MAX_STATE else None", "return sent[0] if len(sent) == 1 else None", "tests/oauth/test_authorization_endpoint.py"),
        ],
    ),
    *mutants(
        "flask_cimd/oauth/server/atproto.py",
        _SCOPES,
        [
            ("and not is_for_others and is_meant", "and is_meant"),
            ("and not is_for_others and is_meant", "and not is_for_others"),
            ("asks_for_atproto(metadata.scope) or metadata.dpop_bound_access_tokens", "asks_for_atproto(metadata.scope)"),
            ("asks_for_atproto(metadata.scope) or metadata.dpop_bound_access_tokens", "metadata.dpop_bound_access_tokens"),
        ],
    ),
    *mutants(
        "flask_cimd/oauth/server/indieauth.py",
        _SCOPES,
        [
            ('if word != "email" or not is_lonely)', "if True)"),
            ('is_lonely = "profile" in known and', "is_lonely ="),
        ],
    ),
    *mutants(
        "flask_cimd/oauth/server/authorization_request.py",
        _SCOPES,
        [
            (
                "without_lonely_email(client.get_allowed_scope(possible).split(), context.scopes)",
                "client.get_allowed_scope(possible).split()",
            ),
        ],
    ),
    *mutants(
        "flask_cimd/oauth/server/grants.py",
        _SCOPES,
        [
            ("if word in token.scope.split())", "if True)"),
            ("not self.context.scope_at(scope, known):", "not scope:"),
            ("    if sent is None and code.code_challenge:\n", "    if sent is None:\n", "tests/site/test_indieauth_legacy.py"),
            ("    if sent is None and code.code_challenge:\n", "    if False:\n", "tests/oauth/test_token_endpoint.py"),
        ],
    ),
    *mutants(
        "flask_cimd/core/resources.py",
        _ROOTS,
        [
            ("{host.lower()}", "{host}"),
            ("{scheme.lower()}", "{scheme}"),
            ('in ("", "?") else rest', "in () else rest"),
            ('if rest.removeprefix("/")[:1] in ("", "?") else rest', ""),
        ],
    ),
    *mutants(
        "flask_cimd/oauth/server/assertion.py",
        _KEYS,
        [
            ("if not members or not all(", "if not all("),
            ("isinstance(one, str) and one in rules.own_identifiers for one in members)", "isinstance(one, str) for one in members)"),
            ("kind.lower().removeprefix", "kind.removeprefix", "tests/oauth/test_assertion_checks.py"),
            ("    if _type_of(header) not in (*_TYPES, _OLD_TYPE):\n", "    if False:\n", "tests/oauth/test_assertion_checks.py"),
            ("expires = issued + _MAX_AGE - SKEW", "expires = issued + _MAX_AGE", "tests/oauth/test_assertion_checks.py"),
            ("    if expires + SKEW <= now:\n", "    if False:\n"),
            ("    if expires + SKEW <= now:\n", "    if expires <= now:\n"),
            ("    return expires + SKEW\n", "    return expires\n"),
            ("    if expires > now + MAX_LIFETIME + SKEW:\n", "    if False:\n"),
            ("if rules.require_typ and _type_of", "if False and _type_of"),
        ],
    ),
    *mutants(
        "flask_cimd/oauth/resource/protector.py",
        "tests/oauth/test_resource.py",
        [("if access is None or not self._is_for_this(access):", "if access is None:")],
    ),
    *mutants(
        "flask_cimd/oauth/server/context.py",
        "tests/oauth/test_context.py tests/oauth/test_root_resources.py",
        [("        if resource_key(identifier) == resource_key(self.issuer):\n", "        if False:\n")],
    ),
    *mutants(
        "flask_cimd/oauth/dpop.py",
        "tests/oauth/test_dpop.py",
        [
            ("return [self._origin + path, ", "return [request.host_url.rstrip('/') + path, ", "tests/oauth/test_asgi_dpop.py"),
            ("if is_stripped else [])]", "if False else [])]"),
        ],
    ),
    *mutants(
        "flask_cimd/core/document.py",
        "tests/core/test_document.py",
        [("    if SHARED_SECRET_METHODS & set(listed or ()):\n", "    if False:\n")],
    ),
]  # fmt: skip
