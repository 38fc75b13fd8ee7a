"""Mutants of the rules of authorization: challenges, keys, resources, the AT Protocol, and a person's decision."""

from __future__ import annotations

from .mutant import Mutant, mutants

PKCE = mutants(
    "flask_cimd/oauth/server/pkce.py",
    "tests/oauth/test_parts_alone.py",
    [
        ("        check_challenge(without_empty(grant.request.payload.data), required=not _is_waived(grant))\n", ""),
        ("            grant.delete_authorization_code(code)\n", ""),
        ("                _require_no_verifier(form, is_waived=_is_waived(grant))\n", ""),
        ("            super().validate_code_verifier(grant, result)\n", "", "tests/oauth/test_token_endpoint.py"),
        (
            "if not challenge and not required and not values.get(",
            "if not challenge and not values.get(",
            "tests/oauth/test_authlib_traps.py",
        ),
        (' and not values.get("code_challenge_method"):', ":", "tests/oauth/test_pkce.py"),
        ('        if not values.get("state"):\n', "        if False:\n", "tests/oauth/test_pkce.py"),
        ("    if not challenge:\n", "    if False:\n"),
        (
            '    if values.get("code_challenge_method") != "S256":',
            "    if False:",
            "tests/oauth/test_authorization_endpoint.py",
        ),
        (
            '    if values.get("code_challenge_method") != "S256":',
            '    if values.get("code_challenge_method", "S256") != "S256":',
            "tests/oauth/test_authorization_endpoint.py",
        ),
        ("    if not _CHALLENGE.fullmatch(challenge):", "    if False:"),
        (
            "    if not _CHALLENGE.fullmatch(challenge):",
            "    if not _CHALLENGE.match(challenge):",
            "tests/oauth/test_authorization_endpoint.py",
        ),
        ("    if not is_waived:\n", "    if False:\n"),
        ('    if form.get("code_verifier"):\n', "    if False:\n", "tests/oauth/test_pkce.py"),
    ],
)

BINDING = mutants(
    "flask_cimd/oauth/server/binding.py",
    "tests/oauth/test_binding.py",
    [
        (
            "if grant.dpop_jkt is not None or asks_for_atproto(grant.scope) or demands_proofs(client):",
            "if asks_for_atproto(grant.scope) or demands_proofs(client):",
            "tests/oauth/test_dpop.py",
        ),
        (
            "if grant.dpop_jkt is not None or asks_for_atproto(grant.scope) or demands_proofs(client):",
            "if grant.dpop_jkt is not None or demands_proofs(client):",
        ),
        (
            "if grant.dpop_jkt is not None or asks_for_atproto(grant.scope) or demands_proofs(client):",
            "if grant.dpop_jkt is not None or asks_for_atproto(grant.scope):",
            "tests/oauth/test_dpop.py",
        ),
        (
            "may_change = is_refresh and grant.auth_method == KEY_METHOD and not asks_for_atproto(grant.scope)",
            "may_change = grant.auth_method == KEY_METHOD and not asks_for_atproto(grant.scope)",
        ),
        (
            "may_change = is_refresh and grant.auth_method == KEY_METHOD and not asks_for_atproto(grant.scope)",
            "may_change = is_refresh and not asks_for_atproto(grant.scope)",
        ),
        (
            "may_change = is_refresh and grant.auth_method == KEY_METHOD and not asks_for_atproto(grant.scope)",
            "may_change = is_refresh and grant.auth_method == KEY_METHOD",
            "tests/oauth/test_atproto_assertions.py",
        ),
        (
            "may_change = is_refresh and grant.auth_method == KEY_METHOD and not asks_for_atproto(grant.scope)",
            "may_change = False",
        ),
        ("    if value and not _THUMBPRINT.fullmatch(value):", "    if False:", "tests/oauth/test_par.py"),
        ("    if value and not _THUMBPRINT.fullmatch(value):", "    if value and not _THUMBPRINT.match(value):"),
        ("    return value or None\n", "    return value\n"),
        (
            "isinstance(client, MetadataClient) and client.metadata.dpop_bound_access_tokens",
            "client.metadata.dpop_bound_access_tokens",
        ),
    ],
)

ATPROTO = mutants(
    "flask_cimd/oauth/server/atproto.py",
    "tests/oauth/test_atproto_rules.py",
    [
        (
            '        if client.get_client_id().startswith(("https://", "http://")):\n',
            "        if False:\n",
            "tests/oauth/test_registered_atproto.py",
        ),
        ('if metadata.source not in ("document", "virtual"):', "if False:", "tests/oauth/test_par.py"),
        (
            'if metadata.source not in ("document", "virtual"):',
            'if metadata.source != "document":',
            "tests/oauth/test_par.py",
        ),
        ("    if problems:\n", "    if False:\n", "tests/oauth/test_par.py"),
        (
            '    if isinstance(client, URLClient) and not set(scope.split()) <= set((client.metadata.scope or "").split()):',
            "    if False:",
            "tests/oauth/test_par.py",
        ),
        ("    if not asks_for_atproto(grant.scope):\n", "    if True:\n"),
        ("return min(now + idle, grant.created_at + absolute)", "return now + idle"),
        ("return min(now + idle, grant.created_at + absolute)", "return grant.created_at + absolute"),
        (
            "    if grant.auth_method == KEY_METHOD:\n        return now + KEY_HOLDER_IDLE\n",
            "",
            "tests/oauth/test_atproto_assertions.py",
        ),
        ("return min(now + idle, grant.created_at + PUBLIC_SESSION)", "return now + PUBLIC_SESSION"),
        (
            "    if not asks_for_atproto(scope):\n        return scope\n    issuer",
            '    if not asks_for_atproto(scope):\n        return ""\n    issuer',
        ),
        ('any(resource_key(resource) != issuer for resource in values.getlist("resource"))', "False"),
        (
            'any(resource_key(resource) != issuer for resource in values.getlist("resource"))',
            'bool(values.getlist("resource"))',
        ),
        ('    proves_key = proves_key or "dpop_jkt" in values\n', ""),
        (" or (proves_key and not others)\n", "\n"),
        (" or (proves_key and not others)\n", " or proves_key\n"),
        (
            "return scope if context.is_atproto(scope) and not is_for_others and is_meant else others",
            "return scope if not is_for_others and is_meant else others",
        ),
        (
            "return scope if context.is_atproto(scope) and not is_for_others and is_meant else others",
            "return scope if context.is_atproto(scope) and is_meant else others",
        ),
        (
            "return scope if context.is_atproto(scope) and not is_for_others and is_meant else others",
            "return scope if context.is_atproto(scope) and not is_for_others else others",
        ),
        (
            "    if not isinstance(client, MetadataClient):\n        return proves_key\n",
            "    if not isinstance(client, MetadataClient):\n        return True\n",
        ),
        ('return metadata.source in ("document", "virtual") and says_so', "return says_so"),
    ],
)

