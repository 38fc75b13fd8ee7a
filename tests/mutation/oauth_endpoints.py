"""Mutants of the endpoints of an authorization server, one guard each."""

from __future__ import annotations

from .mutant import Mutant, mutants

AUTHORIZATION_REQUEST = mutants(
    "flask_cimd/oauth/server/authorization_request.py",
    "tests/oauth/test_request_reader.py",
    [
        (
            '        self._context.clients.check_identifier(values["client_id"])\n',
            "",
            "tests/oauth/test_authorization_endpoint.py",
        ),
        (
            "        check_authorization_parameters(request.values)\n        values = values_of(request)\n        client",
            "        values = values_of(request)\n        client",
        ),
        ("            check_profile(client)\n", "            pass\n", "tests/oauth/test_par.py"),
        (
            "        if not client.check_redirect_uri(redirect_uri):\n",
            "        if False:\n",
            "tests/oauth/test_registered_clients.py",
        ),
        ("            error.redirect_uri = redirect_uri\n", "", "tests/oauth/test_authlib_traps.py"),
        (
            "            error.host = client.metadata.identifier.display_host\n",
            "            pass\n",
            "tests/oauth/test_authorization_endpoint.py",
        ),
        (
            "        except ClientResolutionError as error:\n            raise error.cause from None\n",
            "        except ZeroDivisionError as error:\n            raise error.cause from None\n",
            "tests/oauth/test_authorization_endpoint.py",
        ),
        (
            '        if client is None:\n            raise IdentifierError("unknown-client"',
            '        if False:\n            raise IdentifierError("unknown-client"',
        ),
        ("        check_redirected_parameters(request.values)\n", ""),
        ('check_response_mode(values.get("response_mode"))', 'values.get("response_mode") or "query"'),
        ('        require_grant_type(client, "authorization_code")\n', ""),
        ("        check_challenge(values, required=not context.legacy.waives_pkce(metadata))\n", ""),
        ("required=not context.legacy.waives_pkce(metadata))", "required=True)"),
        ("required=not context.legacy.waives_pkce(metadata))", "required=False)"),
        ('check_resources(values.getlist("resource"), context.find_resource)', 'tuple(values.getlist("resource"))'),
        ("resource = () if is_identity else check", "resource = check"),
        ('scope="" if is_identity else self._known_scope', "scope=self._known_scope"),
        ('check_login_hint(values.get("login_hint"))', 'values.get("login_hint")'),
        ('check_thumbprint(values.get("dpop_jkt"))', 'values.get("dpop_jkt")'),
        ("        refuse_outdated(legacy, metadata)\n", ""),
        (
            "        if not is_identity:\n            check_response_type(values)\n",
            "",
            "tests/oauth/test_authorization_endpoint.py",
        ),
        (
            'if {"request", "request_uri"} & set(values):',
            'if {"request_uri"} & set(values):',
            "tests/oauth/test_authorization_endpoint.py",
        ),
        (
            'if {"request", "request_uri"} & set(values):',
            'if {"request"} & set(values):',
            "tests/oauth/test_authorization_endpoint.py",
        ),
        ('if not is_identity and not client.check_response_type("code"):', "if False:"),
        ("metadata.require_pushed_authorization_requests and not is_pushed:", "False:", "tests/oauth/test_par.py"),
        (
            "metadata.require_pushed_authorization_requests and not is_pushed:",
            "metadata.require_pushed_authorization_requests:",
            "tests/oauth/test_par.py",
        ),
        ("            error.state = state_of(request.values)\n", ""),
        ("            error.response_mode = _response_mode()\n", ""),
        ("        if is_pushed and asks_for_atproto(scope):\n", "        if False:\n", "tests/oauth/test_par.py"),
        ("        self._check_demands(client, metadata, scope, is_pushed=is_pushed)\n", ""),
        ("            if not is_pushed:\n", "            if False:\n"),
        ("            check_listed(client, scope)\n", "", "tests/oauth/test_par.py"),
        ('if "none" in prompt and (prompt != ("none",) or not', 'if False and (prompt != ("none",) or not'),
        (
            'if "none" in prompt and (prompt != ("none",) or not',
            'if prompt == ("none",) and (prompt != ("none",) or not',
        ),
        ("client.get_allowed_scope(possible).split()", "possible.split()"),
        ("if not scope and (any(known.scopes for known in found) if resource else named):", "if False:"),
        (
            "if not scope and (any(known.scopes for known in found) if resource else named):",
            "if not scope and (resource or named):",
        ),
        (
            "if not scope and (any(known.scopes for known in found) if resource else named):",
            "if not scope and any(known.scopes for known in found):",
        ),
        (
            "if not scope and (any(known.scopes for known in found) if resource else named):",
            "if not scope and (any(known.scopes for known in found) if resource else False):",
        ),
        ("return values[0] if len(values) == 1 else None", "return values[0] if values else None"),
        (
            "scope = possible_scope(self._context, client, values, proves_key=proves_key)",
            'scope = values.get("scope", "")',
        ),
    ],
)

