"""Mutants of authorization requests, approval, introspection, revocation and registration."""

from __future__ import annotations

from .mutant import Mutant, mutants

PARAMETERS = mutants(
    "flask_cimd/oauth/server/parameters.py",
    "tests/oauth/test_authorization_endpoint.py",
    [
        ('if "client_id" in again or "redirect_uri" in again:', 'if "redirect_uri" in again:'),
        ('if "client_id" in again or "redirect_uri" in again:', 'if "client_id" in again:'),
        ('        if "request_uri" in again:\n', "        if False:\n", "tests/oauth/test_par.py"),
        ('    if not values.get("redirect_uri"):\n', "    if False:\n"),
        ('if len(values.get("state", "")) > _MAX_STATE:', "if False:"),
        ("    if value and len(value) > _MAX_HINT:", "    if False:"),
        ("    if value and len(value) > _MAX_HINT:", "    if value and len(value) >= _MAX_HINT:"),
        ('    if not values.get("response_type"):\n', "    if False:\n"),
        ('    if values["response_type"] != "code":', "    if False:", "tests/oauth/test_authlib_traps.py"),
        ("    if given and not _MAX_AGE.fullmatch(given):", "    if False:", "tests/oauth/test_step_up.py"),
        (
            "    if given and not _MAX_AGE.fullmatch(given):",
            "    if given and not _MAX_AGE.match(given):",
            "tests/oauth/test_step_up.py",
        ),
        ("    if not client.check_grant_type(grant_type):", "    if False:"),
        (
            '    if (SINGLE | {"resource"}) & set(without_empty(request.args)):',
            "    if False:",
            "tests/oauth/test_token_endpoint.py",
        ),
        ("    if again := repeated(request.form):", "    if again := []:", "tests/oauth/test_introspection.py"),
        (
            '    if request.headers.get("Authorization", "").lower().startswith("basic"):',
            "    if False:",
            "tests/oauth/test_token_endpoint.py",
        ),
    ],
)

CONTEXT = mutants(
    "flask_cimd/oauth/server/context.py",
    "tests/oauth/test_context.py",
    [
        ("        check_issuer(self.issuer, allow_http_loopback=True)\n", "        check_issuer(self.issuer)\n"),
        (
            "if not isinstance(client, URLClient) or not client.metadata.is_built_here:",
            "if not client.metadata.is_built_here:",
        ),
        ("        if not resources:\n            return scope\n", ""),
        (
            "            found = self.storage.find_token(digest_of(secret))\n        except UnavailableError:\n            raise\n",
            "            found = self.storage.find_token(digest_of(secret))\n",
        ),
        ("            raise\n        except CIMDError:\n            return None\n", "            raise\n"),
        ('token.kind == "access" and token.is_alive(grant, self.clock())', "token.is_alive(grant, self.clock())"),
        ('token.kind == "access" and token.is_alive(grant, self.clock())', 'token.kind == "access"'),
        ("return found if is_alive and self._is_admitted(grant) else None", "return found if is_alive else None"),
        (
            "                self.clients.find_registered(grant.client_id)\n            else",
            "                pass\n            else",
        ),
        ("return True  # the end of the registration", "return False  # the end of the registration"),
        ("expire normally\n        except UnavailableError:\n            raise\n", "expire normally\n"),
        (
            "        except CIMDError:\n            return False\n",
            "        except CIMDError:\n            return True\n",
        ),
    ],
)

OAUTH_REQUESTS: list[Mutant] = [*PARAMETERS, *CONTEXT]
