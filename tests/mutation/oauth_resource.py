"""Mutants of DPoP and of protected resources."""

from __future__ import annotations

from .mutant import Mutant, mutants

DPOP = mutants(
    "flask_cimd/oauth/dpop.py",
    "tests/oauth/test_dpop_reader.py",
    [
        ("return [*super().get_headers(), *self._nonce_header.items()]", "return [*super().get_headers()]"),
        ('self._origin = f"{parts.scheme}://{parts.netloc}"', "self._origin = origin"),
        ("        if field is None:\n            return None\n", "        if not field:\n            return None\n"),
        ("method=request.method,", 'method="POST",', "tests/oauth/test_dpop.py"),
        ('request.root_path.rstrip("/") + request.path', "request.path"),
        ("access_token=access_token,", "access_token=None,", "tests/oauth/test_asgi_dpop.py"),
        ("algorithms=self.algorithms,\n            )", 'algorithms=("ES256", "RS256"),\n            )'),
        (
            "raise InvalidProofError(error.message, nonce_header=self.nonce_header()) from error",
            "raise InvalidProofError(error.message) from error",
        ),
        (
            "if proof.nonce is None or not self._nonces().accepts(proof.nonce, now):",
            "if proof.nonce is not None and not self._nonces().accepts(proof.nonce, now):",
            "tests/oauth/test_dpop.py",
        ),
        (
            "if proof.nonce is None or not self._nonces().accepts(proof.nonce, now):",
            "if proof.nonce is None:",
            "tests/oauth/test_dpop.py",
        ),
        ("raise UseNonceError(nonce_header=self.nonce_header())", "raise UseNonceError()"),
        (
            'if not self._replay_cache.use_once(once_key("proof", proof.thumbprint, proof.jti), proof.expires_at, now):',
            "if False:",
            "tests/oauth/test_asgi_dpop.py",
        ),
        ('once_key("proof", proof.thumbprint, proof.jti)', 'once_key("proof", proof.jti)'),
        (
            'once_key("proof", proof.thumbprint, proof.jti)',
            'once_key("proof", proof.thumbprint)',
            "tests/oauth/test_dpop.py",
        ),
        ("proof.expires_at, now):", "now, now):", "tests/oauth/test_asgi_dpop.py"),
        ("raise InvalidProofError(used, nonce_header=self.nonce_header())", "raise InvalidProofError(used)"),
        ("if key is None and has_app_context():", "if has_app_context():"),
        ("if key is None and has_app_context():", "if False:"),
        ("if key is None and has_app_context():", "if key is None:"),
        ("hmac.digest(base or self._random_key,", 'hmac.digest(base or b"",'),
    ],
)

PROOF = mutants(
    "flask_cimd/core/proof.py",
    "tests/core/test_proof.py",
    [
        ("    if not isinstance(jwk, dict):\n", "    if False:\n"),
        ("or kty not in _KEY_TYPES:", "or False:"),
        ("not isinstance(iat, int | float) or not 0", "not 0"),
        (" or not text.isascii():", ":"),
        ("except (StrictJSONError, binascii.Error) as exc:", "except binascii.Error as exc:"),
        (
            "        key = import_key(jwk)\n        return _Signer(header=header, key=key, registry=registry, thumbprint=key.thumbprint())\n    except (JoseError, ValueError, TypeError, KeyError, AttributeError)",
            "        key = import_key(jwk)\n        return _Signer(header=header, key=key, registry=registry, thumbprint=key.thumbprint())\n    except ZeroDivisionError",
        ),
        (
            ".payload\n        except (JoseError, ValueError, TypeError, KeyError, AttributeError)",
            ".payload\n        except ZeroDivisionError",
        ),
        ("{parsed.origin}{_ESCAPE.sub(_normal_escape, parsed.path or '/')}", "{parsed.origin}{parsed.path or '/'}"),
        ("_ESCAPE.sub(_normal_escape, parsed.path or '/')", "_ESCAPE.sub(_normal_escape, parsed.path)"),
        ("made = hashlib.sha256(access_token", "made = hashlib.sha1(access_token"),
        ('jti=_text(claims.get("jti"), "jti"),', 'jti=str(claims.get("jti")),'),
    ],
)