GRANTS = mutants(
    "flask_cimd/oauth/server/grants.py",
    "tests/oauth/test_grants.py",
    [
        ('        require_grant_type(presented.client, "authorization_code")\n', ""),
        ('"authorization_code")\n        self._require_alive(presented)\n', '"authorization_code")\n'),
        (
            "if code.spent or grant.is_over(now) or code.expires_at <= now:",
            "if grant.is_over(now) or code.expires_at <= now:",
        ),
        ("if code.spent or grant.is_over(now) or code.expires_at <= now:", "if code.spent or code.expires_at <= now:"),
        (
            "if code.spent or grant.is_over(now) or code.expires_at <= now:",
            "if code.spent or grant.is_over(now):",
            "tests/oauth/test_authlib_traps.py",
        ),
        (
            "if code.spent or grant.is_over(now) or code.expires_at <= now:",
            "if code.spent or grant.is_over(now) or code.expires_at < now:",
            "tests/oauth/test_token_endpoint.py",
        ),
        ("        if not grant.scope and not grant.resource:\n", "        if not grant.scope:\n"),
        ('refreshable = presented.client.check_grant_type("refresh_token")', "refreshable = True"),
        (
            'grant.scope, form_of(request).getlist("resource"), refreshable=refreshable',
            "grant.scope, (), refreshable=refreshable",
        ),
        (
            "if not storage.redeem_code(presented.item.digest, tokens, now, presented.settled()):",
            "if not storage.redeem_code(presented.item.digest, tokens, now, None):",
            "tests/oauth/test_dpop.py",
        ),
        ("return self.context.legacy.waives_pkce(metadata)", "return False", "tests/oauth/test_pkce.py"),
        ('        require_grant_type(presented.client, "refresh_token")\n', ""),
        ('"refresh_token")\n        self._require_alive(presented)\n', '"refresh_token")\n'),
        (
            "        if token.spent:\n            self.context.end_reused",
            "        if True:\n            self.context.storage",
        ),
        (
            "if not storage.rotate(presented.item.digest, tokens, now, grant, grace=grace):",
            "if not storage.rotate(presented.item.digest, tokens, now, grace=grace):",
            "tests/oauth/test_dpop.py",
        ),
        (
            "[*grant.TOKEN_RESPONSE_HEADER, *grant.context.dpop.nonce_header().items()]",
            "[*grant.context.dpop.nonce_header().items()]",
            "tests/oauth/test_parts_alone.py",
        ),
        ("    if sent != code.redirect_uri:\n", "    if False:\n", "tests/oauth/test_token_endpoint.py"),
        (
            '        _require_redirect_uri(form_of(request).get("redirect_uri"), presented.item)\n',
            "",
            "tests/oauth/test_token_endpoint.py",
        ),
        ("        self._require_scope(presented)\n", "", "tests/oauth/test_refresh.py"),
        ("if word in token.scope.split())", ")", "tests/oauth/test_refresh.py"),
        (
            "            self.context, grant, self._scope(presented.item), form",
            "            self.context, grant, presented.item.scope, form",
            "tests/oauth/test_refresh.py",
        ),
        (
            'self._scope(presented.item), form_of(request).getlist("resource"), refreshable=True',
            "self._scope(presented.item), (), refreshable=True",
            "tests/oauth/test_resource.py",
        ),
    ],
)

