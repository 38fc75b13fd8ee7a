"""Endpoint for pushed authorization requests (RFC 9126).

The pushed request is a snapshot: consent page and code are made from it, even if the client's document changes
meanwhile. A ``request_uri`` stays usable until a person decides, because reloads and link previews may open it first
(RFC 9126 §7.3).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749.errors import InvalidRequestError
from flask import Response, jsonify, request

from ...core.addresses import network_of
from ...core.atproto import asks_for_atproto
from ...core.digests import digest_of
from ...core.display import safe_description
from ...core.proof import Proof
from ...core.requester import Stranger, asked_by
from ...errors import CIMDError, DocumentError, FetchError, IdentifierError, TooManyFetchesError
from ..client import URLClient
from ..dpop import InvalidProofError
from ..errors import ClientResolutionError, json_error
from ..replay import once_key
from .atproto import possible_scope
from .authorization_request import RequestReader
from .binding import require_other_key
from .context import ServerContext
from .parameters import REQUEST_URI, check_form, form_of
from .request_snapshot import AuthorizationRequest
from .storage import new_secret

#: Lifetime of a pushed request, from the client's push to the person's decision.
LIFETIME = timedelta(minutes=5)
#: AT Protocol OAuth: a server refuses a ``code_challenge`` or ``state`` that it has seen within a day.
_REMEMBERED = timedelta(days=1)


class PushedRequests:
    """Endpoint for pushed authorization requests.

    With Authlib's own server class, bind `AuthorizationCodeGrant` to the same context: its consent grant then accepts
    the ``request_uri``.

    Args:
        context: the server that validates and stores the requests.
    """

    def __init__(self, context: ServerContext) -> None:
        self._context = context
        self._reader = RequestReader(context)

    def respond(self) -> Response:
        """Answer Flask's current request (RFC 9126 §2)."""
        try:
            with asked_by(self._sender()):
                asked = self._read()
            request_uri = REQUEST_URI + self._keep(asked)
        except OAuth2Error as error:
            return self._refuse(error)
        except CIMDError as error:
            return self._refuse(ClientResolutionError(error))
        answer = jsonify(request_uri=request_uri, expires_in=int(LIFETIME.total_seconds()))
        answer.status_code = 201
        answer.headers["Cache-Control"] = "no-store"
        answer.headers.update(self._context.dpop.nonce_header())
        return answer

    def _sender(self) -> Stranger:
        storage, now = self._context.storage, self._context.clock()
        return Stranger(
            network_of(request.remote_addr, ipv6_prefix=48), lambda client_id: storage.has_living_grant(client_id, now)
        )

    def _read(self) -> AuthorizationRequest:
        check_form(request)
        # RFC 9126 §2.1: "The request_uri authorization request parameter is one exception, and it MUST NOT be provided"
        form = form_of(request)
        if "request_uri" in form:
            raise InvalidRequestError("A pushed request must not hold a request_uri.")
        proof = self._context.dpop.read(request)
        scope_of = partial(possible_scope, self._context, values=form, proves_key=proof is not None)
        authentication = self._context.authenticator.check_client(form, scope_of)
        require_other_key(proof, authentication.key)
        self._context.authenticator.spend(authentication)
        asked = self._reader.read_parameters(is_pushed=True, proves_key=proof is not None)
        _require_complete(asked, authentication.client)
        asked = replace(
            asked,
            dpop_jkt=_bound_key(proof, asked.dpop_jkt),
            auth_method=authentication.method,
            client_key=str(authentication.key) if authentication.key and asks_for_atproto(asked.scope) else None,
        )
        self._refuse_repetition(asked)
        return asked

    def _refuse_repetition(self, asked: AuthorizationRequest) -> None:
        """Refuse a repeated ``code_challenge`` or ``state`` of one client (AT Protocol OAuth)."""
        if not asks_for_atproto(asked.scope):
            return
        now = self._context.clock()
        for name, value in (("code_challenge", asked.code_challenge), ("state", asked.state)):
            key = once_key("pushed", name, asked.client_id, value)
            if not self._context.storage.use_once(key, now + _REMEMBERED, now):
                raise InvalidRequestError(f"The {name} was used before; make one for every request.")

    def _keep(self, asked: AuthorizationRequest) -> str:
        handle, now = new_secret(), self._context.clock()
        self._context.storage.keep_pushed(digest_of(handle), asked, now + LIFETIME, now)
        return handle

    def _refuse(self, error: OAuth2Error) -> Response:
        """Return an error as JSON, also one that the authorization endpoint would send to the redirect URI."""
        busy = error.cause if isinstance(error, ClientResolutionError) else None
        if isinstance(error, ClientResolutionError) and asks_for_atproto(form_of(request).get("scope")):
            error = _explained(error)
        answer = json_error(error, self._context.dpop.nonce_header())
        if isinstance(busy, TooManyFetchesError):
            answer.headers["Retry-After"] = str(busy.retry_after)
        return answer


def _require_complete(asked: AuthorizationRequest, client: Any) -> None:
    if asks_for_atproto(asked.scope):
        if asked.state is None:
            raise InvalidRequestError("The parameter state is missing.")
        return
    # AT Protocol OAuth: a request of such a client without scope is a mistake, not an ordinary request.
    if not asked.scope and not asked.resource and isinstance(client, URLClient) and _is_of_profile(client):
        raise InvalidRequestError("The parameter scope is missing.")


def _is_of_profile(client: URLClient) -> bool:
    return client.metadata.source in ("document", "virtual") and not client.metadata.atproto_problems


def _bound_key(proof: Proof | None, announced: str | None) -> str | None:
    """Return the thumbprint that the code is bound to; proof and ``dpop_jkt`` must agree (RFC 9449 §10.1)."""
    if proof is None:
        return announced
    if announced not in (None, proof.thumbprint):
        raise InvalidProofError("The dpop_jkt is not the key of the DPoP proof.")
    return proof.thumbprint


def _explained(error: ClientResolutionError) -> OAuth2Error:
    """Return an error whose description names the broken rules: the client's developer sees nothing else."""
    cause = error.cause
    told = isinstance(cause, FetchError | DocumentError | IdentifierError) and not isinstance(
        cause, TooManyFetchesError
    )
    if not told:
        return error
    text = cause.public_message
    if isinstance(cause, DocumentError):
        text = "; ".join(f"{problem.pointer or '/'} {problem.message}" for problem in cause.problems)
    elif isinstance(cause, IdentifierError) and cause.hint:
        text = f"client_id: {cause.hint}"
    return OAuth2Error(safe_description(text), error="invalid_client_metadata", status_code=400)