PROTECTOR = mutants(
    "flask_cimd/oauth/resource/protector.py",
    "tests/oauth/test_protect.py",
    [
        ("            refused.scheme = scheme.name\n", ""),
        ("            headers = scheme.check(request, secret, access)\n", "", "tests/oauth/test_asgi_dpop.py"),
        ("            self._require_fresh(access)\n", "", "tests/oauth/test_step_up.py"),
        ("            self.require(access, *scopes)\n", ""),
        (
            "if access.auth_time is None or self._clock() - access.auth_time > self._max_age:",
            "if access.auth_time is not None and self._clock() - access.auth_time > self._max_age:",
            "tests/oauth/test_step_up.py",
        ),
        (
            "if access.auth_time is None or self._clock() - access.auth_time > self._max_age:",
            "if access.auth_time is None:",
            "tests/oauth/test_step_up.py",
        ),
        (
            "if access.auth_time is None or self._clock() - access.auth_time > self._max_age:",
            "if access.auth_time is None or self._clock() - access.auth_time >= self._max_age:",
            "tests/oauth/test_step_up.py",
        ),
        ('attributes={"max_age": str(int(self._max_age.total_seconds()))},', "", "tests/oauth/test_step_up.py"),
        ("held = access.scope.union(*(self._implied.get(scope, ()) for scope in access.scope))", "held = access.scope"),
        ("        if not held.issuperset(scopes):\n", "        if held.isdisjoint(scopes) and scopes:\n"),
        ("scope=scopes)\n\n    def refuse", "scope=())\n\n    def refuse"),
        ("        answer.status_code = refused.status\n", ""),
        ("        answer.headers.update(refused.headers)\n", ""),
        ('        answer.headers["Cache-Control"] = "no-store"\n', ""),
        ('key=lambda name: name != (refused.scheme or "").lower())', "key=str)", "tests/oauth/test_asgi_dpop.py"),
        ("error=refused.error if is_theirs else None,", "error=refused.error,"),
        ("resource_metadata=resource_metadata_url(self.audience),", ""),
        ("if self._accept_form and _is_form(request) else []", "if _is_form(request) else []"),
        (' + len(request.args.getlist("access_token"))', ""),
        ("        if ways > 1:\n", "        if False:\n"),
        (
            "        if scheme is None:\n            raise TokenRefused(401)\n",
            "        if scheme is None:\n            raise TokenRefused(403)\n",
            "tests/oauth/test_authlib_traps.py",
        ),
        ('        if not _TOKEN.fullmatch(secret.strip(" ")):\n', "        if False:\n"),
        ("    if found is None:\n        raise RuntimeError", "    if False:\n        raise RuntimeError"),
        (
            "                except TokensUnavailableError as error:\n",
            "                except ZeroDivisionError as error:\n",
            "tests/oauth/test_introspected.py",
        ),
        (
            "raise ServiceUnavailable(retry_after=5) from error",
            "raise ServiceUnavailable() from error",
            "tests/oauth/test_introspected.py",
        ),
        ("                    after_this_request(partial(_with_headers, admitted.headers))\n", ""),
    ],
)

SCHEMES = mutants(
    "flask_cimd/oauth/resource/schemes.py",
    "tests/oauth/test_dpop.py",
    [
        ("        if access.key_thumbprint is not None:\n", "        if False:\n"),
    ],
)

DPOP_SCHEME = mutants(
    "flask_cimd/oauth/resource/dpop_scheme.py",
    "tests/oauth/test_dpop.py",
    [
        ("    if access.key_thumbprint is None:\n", "    if False:\n"),
        ("dpop.read(request, access_token=secret)", "dpop.read(request)"),
        ("    except OAuth2Error as error:\n", "    except ZeroDivisionError as error:\n"),
        ("    if proof is None:\n", "    if False:\n"),
        ("    if not hmac.compare_digest(proof.thumbprint, access.key_thumbprint):\n", "    if False:\n"),
        ("            refused.headers.update(headers)\n", "", "tests/oauth/test_asgi_dpop.py"),
        ("        return headers\n", "        return {}\n", "tests/oauth/test_asgi_dpop.py"),
    ],
)