PRESENTATION = mutants(
    "flask_cimd/oauth/server/presentation.py",
    "tests/oauth/test_authentication.py",
    [
        ("return replace(self.grant, dpop_jkt=self.dpop_jkt)", "return self.grant", "tests/oauth/test_dpop.py"),
        ("            auth_method=self.authentication.method,\n", "", "tests/oauth/test_dpop.py"),
        ('if found is None or found[1].kind != "refresh":', "if found is None:", "tests/oauth/test_grants.py"),
        (
            'if found is None or found[1].kind != "refresh":',
            'if found[1].kind != "refresh":',
            "tests/oauth/test_resource.py",
        ),
        ("    require_bound_key(grant, authentication)\n", "", "tests/oauth/test_atproto_assertions.py"),
        ("    context.authenticator.spend(authentication)\n", ""),
        ("is_exchange=is_exchange)\n    except", "is_exchange=False)\n    except"),
        (
            "is_refresh=not is_exchange)\n    context.authenticator.spend(authentication)\n",
            "is_refresh=not is_exchange)\n",
        ),
    ],
)

PUSHED = mutants(
    "flask_cimd/oauth/server/par.py",
    "tests/oauth/test_pushed_requests.py",
    [
        ('        answer.headers["Cache-Control"] = "no-store"\n', ""),
        ("        answer.headers.update(self._context.dpop.nonce_header())\n", ""),
        ("        require_other_key(proof, authentication.key)\n", "", "tests/oauth/test_dpop.py"),
        ("        self._context.authenticator.spend(authentication)\n", "", "tests/oauth/test_dpop.py"),
        ("        _require_complete(asked, authentication.client)\n", ""),
        ("dpop_jkt=_bound_key(proof, asked.dpop_jkt),", "dpop_jkt=asked.dpop_jkt,"),
        ("            auth_method=authentication.method,\n", ""),
        ("if authentication.key and asks_for_atproto(asked.scope) else None", "if authentication.key else None"),
        ("str(authentication.key) if authentication.key and asks_for_atproto(asked.scope) else None", "None"),
        ("        self._refuse_repetition(asked)\n", ""),
        ("        if not asks_for_atproto(asked.scope):\n            return\n        now", "        now"),
        (
            '(("code_challenge", asked.code_challenge), ("state", asked.state)):',
            '(("state", asked.state),):',
            "tests/oauth/test_par.py",
        ),
        (
            'once_key("pushed", name, asked.client_id, value)',
            'once_key("pushed", name, value)',
            "tests/oauth/test_par.py",
        ),
        ("_REMEMBERED = timedelta(days=1)", "_REMEMBERED = timedelta(minutes=5)"),
        ("LIFETIME = timedelta(minutes=5)", "LIFETIME = timedelta(minutes=6)", "tests/oauth/test_guards.py"),
        (
            'if isinstance(error, ClientResolutionError) and asks_for_atproto(form_of(request).get("scope")):',
            "if isinstance(error, ClientResolutionError):",
        ),
        (
            'if isinstance(error, ClientResolutionError) and asks_for_atproto(form_of(request).get("scope")):',
            "if False:",
            "tests/oauth/test_par.py",
        ),
        ("answer = json_error(error, self._context.dpop.nonce_header())", "answer = json_error(error, {})"),
        (
            "if not asked.scope and not asked.resource and isinstance(client, URLClient) and _is_of_profile(client):",
            "if not asked.resource and isinstance(client, URLClient) and _is_of_profile(client):",
        ),
        (
            "if not asked.scope and not asked.resource and isinstance(client, URLClient) and _is_of_profile(client):",
            "if not asked.scope and isinstance(client, URLClient) and _is_of_profile(client):",
        ),
        (" and isinstance(client, URLClient) and _is_of_profile(client):", " and _is_of_profile(client):"),
        (
            'client.metadata.source in ("document", "virtual") and not client.metadata.atproto_problems',
            "not client.metadata.atproto_problems",
        ),
        ("    if proof is None:\n        return announced\n", "    if proof is None:\n        return None\n"),
        (
            "isinstance(cause, FetchError | DocumentError | IdentifierError) and not isinstance(\n        cause, TooManyFetchesError\n    )",
            "isinstance(cause, FetchError | DocumentError | IdentifierError)",
        ),
        (
            "read_parameters(is_pushed=True, proves_key=proof is not None)",
            "read_parameters(proves_key=proof is not None)",
            "tests/oauth/test_par.py",
        ),
    ],
)

