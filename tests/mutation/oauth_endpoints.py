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
        ("metadata.require_pushed_authorization_requests and not is_pushed:", "False:", "tests/oauth/test_par.py"),
        (
            "metadata.require_pushed_authorization_requests and not is_pushed:",
            "metadata.require_pushed_authorization_requests:",
            "tests/oauth/test_par.py",
        ),
    ],
)

GRANTS = mutants(
    "flask_cimd/oauth/server/grants.py",
    "tests/oauth/test_authlib_traps.py",
    [
        ("if code.spent or grant.revoked or code.expires_at <= now:", "if code.spent or grant.revoked:"),
        (
            "if code.spent or grant.revoked or code.expires_at <= now:",
            "if code.spent or grant.revoked or code.expires_at < now:",
            "tests/oauth/test_token_endpoint.py",
        ),
        (
            "[*grant.TOKEN_RESPONSE_HEADER, *grant.context.dpop.nonce_header().items()]",
            "[*grant.context.dpop.nonce_header().items()]",
            "tests/oauth/test_parts_alone.py",
        ),
    ],
)

PRESENTATION = mutants(
    "flask_cimd/oauth/server/presentation.py",
    "tests/oauth/test_resource.py",
    [
        ('if found is None or found[1].kind != "refresh":', 'if found[1].kind != "refresh":'),
    ],
)

PUSHED = mutants(
    "flask_cimd/oauth/server/par.py",
    "tests/oauth/test_par.py",
    [
        ('(("code_challenge", asked.code_challenge), ("state", asked.state)):', '(("state", asked.state),):'),
        (
            'if isinstance(error, ClientResolutionError) and asks_for_atproto(form_of(request).get("scope")):',
            "if False:",
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
        (
            'if self._allow_holder and _same(credentials.strip(), form_of(request).get("token", "")):',
            "if self._allow_holder:",
        ),
        ('            raise CallerRefused("invalid_token", _BEARER)\n        name', "        name"),
        ("if found is None or not hmac.compare_digest(found.secret_digest, digest(secret)):", "if found is None:"),
        ('"DPoP" if grant.dpop_jkt else "Bearer"', '"Bearer"'),
        ('**({"cnf": {"jkt": grant.dpop_jkt}} if grant.dpop_jkt else {}),', ""),
        (
            '**({"auth_time": int(grant.auth_time.timestamp())} if grant.auth_time else {}),',
            "",
            "tests/oauth/test_step_up.py",
        ),
        ("            **self._members(grant),\n", ""),
        ('"aud": audience[0] if len(audience) == 1 else list(audience),', '"aud": list(audience),'),
        ("    check_plain_form(request)\n", ""),
        ("    if token is None:\n", "    if False:\n"),
        ("    except (binascii.Error, ValueError):\n", "    except ZeroDivisionError:\n"),
        ("return bool(first) and hmac.compare_digest(digest(first), digest(second))", "return bool(first)"),
        ("            self._challenges.reverse()\n", "            pass\n"),
    ],
)

REVOCATION = mutants(
    "flask_cimd/oauth/server/revocation.py",
    "tests/oauth/test_revocation.py",
    [
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
