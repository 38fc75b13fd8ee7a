"""Mutants of the endpoints that clients call directly: authentication, grants, pushed requests."""

from __future__ import annotations

from .mutant import Mutant, mutants

ASSERTION = mutants(
    "flask_cimd/oauth/server/assertion.py",
    "tests/oauth/test_assertion_checks.py",
    [
        ("    if len(text) > MAX_ASSERTION:", "    if False:"),
        ("if len(segments) != 3 or not all(", "if not all("),
        (
            "if len(segments) != 3 or not all(_SEGMENT.fullmatch(segment) for segment in segments):",
            "if len(segments) != 3:",
        ),
        ("    _check_header(header)\n", ""),
        ("if not _is_text(claims.get(name), ", "if claims.get(name) is None and not _is_text(None, "),
        ('2048 if name != "jti" else _MOST_TEXT', "2048"),
        ('if header.get("alg") not in ALGORITHMS:', 'if header.get("alg") == "none":'),
        ('if "crit" in header or "b64" in header:', 'if "b64" in header:'),
        ('if "crit" in header or "b64" in header:', 'if "crit" in header:'),
        ('    if "kid" in header and not (', "    if False and not ("),
        (' and header["kid"].isprintable()):', "):"),
        ("isinstance(value, str) and 0 < len(value) <= limit", "isinstance(value, str) and len(value) <= limit"),
        ("isinstance(value, str) and 0 < len(value) <= limit", "isinstance(value, str) and 0 < len(value)"),
        ('if claims["sub"] != client_id or claims["iss"] != client_id:', 'if claims["sub"] != client_id:'),
        (
            'if rules.is_atproto and (assertion.kid is None or "iat" not in claims):',
            'if rules.is_atproto and "iat" not in claims:',
        ),
        (
            'if rules.is_atproto and (assertion.kid is None or "iat" not in claims):',
            "if rules.is_atproto and assertion.kid is None:",
        ),
        ("if issued is not None and issued > now + SKEW:", "if False:"),
        ("if issued is not None and issued > now + SKEW:", "if issued is not None and issued > now:"),
        ("if begins is not None and begins > now + SKEW:", "if False:"),
        ("if begins is not None and begins > now + SKEW:", "if begins is not None and begins > now:"),
        ("if not rules.is_atproto or issued is None:", "if issued is None:"),
        ("if not isinstance(value, int | float) or isinstance(value, bool)", "if isinstance(value, bool)"),
        (" or isinstance(value, bool) or not 0 <= value", " or not 0 <= value"),
        ("if signing_alg is not None and _family(signing_alg) != _family(assertion.alg):", "if False:"),
        (
            "if signing_alg is not None and _family(signing_alg) != _family(assertion.alg):",
            "if signing_alg is not None and signing_alg != assertion.alg:",
        ),
        ('if assertion.kid is not None and key.get("kid") != assertion.kid:', "if False:"),
        ("if imported is not None and _is_signed_by(assertion.text, imported):", "if imported is not None:"),
        (
            "        except (JoseError, ValueError, TypeError, LookupError):\n            continue  # an",
            "        except ValueError:\n            continue  # an",
        ),
        (
            "            except (JoseError, ValueError, TypeError, LookupError):\n                continue\n            if imported",
            "            except TypeError:\n                continue\n            if imported",
        ),
        ('    if "alg" in key and _family(str(key["alg"])) != _family(alg):\n        return None\n', ""),
        (
            'if "alg" in key and _family(str(key["alg"])) != _family(alg):',
            'if "alg" in key and str(key["alg"]) != alg:',
        ),
        (' and kty == "RSA" and _is_bounded(key):', ' and kty == "RSA":'),
        ("_RSA_BITS = range(2048, 8193)", "_RSA_BITS = range(1024, 8193)"),
        ("and 2 < exponent <= _MOST_EXPONENT", "and 2 < exponent"),
    ],
)