INTROSPECTION = mutants(
    "flask_cimd/oauth/server/introspection.py",
    "tests/oauth/test_introspection.py",
    [
        ("if caller is None and found is not None and found[0].dpop_jkt is not None:", "if False:"),
        (
            "if caller is None and found is not None and found[0].dpop_jkt is not None:",
            "if found is not None and found[0].dpop_jkt is not None:",
        ),
        ('answer.headers["Cache-Control"] = "no-store"', "pass"),
        ("if self._allow_holder and _same(", "if _same("),
        (
            'if self._allow_holder and _same(credentials.strip(), form_of(request).get("token", "")):',
            "if self._allow_holder:",
        ),
        ('            raise CallerRefused("invalid_token", _BEARER)\n        name', "        name"),
        ('if scheme.lower() == "basic" else ("", "")', 'if True else ("", "")'),
        ("if found is None or not hmac.compare_digest(found.secret_digest, digest_of(secret)):", "if found is None:"),
        ("partial(self._find, name)) if name else None", "partial(self._find, name))"),
        ('"DPoP" if grant.dpop_jkt else "Bearer"', '"Bearer"'),
        ('**({"cnf": {"jkt": grant.dpop_jkt}} if grant.dpop_jkt else {}),', ""),
        (
            '**({"auth_time": int(grant.auth_time.timestamp())} if grant.auth_time else {}),',
            "",
            "tests/oauth/test_step_up.py",
        ),
        ('            **call_hook("members", partial(self._members, grant)),\n', ""),
        ('"aud": audience[0] if len(audience) == 1 else list(audience),', '"aud": list(audience),'),
        ("    check_plain_form(request)\n", ""),
        ("    if token is None:\n", "    if False:\n"),
        ("validate=True).decode()", "validate=False).decode()"),
        ("    except (binascii.Error, ValueError):\n", "    except ZeroDivisionError:\n"),
        ('map(unquote_plus, text.partition(":")[::2])', 'text.partition(":")[::2]'),
        ('return (name, secret) if is_visible(name) else ("", "")', "return (name, secret)"),
        (
            "return bool(first) and hmac.compare_digest(digest_of(first), digest_of(second))",
            "return hmac.compare_digest(digest_of(first), digest_of(second))",
        ),
        ("return bool(first) and hmac.compare_digest(digest_of(first), digest_of(second))", "return bool(first)"),
        ('error="invalid_token" if scheme == _BEARER else None)', 'error="invalid_token")'),
        ("            self._challenges.reverse()\n", "            pass\n"),
        ("(caller is None or resource_key(caller.resource) in self._audience(found[1]))", "True"),
        (
            "(caller is None or resource_key(caller.resource) in self._audience(found[1]))",
            "(caller is None or caller.resource in self._audience(found[1]))",
        ),
    ],
)

