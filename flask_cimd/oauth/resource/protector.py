"""A decorator for views that need an access token: at the authorization server itself, or in any other Flask app.

    notes = ResourceProtector(lambda secret: stored_access(server, secret), audience="https://me.example/notes")

    @app.get("/notes")
    @notes("read")
    def read():
        return load_notes(current_access.subject)

A function looks tokens up: `stored_access` at the server itself, `IntrospectedTokens` in another process. A list of
schemes defines how requests may present tokens: ``Bearer``, ``DPoP`` or your own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial, wraps
from typing import Any, ParamSpec

from flask import Response, after_this_request, current_app, g, jsonify
from flask import request as current_request
from werkzeug.exceptions import ServiceUnavailable
from werkzeug.local import LocalProxy
from werkzeug.wrappers import Request

from ...core.clock import utc_now
from ...core.resources import resource_key
from ..access import Access
from ..challenge import Challenge, challenge_header
from ..cors import CrossOrigin, is_preflight
from ..resource_metadata import resource_metadata_url
from .schemes import BearerScheme, TokenRefused, TokenScheme

P = ParamSpec("P")
#: RFC 6750 §2.1 ``b64token``; RFC 9449 §7.1 has the same.
_TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*")


class TokensUnavailableError(Exception):
    """The rights of tokens cannot be looked up now; the response has status 503."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """An accepted request.

    Attributes:
        access: the rights of its token.
        headers: additional headers of the response, such as ``DPoP-Nonce``.
    """

    access: Access
    headers: Mapping[str, str]


class ResourceProtector:
    """Admits requests with a valid token for this resource that has the scopes of the view.

    Attributes:
        cross_origin: the rule for scripts of other origins.

    Args:
        find: returns the rights of a token, or ``None`` if it is unknown, expired or revoked; raises
            `TokensUnavailableError` if the look-up fails.
        audience: the identifier of the resource (RFC 8707), which a token must name; or a function that returns it,
            for apps that know it only at run time.
        implied: scopes that a broad scope includes, such as ``{"write": {"read"}}``.
        schemes: the accepted ways to present a token; challenges have this order.
        max_age: maximum age of the log-in of the person who approved (RFC 9470); ``None`` for no limit.
        accept_form: also read ``access_token`` from an urlencoded form (RFC 6750 §2.2); Micropub requires it.
        respond: returns the body of a refusal; the protector then sets status and challenge.
        origins: origins whose scripts may send requests, such as ``https://app.example``; ``None`` allows every
            origin, because requests authenticate with a token and not with a cookie.
        clock: returns the current time as an aware `datetime`.
    """

    def __init__(
        self,
        find: Callable[[str], Access | None],
        *,
        audience: str | Callable[[], str],
        implied: Mapping[str, Collection[str]] | None = None,
        schemes: Sequence[TokenScheme] = (BearerScheme(),),
        max_age: timedelta | None = None,
        accept_form: bool = False,
        respond: Callable[[TokenRefused], Response] | None = None,
        origins: Collection[str] | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._find = find
        self._audience = audience
        self._implied = implied or {}
        self._schemes = {scheme.name.lower(): scheme for scheme in schemes}
        self._max_age = max_age
        self._accept_form = accept_form
        self._respond = respond or _as_json
        self.cross_origin = CrossOrigin(None if origins is None else frozenset(origins))
        self._clock = clock

    @property
    def audience(self) -> str:
        """The identifier of the resource."""
        return self._audience if isinstance(self._audience, str) else self._audience()

    def __call__(self, *scopes: str) -> Callable[[Callable[P, Any]], Callable[P, Response]]:
        """Return the decorator for a view that needs all of these scopes; the view reads `current_access`."""

        def decorate(view: Callable[P, Any]) -> Callable[P, Response]:
            @wraps(view)
            def protected(*args: P.args, **kwargs: P.kwargs) -> Response:
                if current_request.method == "OPTIONS":
                    return self._answer_options()
                after_this_request(self._allow_origin)
                try:
                    admitted = self.admit(*scopes)
                    g.flask_cimd_access = admitted.access
                    after_this_request(partial(_with_headers, admitted.headers))
                    return current_app.make_response(current_app.ensure_sync(view)(*args, **kwargs))
                except TokenRefused as refused:
                    return self.refuse(refused, scopes)
                except TokensUnavailableError as error:
                    raise ServiceUnavailable(retry_after=5) from error

            # Flask reads both: it would answer OPTIONS itself, without a word about other origins.
            options: Any = protected
            options.provide_automatic_options, options.required_methods = False, {"OPTIONS"}
            return protected

        return decorate

    def _answer_options(self) -> Response:
        """Answer a CORS preflight request, which has no token."""
        answer: Response = current_app.make_default_options_response()
        if is_preflight(current_request.method, current_request.headers):
            answer.status_code = 204
            answer.headers.update(self.cross_origin.preflight(current_request.headers, answer.headers["Allow"]))
        return answer

    def _allow_origin(self, answer: Response) -> Response:
        """Add CORS headers to a response; keep those that the app has set."""
        for name, value in self.cross_origin.headers(current_request.headers.get("Origin")).items():
            if name == "Vary":
                answer.vary.add(value)
            else:
                answer.headers.setdefault(name, value)
        return answer

    def admit(self, *scopes: str, request: Request | None = None) -> Admitted:
        """Return the rights of a request's token, with headers for the response.

        Args:
            scopes: required scopes.
            request: the request; defaults to Flask's current request.

        Raises:
            TokenRefused: the request has no valid token, or a required scope is missing.
            TokensUnavailableError: the look-up failed.
        """
        request = current_request if request is None else request
        scheme, secret = self._presented(request)
        headers: Mapping[str, str] = {}
        try:
            access = self._accepted(secret)
            headers = scheme.check(request, secret, access)
            self._require_fresh(access)
            self.require(access, *scopes)
        except TokenRefused as refused:
            refused.scheme = scheme.name
            refused.headers = {**headers, **refused.headers}
            raise
        return Admitted(access=access, headers=headers)

    def _accepted(self, secret: str) -> Access:
        access = self._find(secret)
        if access is None or not self._is_for_this(access):
            # MCP token handling: a token for another resource is invalid here, like an expired token.
            raise TokenRefused(401, "invalid_token", "The token is expired, revoked or meant for another resource.")
        return access

    def _is_for_this(self, access: Access) -> bool:
        audience = self.audience
        return audience in access.audience or resource_key(audience) in map(resource_key, access.audience)

    def _require_fresh(self, access: Access) -> None:
        if self._max_age is None:
            return
        if access.auth_time is None or self._clock() - access.auth_time > self._max_age:
            raise TokenRefused(
                401,
                "insufficient_user_authentication",
                "The person must log in again.",
                attributes={"max_age": str(int(self._max_age.total_seconds()))},
            )

    def require(self, access: Access, *scopes: str) -> None:
        """Require scopes that depend on the content of the request; call it inside a protected view.

        Raises:
            TokenRefused: status 403; the challenge names all these scopes, so one consent is enough.
        """
        held = access.scope.union(*(self._implied.get(scope, ()) for scope in access.scope))
        if not held.issuperset(scopes):
            raise TokenRefused(403, "insufficient_scope", "The token does not allow this.", scope=scopes)

    def refuse(self, refused: TokenRefused, scopes: Collection[str] = ()) -> Response:
        """Return the response to a refused request, with a challenge for every scheme."""
        answer = self._respond(refused)
        answer.status_code = refused.status
        answer.headers.update(refused.headers)
        answer.headers["Cache-Control"] = "no-store"
        answer.headers["WWW-Authenticate"] = self.challenge(refused, refused.scope or scopes)
        return self._allow_origin(answer)

    def challenge(self, refused: TokenRefused, scopes: Collection[str]) -> str:
        """Return the value of ``WWW-Authenticate``; the scheme that the request used comes first."""
        names = sorted(self._schemes, key=lambda name: name != (refused.scheme or "").lower())
        return challenge_header(self._challenge(self._schemes[name], refused, scopes) for name in names)

    def _challenge(self, scheme: TokenScheme, refused: TokenRefused, scopes: Collection[str]) -> Challenge:
        is_theirs = refused.scheme is None or refused.scheme.lower() == scheme.name.lower()
        return Challenge(
            scheme=scheme.name,
            error=refused.error if is_theirs else None,
            description=refused.description if is_theirs and refused.error else None,
            scope=scopes,
            resource_metadata=resource_metadata_url(self.audience),
            more={**scheme.attributes(), **(refused.attributes if is_theirs else {})},
        )

    def _presented(self, request: Request) -> tuple[TokenScheme, str]:
        """Return the token of the request, never from the query (RFC 6750 §2: "MUST NOT use more than one method")."""
        name, _, secret = request.headers.get("Authorization", "").partition(" ")
        scheme = self._schemes.get(name.lower())
        in_form = request.form.getlist("access_token") if self._accept_form and _is_form(request) else []
        ways = (scheme is not None) + len(in_form) + len(request.args.getlist("access_token"))
        if ways > 1:
            raise TokenRefused(400, "invalid_request", "Send the token once, in the Authorization header.")
        if in_form:
            scheme, secret = self._schemes.get("bearer"), in_form[0]
        if scheme is None:
            raise TokenRefused(401)
        if not _TOKEN.fullmatch(secret.strip(" ")):
            raise TokenRefused(400, "invalid_request", "The token is malformed.", scheme=scheme.name)
        return scheme, secret.strip(" ")


def _with_headers(headers: Mapping[str, str], response: Response) -> Response:
    response.headers.update(headers)
    return response


def _current() -> Access:
    found: Access | None = g.get("flask_cimd_access")
    if found is None:
        raise RuntimeError("current_access is only there inside a view that a ResourceProtector decorates")
    return found


#: The `Access` of the current request.
current_access: Access = LocalProxy(_current)  # type: ignore[assignment]  # the proxy has the type of its object


def _is_form(request: Request) -> bool:
    return request.mimetype == "application/x-www-form-urlencoded"


def _as_json(refused: TokenRefused) -> Response:
    # RFC 6750 §3.1: no error code in the challenge to a request without credentials; the body may have one.
    body = {"error": refused.error or "unauthorized"}
    if refused.description:
        body["error_description"] = refused.description
    return jsonify(body)