CLIENT_AUTHENTICATION = mutants(
    "flask_cimd/oauth/server/client_authentication.py",
    "tests/oauth/test_authentication.py",
    [
        (
            "if client_id != grant.client_id and not _is_other_spelling(client_id, client):",
            "if False:",
            "tests/oauth/test_token_endpoint.py",
        ),
        (
            "                return Authentication(client=client)\n            self._refuse_downgrade(grant)",
            "                return Authentication(client=client)",
        ),
        (
            "raise (\n                ClientResolutionError.unavailable(error) if _may_pass(error) else ClientResolutionError(error)\n            ) from error",
            "raise ClientResolutionError(error) from error",
        ),
        (
            "ClientResolutionError.unavailable(error) if _may_pass(error) else ClientResolutionError(error)",
            "ClientResolutionError.unavailable(error)",
        ),
        (
            '        if client is None:\n            raise ClientResolutionError.unauthenticated("the client is neither',
            '        if False:\n            raise ClientResolutionError.unauthenticated("the client is neither',
        ),
        ('            if "none" not in accepted:\n', "            if False:\n"),
        (
            "if not self._replay_cache.use_once(authentication.replay_key, authentication.expires_at, self._clock()):",
            "if False:",
            "tests/oauth/test_atproto_assertions.py",
        ),
        (
            '        if form.get("client_assertion"):\n            return _read(form["client_assertion"]).client_id\n',
            "",
            "tests/oauth/test_plain_authlib.py",
        ),
        (
            '        raise InvalidRequestError("The parameter client_id is missing.")',
            '        return ""',
            "tests/oauth/test_token_endpoint.py",
        ),
        (
            '                if client is None:\n                    raise ClientResolutionError.unauthenticated("the client is no longer registered")\n',
            "",
            "tests/oauth/test_registered_clients.py",
        ),
        (
            "return URLClient(self._clients.readmit(grant.client))",
            "return URLClient(grant.client)",
            "tests/oauth/test_snapshots.py",
        ),
        (
            "        except CIMDError as error:\n            raise ClientResolutionError(error) from error\n\n    def _check_claims",
            "        except ZeroDivisionError as error:\n            raise ClientResolutionError(error) from error\n\n    def _check_claims",
            "tests/oauth/test_snapshots.py",
        ),
        (
            "return check_claims(assertion, client_id, rules, self._clock())\n        except AssertionRefusedError",
            "return check_claims(assertion, client_id, rules, self._clock())\n        except ZeroDivisionError",
            "tests/oauth/test_plain_authlib.py",
        ),
        ("if is_exchange and client.metadata.jwks is not None:", "if False:"),
        (
            "is_bound = grant.client_key is not None and KEY_METHOD in today.metadata.accepted_auth_methods",
            "is_bound = False",
        ),
        (
            "found = json.loads(jwks) if isinstance(jwks, str) else jwks",
            "found = jwks",
            "tests/oauth/test_plain_authlib.py",
        ),
        ("if _may_pass(error) and age < self._clients.settings.stale_max:", "if _may_pass(error):"),
        ("if KEY_METHOD not in today.accepted_auth_methods:", "if True:"),
        (
            "        except AssertionRefusedError as refused:\n            raise ClientResolutionError.unauthenticated(str(refused)) from refused\n        replay_key",
            "        except ZeroDivisionError as refused:\n            raise ClientResolutionError.unauthenticated(str(refused)) from refused\n        replay_key",
            "tests/oauth/test_atproto_assertions.py",
        ),
        (
            'once_key("assertion", assertion.client_id, assertion.jti)',
            'once_key("assertion", assertion.client_id)',
            "tests/oauth/test_atproto_assertions.py",
        ),
        (
            "key=key, replay_key=replay_key, expires_at=until)",
            "key=key, replay_key=None, expires_at=until)",
            "tests/oauth/test_atproto_assertions.py",
        ),
        (
            "    if authentication.key is None or not asks_for_atproto(grant.scope):\n",
            "    if authentication.key is None:\n",
        ),
        ("if grant.client_key is not None and str(authentication.key) != grant.client_key:", "if False:"),
        (
            "        return read_assertion(text)\n    except AssertionRefusedError as refused:",
            "        return read_assertion(text)\n    except ZeroDivisionError as refused:",
            "tests/oauth/test_authlib_traps.py",
        ),
        (
            'if form.get("client_assertion_type") != ASSERTION_TYPE:',
            "if False:",
            "tests/oauth/test_atproto_assertions.py",
        ),
        (
            "return isinstance(client, URLClient) and is_same_client(client_id, client.metadata)",
            "return is_same_client(client_id, client.metadata)",
            "tests/oauth/test_registered_clients.py",
        ),
        ("return error.temporary and not isinstance(error, AddressBlockedError)", "return error.temporary"),
    ],
)

PRESENTATION = mutants(
    "flask_cimd/oauth/server/presentation.py",
    "tests/oauth/test_authentication.py",
    [
        ("            dpop_jkt=self.dpop_jkt,\n        )", "        )", "tests/oauth/test_parts_alone.py"),
        (
            "    found = context.find_code(secret)\n    if found is None:\n",
            "    found = context.find_code(secret)\n    if False:\n",
            "tests/oauth/test_token_endpoint.py",
        ),
        ("return form, secret, context.dpop.read(request)", "return form, secret, None", "tests/oauth/test_dpop.py"),
        ("        context.storage.revoke_grant(grant.id, context.clock())\n        raise\n", "        raise\n"),
        ("is_exchange=is_exchange)\n    except", "is_exchange=True)\n    except"),
    ],
)