RESOURCE_INDICATORS = mutants(
    "flask_cimd/oauth/server/resource_indicators.py",
    "tests/oauth/test_resource_indicators.py",
    [
        ("        if not is_resource_identifier(resource):\n", "        if False:\n"),
        ("return wanted or grant.resource", "return grant.resource", "tests/oauth/test_resource.py"),
        ("return wanted or grant.resource", "return wanted", "tests/oauth/test_resource.py"),
        ("for word in requested if word in known))", "for word in requested))", "tests/oauth/test_resource.py"),
        ("return kept or tuple(dict.fromkeys(defaults))", "return kept", "tests/oauth/test_resource.py"),
        ("for resource in filter(None, dict.fromkeys(requested)):", "for resource in filter(None, requested):"),
        ("for resource in filter(None, dict.fromkeys(requested)):", "for resource in dict.fromkeys(requested):"),
        (
            "        if place is None:\n            raise",
            "        if place is None:\n            continue\n            raise",
        ),
        ("found[place.identifier] = None", "found[resource] = None"),
        ("if not set(map(resource_key, wanted)) <= set(map(resource_key, grant.resource or (issuer,))):", "if False:"),
        (
            "if not set(map(resource_key, wanted)) <= set(map(resource_key, grant.resource or (issuer,))):",
            "if not set(map(resource_key, wanted)) <= set(map(resource_key, grant.resource)):",
        ),
    ],
)

APPROVAL = mutants(
    "flask_cimd/oauth/server/approval.py",
    "tests/oauth/test_approval.py",
    [
        ("self.scope is None or word in self.scope or word == ATPROTO)", "self.scope is None or word in self.scope)"),
        ("self.scope is None or word in self.scope or word == ATPROTO)", "True)", "tests/oauth/test_resource.py"),
        (
            "return bool(self.request.resource and self.request.scope and not self.granted)",
            "return False",
            "tests/oauth/test_resource.py",
        ),
        (
            "return bool(self.request.resource and self.request.scope and not self.granted)",
            "return bool(self.request.scope and not self.granted)",
        ),
        (
            "return bool(self.request.resource and self.request.scope and not self.granted)",
            "return bool(self.request.resource and not self.granted)",
        ),
        (
            "        raise _decided(asked)\n    return response.send()\n\n\ndef deny",
            "        pass\n    return response.send()\n\n\ndef deny",
        ),
        (
            "            raise _decided(asked)\n    return response.send()\n\n\ndef denial",
            "            pass\n    return response.send()\n\n\ndef denial",
        ),
        (
            "redirect_uri=asked.redirect_uri, state=asked.state)\n    error.response_mode",
            "redirect_uri=asked.redirect_uri)\n    error.response_mode",
            "tests/oauth/test_par.py",
        ),
        ("    error.response_mode = asked.response_mode\n", ""),
        ('mode if mode in RESPONSE_MODES else "query")', "mode)"),
        ("for name, value in members if value]", "for name, value in members]"),
        ('members=(*told, ("iss", context.issuer))', "members=tuple(told)", "tests/oauth/test_resource.py"),
        ("    spend_pushed(context, asked)\n", "", "tests/oauth/test_par.py"),
        (
            "    if not context.legacy.me or asked.client is None:\n        return []\n",
            "    if asked.client is None:\n        return []\n",
        ),
        ("client = context.clients.readmit(asked.client)", "client = asked.client"),
        ('[("me", subject)] if context.legacy.tells_me(client) else []', '[("me", subject)]'),
        (
            "access_lifetime=limited_access(scope, approval.access_lifetime or context.access_lifetime),",
            "access_lifetime=approval.access_lifetime or context.access_lifetime,",
        ),
        (
            "expires_at=grant.created_at + context.code_lifetime,",
            "expires_at=grant.created_at + context.code_lifetime * 20,",
        ),
        ("        auth_method=asked.auth_method,\n", ""),
        ("        client_key=asked.client_key,\n", ""),
        ("        auth_time=approval.auth_time,\n", ""),
        (
            "        client=asked.client,\n",
            "        client=asked.client and context.clients.resolve(asked.client_id),\n",
        ),
    ],
)

OAUTH_RULES: list[Mutant] = [*PKCE, *BINDING, *ATPROTO, *RESOURCE_INDICATORS, *APPROVAL]
