"""The snapshot of a validated authorization request, the source of consent page, code and redirect."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields

from ...core.metadata import ClientMetadata
from ..client import read_snapshot, unreadable


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationRequest:
    """The snapshot of a validated authorization request, the source of consent page, code and redirect.

    Attributes:
        client_id: the raw identifier.
        client: the client's metadata as this request saw it; ``None`` for a client that the app registered.
        fingerprint: digest of the metadata that consent depends on; empty for a registered client.
        redirect_uri: the matched redirect URI, exactly as the client sent it.
        scope: the requested scopes that this server and the client know, separated by spaces.
        state: the client's ``state``, returned byte for byte; ``None`` if the request has none.
        auth_method: authentication method with which the client pushed the request; empty for a plain request.
        client_key: the key of the assertion with which the client pushed the request, if the session is bound to it.
        dpop_jkt: thumbprint of the DPoP key that the code is bound to (RFC 9449 §10).
        response_mode: ``query``, ``fragment`` or ``form_post``.
        login_hint: the account that the client expects, as the client sent it.
        max_age: maximum age of the log-in in seconds; 0 requires a new log-in (RFC 9470 §4).
        pushed: digest of the ``request_uri`` of a pushed request; the decision spends it (RFC 9126).
        resource: requested resource indicators (RFC 8707).
        prompt: values of the parameter ``prompt`` (OpenID Connect Core §3.1.2.1).
    """

    client_id: str
    client: ClientMetadata | None
    fingerprint: str
    redirect_uri: str
    scope: str
    state: str | None
    code_challenge: str
    resource: tuple[str, ...] = ()
    auth_method: str = ""
    client_key: str | None = None
    dpop_jkt: str | None = None
    response_mode: str = "query"
    login_hint: str | None = None
    max_age: int | None = None
    pushed: str | None = None
    prompt: tuple[str, ...] = ()

    def to_json(self) -> str:
        """Return the request as JSON text; store it on the server, never in a form or cookie."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return json.dumps({**values, "client": self.client.to_json() if self.client else None})

    @classmethod
    def from_json(cls, text: str) -> AuthorizationRequest:
        """Return the request that `to_json` wrote.

        Raises:
            DocumentError: another version of this library wrote the text.
        """
        try:
            values = json.loads(text)
            client = None if values["client"] is None else read_snapshot(values["client_id"], values["client"])
            lists = {name: tuple(values.get(name, ())) for name in ("resource", "prompt")}
            return cls(**{**values, "client": client, **lists})
        except (ValueError, TypeError, KeyError) as exc:
            raise unreadable("") from exc
