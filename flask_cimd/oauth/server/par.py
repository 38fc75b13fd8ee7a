"""Pushed authorization requests (RFC 9126): a client shows its request to the server before the person sees anything.

What was pushed is the transaction's snapshot: the page and the code are made from it, whatever the document says by
then. A ``request_uri`` may be opened again until the person decides, since reloads and previews visit first (§7.3).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749.errors import InvalidRequestError
from flask import Response, jsonify, request

from ...core.atproto import asks_for
from ...core.display import safe_description
from ...core.proof import Proof
from ...errors import CIMDError, DocumentError, FetchError, IdentifierError, RequestError, TooManyFetchesError
from ..client import URLClient
from ..dpop import InvalidProofError
from ..errors import ClientResolutionError
from ..replay import once_key
from .binding import require_other_key
from .parameters import REQUEST_URI, check_form
from .storage import AuthorizationRequest, ProviderStorage, Settlement, digest, new_secret

if TYPE_CHECKING:
    from .server import AuthorizationServer

#: How long a person may take from the app's button to the consent page.
LIFETIME = timedelta(minutes=5)
#: AT Protocol OAuth: a ``code_challenge`` and a ``state`` are not accepted again for at least a day.
_REMEMBERED = timedelta(days=1)


class PushedRequests:
    """The endpoint that takes requests, and what becomes of them.

    Args:
        server: validates requests and keeps them.
    """

    def __init__(self, server: AuthorizationServer) -> None:
        self._server = server

    def respond(self) -> Response:
        """Answer the pushed authorization request endpoint (RFC 9126 §2)."""
        try:
            asked = self._read()
            request_uri = REQUEST_URI + self._keep(asked)
        except OAuth2Error as error:
            return self._refuse(error)
        except CIMDError as error:
            return self._refuse(ClientResolutionError(error))
        answer = jsonify(request_uri=request_uri, expires_in=int(LIFETIME.total_seconds()))
        answer.status_code = 201
        answer.headers["Cache-Control"] = "no-store"
        answer.headers.update(self._server.dpop.nonce_header())
        return answer

    def find(self, request_uri: str, client_id: str) -> AuthorizationRequest:
        """Return what was pushed.

        Raises:
            RequestError: unknown, expired, decided already, or pushed by another client (RFC 9126 §4).
        """
        handle = digest(request_uri.removeprefix(REQUEST_URI))
        asked = self._server.storage.find_pushed(handle, self._server.clock())
        if asked is None or asked.client_id != client_id:
            raise _unknown(client_id)
        return replace(asked, pushed=handle)

    def settle(self, asked: AuthorizationRequest) -> None:
        """Make sure that a pushed request is decided once.

        Raises:
            RequestError: somebody decided already.
        """
        if asked.pushed and not self._server.storage.take_pushed(asked.pushed):
            raise _unknown(asked.client_id)

    def settle_with(self, settlement: Settlement, asked: AuthorizationRequest) -> None:
        """Carry out a decision that makes no grant, together with what the provider keeps of it.

        Raises:
            RequestError: the request was decided already.
        """
        storage = cast("ProviderStorage", self._server.storage)
        if not storage.settle(settlement, self._server.clock()):
            raise RequestError("request-decided", asked.client_id, hint="the request was decided already, or expired")

    # -- taking a request -----------------------------------------------------------------------------------------

    def _read(self) -> AuthorizationRequest:
        check_form(request)
        # RFC 9126 §2.1: "The request_uri authorization request parameter is one exception, and it MUST NOT be provided"
        if "request_uri" in request.form:
            raise InvalidRequestError("A pushed request must not hold a request_uri.")
        proof = self._server.dpop.read(request)
        authentication = self._server.authenticator.check_client(request.form, request.form.get("scope", ""))
        require_other_key(proof, authentication.key)
        self._server.authenticator.spend(authentication)
        asked = self._server.reader.read_parameters(is_pushed=True)
        _require_complete(asked, authentication.client)
        asked = replace(
            asked,
            dpop_jkt=_bound_key(proof, asked.dpop_jkt),
            auth_method=authentication.method,
            client_key=str(authentication.key) if authentication.key and asks_for(asked.scope) else None,
        )
        self._refuse_repetition(asked)
        return asked

    def _refuse_repetition(self, asked: AuthorizationRequest) -> None:
        """AT Protocol OAuth: neither ``code_challenge`` nor ``state`` of one client may come again."""
        if not asks_for(asked.scope):
            return
        now = self._server.clock()
        for name, value in (("code_challenge", asked.code_challenge), ("state", asked.state)):
            key = once_key("pushed", name, asked.client_id, value)
            if not self._server.storage.use_once(key, now + _REMEMBERED, now):
                raise InvalidRequestError(f"The {name} was used before; make one for every request.")

    def _keep(self, asked: AuthorizationRequest) -> str:
        handle, now = new_secret(), self._server.clock()
        self._server.storage.keep_pushed(digest(handle), asked, now + LIFETIME, now)
        return handle

    def _refuse(self, error: OAuth2Error) -> Response:
        """Answer with JSON; an error that would be redirected elsewhere is the client's own to read here."""
        error.redirect_uri = None
        busy = error.cause if isinstance(error, ClientResolutionError) else None
        if isinstance(error, ClientResolutionError) and asks_for(request.form.get("scope")):
            error = _explained(error)
        answer = self._server.answer_error(error)
        if isinstance(busy, TooManyFetchesError):
            answer.headers["Retry-After"] = str(busy.retry_after)
        return answer


def _require_complete(asked: AuthorizationRequest, client: Any) -> None:
    if asks_for(asked.scope):
        if asked.state is None:
            raise InvalidRequestError("The parameter state is missing.")
        return
    # A client of the AT Protocol that forgets the scope did not mean an ordinary request.
    if not asked.scope and not asked.resource and isinstance(client, URLClient) and _is_of_profile(client):
        raise InvalidRequestError("The parameter scope is missing.")


def _is_of_profile(client: URLClient) -> bool:
    return client.metadata.source in ("document", "virtual") and not client.metadata.atproto_problems


def _bound_key(proof: Proof | None, announced: str | None) -> str | None:
    """Return the key that the code will belong to; if it is named twice, both must agree (RFC 9449 §10.1)."""
    if proof is None:
        return announced
    if announced not in (None, proof.thumbprint):
        raise InvalidProofError("The dpop_jkt is not the key of the DPoP proof.")
    return proof.thumbprint


def _explained(error: ClientResolutionError) -> OAuth2Error:
    """Say to an app's developer what is wrong with the document: no other answer ever reaches them."""
    cause = error.cause
    told = isinstance(cause, FetchError | DocumentError | IdentifierError) and not isinstance(
        cause, TooManyFetchesError
    )
    if not told or cause.slug == "client-not-authenticated":
        return error
    text = cause.public_message
    if isinstance(cause, DocumentError):
        text = "; ".join(f"{problem.pointer or '/'} {problem.message}" for problem in cause.problems)
    elif isinstance(cause, IdentifierError) and cause.hint:
        text = f"client_id: {cause.hint}"
    return OAuth2Error(safe_description(text), error="invalid_client_metadata", status_code=400)


def _unknown(client_id: str) -> RequestError:
    return RequestError(
        "unknown-request-uri", client_id, hint="the request_uri is unknown, expired, used, or of another client"
    )
