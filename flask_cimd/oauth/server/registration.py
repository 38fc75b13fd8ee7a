"""Dynamic registration (RFC 7591): a bridge for clients that cannot name a URL of their own; off unless you add it.

Whoever asks is registered, so a registration proves nothing: the client is held by where its answers go, the
operator's rules about hosts are asked about every such place, and consent pages say that nobody vouches for the name.
There is no secret and no registration access token. Nothing is ever fetched.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol
from uuid import uuid4

from flask import Response, jsonify, request
from werkzeug.exceptions import RequestEntityTooLarge

from ...clients.directory import ClientDirectory
from ...core.clock import Clock, utc_now
from ...core.display import safe_description, safe_for_log
from ...core.metadata import ClientMetadata
from ...core.policy import Tier
from ...core.registration import PREFIX, identifiers, is_issued_here, parse_registration, registered_members
from ...core.rules import DocumentRules
from ...core.strict_json import StrictJSONError, read_object
from ...errors import CIMDError, DocumentError, PolicyDeniedError, RegistrationEndedError
from ..client import RegisteredClient

logger = logging.getLogger(__name__)

#: Bytes of a request.
LARGEST_REQUEST = 16 * 1024
#: Seconds after which it is worth while to ask again, once there are too many registrations.
_A_WHILE = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What is kept of a client that registered itself.

    Attributes:
        client_id: issued here.
        members: what was registered, as JSON text; it is judged anew on every use, by the rules of that day.
    """

    client_id: str
    members: str
    created_at: datetime


class RegistrationStorage(Protocol):
    """Where an app keeps registrations.

    Let a registration that no person ever approved end after a day, any other when it has not been used for months:
    nobody tells the server that an app is gone.
    """

    def add(self, registration: Registration, now: datetime) -> bool:
        """Keep a registration; ``False`` while there are too many that no person ever approved."""

    def find(self, client_id: str, now: datetime) -> Registration | None:
        """Return a registration that has not ended."""


class RegistrationEndpoint:
    """Registers clients, and finds them again::

        registration = RegistrationEndpoint(cimd, storage)
        cimd.init_app(app, db=db, registered=registration.find)

    Args:
        clients: applies the operator's policy; a `CIMD` is one.
        storage: where registrations are kept.
        clock: returns the current aware instant.
    """

    def __init__(self, clients: ClientDirectory, storage: RegistrationStorage, *, clock: Clock = utc_now) -> None:
        self._clients = clients
        self._storage = storage
        self._clock = clock

    def respond(self) -> Response:
        """Answer the current request (RFC 7591 §3). Limit by address how often it is called."""
        try:
            members, client_id = _read(), PREFIX + uuid4().hex
            metadata = self._welcome(parse_registration(members, client_id, self._rules))
        except StrictJSONError as error:
            return _refuse(400, "invalid_client_metadata", error.message)
        except DocumentError as error:
            return _refuse(400, *_explained(error))
        except CIMDError as error:
            logger.info("registration refused: %s (%s)", error.slug, safe_for_log(error.hint))
            status = 403 if isinstance(error, PolicyDeniedError) else error.status
            return _refuse(status, "access_denied", error.public_message)
        now, registered = self._clock(), registered_members(metadata)
        kept = Registration(client_id=client_id, members=json.dumps(registered), created_at=now)
        if not self._storage.add(kept, now):
            logger.warning("registration refused: too many that nobody approved")
            answer = _refuse(429, "temporarily_unavailable", "Too many new applications. Try again later.")
            answer.headers["Retry-After"] = str(_A_WHILE)
            return answer
        issued_at = int(now.timestamp())
        return _answer(201, {"client_id": client_id, "client_id_issued_at": issued_at, **registered})

    def find(self, client_id: str) -> RegisteredClient | None:
        """Return a client that registered itself; ``None`` for a name that is never issued here.

        Raises:
            CIMDError: `RegistrationEndedError`, `PolicyDeniedError`, or `DocumentError` if the rules became stricter.
        """
        if not is_issued_here(client_id):
            return None
        kept = self._storage.find(client_id, self._clock())
        if kept is None:
            raise RegistrationEndedError("registration-ended", client_id, hint="never made, unused or too long idle")
        return RegisteredClient(self._welcome(parse_registration(json.loads(kept.members), client_id, self._rules)))

    @property
    def _rules(self) -> DocumentRules:
        return self._clients.settings.document_rules

    def _welcome(self, metadata: ClientMetadata) -> ClientMetadata:
        """Return the client as the least trusted of the places where it wants its answers.

        Raises:
            PolicyDeniedError: one of them is not let in, or a rule of the app says no.
        """
        places, admission = identifiers(metadata), self._clients.admission
        for place in places:
            admission.require(place)
        order = list(Tier)
        least = max(places, key=lambda place: order.index(admission.tier(place)))
        return self._clients.readmit(replace(metadata, identifier=least))


def _read() -> dict[str, Any]:
    if request.mimetype != "application/json":
        raise StrictJSONError("media-type", "send the registration as application/json")
    # One byte more than is taken: without a Content-Length, what is longer is cut instead of refused.
    request.max_content_length = LARGEST_REQUEST + 1
    try:
        body = request.get_data()
    except RequestEntityTooLarge:
        body = None
    if body is None or len(body) > LARGEST_REQUEST:
        raise StrictJSONError("too-large", f"the registration must be at most {LARGEST_REQUEST} bytes")
    return read_object(body)


def _explained(error: DocumentError) -> tuple[str, str]:
    """Return the error code of RFC 7591 §3.2.2 and what to mend."""
    at_redirects = any(problem.pointer.startswith("/redirect_uris") for problem in error.problems)
    text = "; ".join(f"{problem.pointer or '/'} {problem.message}" for problem in error.problems)
    return "invalid_redirect_uri" if at_redirects else "invalid_client_metadata", text


def _refuse(status: int, error: str, description: str) -> Response:
    return _answer(status, {"error": error, "error_description": safe_description(description)})


def _answer(status: int, members: dict[str, Any]) -> Response:
    answer = jsonify(members)
    answer.status_code = status
    answer.headers["Cache-Control"] = "no-store"
    return answer