REVOCATION = mutants(
    "flask_cimd/oauth/server/revocation.py",
    "tests/oauth/test_revocation.py",
    [
        ("        check_form(current_request)\n", "", "tests/oauth/test_token_endpoint.py"),
        ('        if not form.get("token"):\n', "        if False:\n"),
        ("        self.context.dpop.read(current_request)\n", "", "tests/oauth/test_dpop.py"),
        ("            self._require_owner(found[0], form)\n", "", "tests/oauth/test_authentication.py"),
        (
            "[*default_json_headers, *self.context.dpop.nonce_header().items()]",
            "[*default_json_headers]",
            "tests/oauth/test_parts_alone.py",
        ),
        ("if client_id is not None and not _names(client_id, grant, metadata):", "if False:"),
        (
            "        if metadata is None and grant.client is not None:\n            return",
            "        if metadata is None:\n            return",
            "tests/oauth/test_registered_clients.py",
        ),
        ("        if is_legacy(metadata):\n            return\n", ""),
        (
            "        if is_legacy(metadata):\n            return\n",
            "        if True:\n            return\n",
            "tests/oauth/test_dpop.py",
        ),
        ('if client_id is None and (metadata is None or not form.get("client_assertion")):', "if False:"),
        (
            'if client_id is None and (metadata is None or not form.get("client_assertion")):',
            "if client_id is None:",
            "tests/oauth/test_authentication.py",
        ),
        (
            "self.context.authenticator.spend(self.context.authenticator.check_grant(form, grant))",
            "pass",
            "tests/oauth/test_atproto_assertions.py",
        ),
        ('if token.kind == "refresh" or asks_for_atproto(grant.scope):', "if asks_for_atproto(grant.scope):"),
        (
            'if token.kind == "refresh" or asks_for_atproto(grant.scope):',
            'if token.kind == "refresh":',
            "tests/oauth/test_atproto_assertions.py",
        ),
        ('if token.kind == "refresh" or asks_for_atproto(grant.scope):', "if True:"),
        ("            self.context.storage.revoke_token(token.digest, now)\n", "            pass\n"),
    ],
)

REGISTRATION = mutants(
    "flask_cimd/oauth/server/registration.py",
    "tests/oauth/test_registration.py",
    [
        (
            "        except StrictJSONError as error:\n            return _refuse(400",
            "        except ZeroDivisionError as error:\n            return _refuse(400",
        ),
        ("403 if isinstance(error, PolicyDeniedError) else error.status", "error.status"),
        (
            "        if not self._storage.add(kept, now, network):\n",
            "        self._storage.add(kept, now)\n        if False:\n",
        ),
        ('answer.headers["Retry-After"] = str(_A_WHILE)', "pass"),
        ("        if not is_issued_here(client_id):\n            return None\n", ""),
        ("        if kept is None:\n", "        if False:\n"),
        ("least = max(places,", "least = min(places,"),
        (
            "return self._clients.readmit(replace(metadata, identifier=least))",
            "return replace(metadata, identifier=least)",
        ),
        ('    if request.mimetype != "application/json":\n', "    if False:\n"),
        ("    request.max_content_length = LARGEST_REQUEST + 1\n", ""),
        ("    except RequestEntityTooLarge:\n", "    except ZeroDivisionError:\n"),
        ("if body is None or len(body) > LARGEST_REQUEST:", "if body is None:"),
        ('"invalid_redirect_uri" if at_redirects else "invalid_client_metadata"', '"invalid_client_metadata"'),
        ('    answer.headers["Cache-Control"] = "no-store"\n', ""),
    ],
)

OAUTH_ENDPOINTS: list[Mutant] = [
    *AUTHORIZATION_REQUEST,
    *GRANTS,
    *PRESENTATION,
    *PUSHED,
    *INTROSPECTION,
    *REVOCATION,
    *REGISTRATION,
]