INTROSPECTED = mutants(
    "flask_cimd/oauth/resource/introspected.py",
    "tests/oauth/test_introspected.py",
    [
        (
            'if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK_HOSTS):',
            "if False:",
        ),
        ('(parts.scheme == "http" and parts.hostname in LOOPBACK_HOSTS)', 'parts.scheme == "http"'),
        ('(parts.scheme == "http" and parts.hostname in LOOPBACK_HOSTS)', "parts.hostname in LOOPBACK_HOSTS"),
        ("quote_plus(server_id), quote_plus(secret)", "server_id, secret"),
        ('found.get("active") is not True or', 'not found.get("active") or'),
        (
            'found.get("active") is not True or found.get("iss", self._issuer) != self._issuer:',
            'found.get("active") is not True:',
        ),
        (
            "except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as exc:",
            "except (TypeError, ValueError, AttributeError, OverflowError) as exc:",
        ),
        (
            "except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as exc:",
            "except (KeyError, ValueError, AttributeError, OverflowError) as exc:",
        ),
        (
            "except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as exc:",
            "except (KeyError, TypeError, ValueError, OverflowError) as exc:",
        ),
        (
            "except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as exc:",
            "except (KeyError, TypeError, ValueError, AttributeError) as exc:",
        ),
        ("audience=frozenset([audience] if isinstance(audience, str) else audience),", "audience=frozenset(audience),"),
        ('expires_at=datetime.fromtimestamp(found["exp"], UTC) if "exp" in found else None,', ""),
        ('auth_time=datetime.fromtimestamp(found["auth_time"], UTC) if "auth_time" in found else None,', ""),
        ('key_thumbprint=found["cnf"]["jkt"] if "cnf" in found else None,', ""),
        ("except (requests.RequestException, ValueError) as exc:", "except ValueError as exc:"),
        ("if answer.status_code != 200 or not isinstance(found, dict):", "if not isinstance(found, dict):"),
        ("if answer.status_code != 200 or not isinstance(found, dict):", "if answer.status_code != 200:"),
    ],
)

ASGI = mutants(
    "flask_cimd/oauth/resource/asgi.py",
    "tests/oauth/test_asgi_guards.py",
    [
        ('        if scope["type"] == "lifespan":\n', '        if scope["type"] != "http":\n'),
        ('await send({"type": "websocket.close", "code": 1008})', "await self._app(scope, receive, send)"),
        (
            "        except _ClientLeft:\n            return\n",
            "        except _ClientLeft:\n            body = b''\n",
            "tests/oauth/test_asgi.py",
        ),
        (
            '        if body is None:\n            await _answer(send, 413, {"error": "invalid_request"})\n            return\n',
            "        body = body or b''\n",
        ),
        ("        if len(body) > longest:\n", "        if len(body) >= longest:\n"),
        ("refused.scope or self._needed_to_enter(body))", "refused.scope)"),
        ("**refused.headers})\n        except", "})\n        except", "tests/oauth/test_asgi_dpop.py"),
        ("        except TokensUnavailableError:\n", "        except ZeroDivisionError:\n"),
        (', {"Retry-After": "5"})', ")"),
        ("_with_headers(admitted.headers, send))", "send)", "tests/oauth/test_asgi_dpop.py"),
        ('            scope["flask_cimd_access"] = admitted.access\n', ""),
        (
            "        except TokenRefused:\n            return self._entry\n",
            "        except ZeroDivisionError:\n            return self._entry\n",
        ),
        ("[*self._entry, *self._needs(body)]", "[*self._entry]"),
        ("            self._protector.require(access, *self._needs(body))\n", "            pass\n"),
        ("            refused.headers = {**admitted.headers, **refused.headers}\n", ""),
        ('            refused.scheme = request.headers["Authorization"].partition(" ")[0]\n', ""),
        (
            "list(dict.fromkeys([*sorted(access.scope), *refused.scope])) if refused.scope else ()",
            "list(refused.scope)",
        ),
        ('builder.query_string = scope.get("query_string", b"").decode("latin-1")', "pass"),
        ('"PATH_INFO": path_info}', "}", "tests/oauth/test_asgi_dpop.py"),
        (
            '        if message["type"] == "http.disconnect":\n            raise _ClientLeft\n',
            '        if message["type"] == "http.disconnect":\n            return body\n',
            "tests/oauth/test_asgi.py",
        ),
        ("return waiting.pop() if waiting else await receive()", "return waiting[0]"),
        ('if added and message["type"] == "http.response.start":', "if False:", "tests/oauth/test_asgi_dpop.py"),
    ],
)

OAUTH_RESOURCE: list[Mutant] = [*DPOP, *PROOF, *PROTECTOR, *SCHEMES, *DPOP_SCHEME, *INTROSPECTED, *ASGI]
