"""Dynamic registration (RFC 7591) for clients without a URL; disabled by default.

Anybody can register, so a registration proves nothing. The redirect URIs identify the client: the operator's rules
about hosts apply to each of them, and consent pages state that the name is unverified. Clients get no secret and no
registration access token. Registration makes no fetch.
"""

from __future__ import annotations

import json
import logging
from codecs import BOM_UTF8
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol
from uuid import uuid4

from flask import Response, jsonify, request
from werkzeug.exceptions import RequestEntityTooLarge

from ...clients.directory import ClientDirectory
from ...core.addresses import network_of
from ...core.clock import Clock, utc_now
from ...core.display import safe_description, safe_for_log
from ...core.metadata import ClientMetadata
from ...core.policy import Tier
from ...core.redirects import ACCEPTED_WITH
from ...core.registration import PREFIX, identifiers, is_issued_here, parse_registration, registered_members
from ...core.rules import DocumentRules
from ...core.strict_json import StrictJSONError, read_object
from ...errors import CIMDError, DocumentError, PolicyDeniedError, RegistrationEndedError
from ..client import RegisteredClient

logger = logging.getLogger(__name__)

#: Maximum size of a request body in bytes.
LARGEST_REQUEST = 16 * 1024
#: ``Retry-After`` in seconds while there are too many registrations.
_A_WHILE = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """The stored registration of a client.

    Attributes:
        client_id: the identifier that this server issued.
        members: the registered metadata as JSON text; every use checks it again with the current rules.
        created_at: time of the registration, an aware `datetime`.
    """

    client_id: str
    members: str
    created_at: datetime


class RegistrationStorage(Protocol):
    """Protocol of an app's storage of registrations.

    Expire a registration without a person's approval after a day, and any other after months without use: clients do
    not deregister.
    """

    def add(self, registration: Registration, now: datetime, network: str = "") -> bool:
        """Store a registration; return ``False`` while there are too many without approval.

        Prefer dropping the oldest registration without approval, first of the same network, over refusing a new one.

        Args:
            registration: the client.
            now: the aware instant.
            network: the sender's network, such as ``192.0.2.0/24`` or ``2001:db8:1::/48``.
        """

    def find(self, client_id: str, now: datetime) -> Registration | None:
        """Return a registration that has not expired."""


class RegistrationEndpoint:
    """Registers clients and looks them up::

        registration = RegistrationEndpoint(cimd, storage)
        cimd.init_app(app, db=db, registered=registration.find)

    Args:
        clients: applies the operator's policy; a `CIMD` is one.
        storage: stores registrations.
        clock: returns the current time as an aware `datetime`.
    """

    def __init__(self, clients: ClientDirectory, storage: RegistrationStorage, *, clock: Clock = utc_now) -> None:
        self._clients = clients
        self._storage = storage
        self._clock = clock

    def respond(self) -> Response:
        """Answer Flask's current request (RFC 7591 §3). Rate-limit this endpoint by address."""
        try:
            members, client_id = _read(), PREFIX + uuid4().hex
            metadata = self._welcome(parse_registration(members, client_id, self._rules))
        except StrictJSONError as error:
            return _refuse(400, "invalid_client_metadata", error.message)
        except DocumentError as error:
            settings = {ACCEPTED_WITH[one.rule] for one in error.problems if one.rule in ACCEPTED_WITH}
            logger.info("registration refused: %s", safe_for_log("; ".join((error.hint, *sorted(settings)))))
            return _refuse(400, *_explained(error))
        except CIMDError as error:
            logger.info("registration refused: %s (%s)", error.slug, safe_for_log(error.hint))
            status = 403 if isinstance(error, PolicyDeniedError) else error.status
            return _refuse(status, "access_denied", error.public_message)
        now, registered = self._clock(), registered_members(metadata)
        kept = Registration(client_id=client_id, members=json.dumps(registered), created_at=now)
        network = network_of(request.remote_addr, ipv4_prefix=24, ipv6_prefix=48)
        if not self._storage.add(kept, now, network):
            logger.warning("registration refused: too many registrations without approval")
            answer = _refuse(429, "temporarily_unavailable", "Too many new apps. Try again later.")
            answer.headers["Retry-After"] = str(_A_WHILE)
            return answer
        issued_at = int(now.timestamp())
        return _answer(201, {"client_id": client_id, "client_id_issued_at": issued_at, **registered})

    def find(self, client_id: str) -> RegisteredClient | None:
        """Return a dynamically registered client; ``None`` for an identifier of another form.

        Raises:
            CIMDError: `RegistrationEndedError`, `PolicyDeniedError`, or `DocumentError` under stricter current rules.
        """
        if not is_issued_here(client_id):
            return None
        kept = self._storage.find(client_id, self._clock())
        if kept is None:
            raise RegistrationEndedError("registration-ended", client_id, hint="unknown, or expired without use")
        return RegisteredClient(self._welcome(parse_registration(json.loads(kept.members), client_id, self._rules)))

    @property
    def _rules(self) -> DocumentRules:
        return self._clients.settings.document_rules

    def _welcome(self, metadata: ClientMetadata) -> ClientMetadata:
        """Return the metadata with the identifier of its least trusted redirect host.

        Raises:
            PolicyDeniedError: the policy refuses a redirect host, or an ``allow_client`` hook refuses the client.
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
    # One byte above the limit: without Content-Length, Werkzeug truncates a longer body instead of refusing it.
    request.max_content_length = LARGEST_REQUEST + 1
    try:
        body = request.get_data()
    except RequestEntityTooLarge:
        body = None
    if body is None or len(body) > LARGEST_REQUEST:
        raise StrictJSONError("too-large", f"the registration must be at most {LARGEST_REQUEST} bytes")
    return read_object(body.removeprefix(BOM_UTF8))  # RFC 8259 §8.1 lets a reader ignore one; it counts as bytes


def _explained(error: DocumentError) -> tuple[str, str]:
    """Return the error code of RFC 7591 §3.2.2 and the broken rules."""
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