GRANTS = mutants(
    "flask_cimd/oauth/server/grants.py",
    "tests/oauth/test_refresh.py",
    [
        (
            "        if not grant_user:\n            return _as_answer(deny(self.context, asked))\n",
            "",
            "tests/oauth/test_parts_alone.py",
        ),
        (
            "        if asked.client is not None:\n            return URLClient(asked.client)\n",
            "",
            "tests/oauth/test_parts_alone.py",
        ),
        (
            "        if code.spent:\n            self.context.end_reused(grant)\n",
            "",
            "tests/oauth/test_resource.py",
        ),
        ("        if not grant.scope and not grant.resource:\n", "        if False:\n", "tests/oauth/test_resource.py"),
        (
            "if not storage.redeem_code(presented.item.digest, tokens, now, presented.settled()):\n            self.context.end_reused(presented.grant)\n",
            "if not storage.redeem_code(presented.item.digest, tokens, now, presented.settled()):\n",
            "tests/oauth/test_guards.py",
        ),
        (
            "            self.context.end_reused(presented.grant)\n            raise InvalidGrantError(REFUSED)\n",
            "            self.context.end_reused(presented.grant)\n",
            "tests/oauth/test_guards.py",
        ),
        (
            "        self.context.storage.redeem_code(authorization_code.item.digest, (), self.context.clock())\n",
            "        pass\n",
            "tests/oauth/test_authlib_traps.py",
        ),
        (
            "if token.is_alive(grant, now) or token.may_repeat(grant, now, self.context.refresh_grace):",
            "if token.is_alive(grant, now):",
        ),
        (
            "        if token.spent:\n            self.context.end_reused(grant)\n",
            "",
            "tests/oauth/test_registered_clients.py",
        ),
        (
            "if not storage.rotate(presented.item.digest, tokens, now, grant, grace=grace):",
            "if not storage.rotate(presented.item.digest, tokens, now, grant):",
        ),
        ("            self._end_unless_repeated(presented)\n", "", "tests/oauth/test_guards.py"),
        (
            "            self._end_unless_repeated(presented)\n            raise InvalidGrantError(REFUSED)\n",
            "            self._end_unless_repeated(presented)\n",
        ),
        ("if found is None or not found[1].may_repeat(found[0], now, self.context.refresh_grace):", "if True:"),
        (
            "[*grant.TOKEN_RESPONSE_HEADER, *grant.context.dpop.nonce_header().items()]",
            "[*grant.TOKEN_RESPONSE_HEADER]",
            "tests/oauth/test_parts_alone.py",
        ),
    ],
)

PAR = mutants(
    "flask_cimd/oauth/server/par.py",
    "tests/oauth/test_par.py",
    [
        ("        except CIMDError as error:\n            return self._refuse(ClientResolutionError(error))\n", ""),
        ("        check_form(request)\n", ""),
        ("            with asked_by(self._sender()):\n", "            if True:\n", "tests/provider/test_strangers.py"),
        ('        if "request_uri" in form:\n', "        if False:\n"),
        (
            '(("code_challenge", asked.code_challenge), ("state", asked.state)):',
            '(("code_challenge", asked.code_challenge),):',
        ),
        ("if not self._context.storage.use_once(key, now + _REMEMBERED, now):", "if False:"),
        (
            "keep_pushed(digest_of(handle), asked, now + LIFETIME, now)",
            "keep_pushed(handle, asked, now + LIFETIME, now)",
            "tests/oauth/test_parts_alone.py",
        ),
        ("        if asked.state is None:\n", "        if False:\n"),
        (
            "if not asked.scope and not asked.resource and isinstance(client, URLClient) and _is_of_profile(client):",
            "if False:",
        ),
        (
            'client.metadata.source in ("document", "virtual") and not client.metadata.atproto_problems',
            'client.metadata.source in ("document", "virtual")',
            "tests/oauth/test_guards.py",
        ),
        ("    if announced not in (None, proof.thumbprint):", "    if False:"),
    ],
)

REGISTRATION = mutants(
    "flask_cimd/oauth/server/registration.py",
    "tests/oauth/test_registration.py",
    [
        ("add(kept, now, network):", "add(kept, now):"),
        ("network_of(request.remote_addr, ipv4_prefix=24, ipv6_prefix=48)", 'request.remote_addr or ""'),
    ],
)

OAUTH_DIRECT: list[Mutant] = [*ASSERTION, *CLIENT_AUTHENTICATION, *PRESENTATION, *GRANTS, *PAR, *REGISTRATION]
