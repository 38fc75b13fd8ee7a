"""Consents that a person asked the server to remember: the same request is then approved without a page."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ...core.metadata import ClientMetadata
from .request_snapshot import AuthorizationRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class RememberedConsent:
    """A decision that the server repeats for the same request of the same client.

    Attributes:
        subject: the person who decided.
        client: the client's metadata at the decision; ``None`` if this version cannot read it.
        fingerprint: digest of the metadata that consent depends on.
        redirect_uri: the redirect URI of the request, which must be the same again.
        asked: the requested scopes in alphabetical order, separated by spaces.
        granted: the scopes that the person left selected, separated by spaces.
        resource: the requested resources in alphabetical order.
        lifetime: key of the lifetime that the person chose; empty without a choice.
        ends_at: end of the consent, an aware `datetime`; afterwards the person is asked again.
    """

    subject: str
    client_id: str
    client: ClientMetadata | None
    fingerprint: str
    redirect_uri: str
    asked: str
    granted: str
    resource: tuple[str, ...]
    lifetime: str
    created_at: datetime
    ends_at: datetime

    @property
    def key(self) -> str:
        """Digest of person, client, redirect URI, scopes and resources; the storage has one consent per key."""
        return _digest(self.subject, self.client_id, self.redirect_uri, self.asked, self.resource)


def consent_key(subject: str, asked: AuthorizationRequest) -> str:
    """Return the storage key of this person's consent to a request."""
    scope, resource = in_order(asked.scope), tuple(sorted(asked.resource))
    return _digest(subject, asked.client_id, asked.redirect_uri, scope, resource)


def in_order(scope: str) -> str:
    """Return the scopes of a request in alphabetical order."""
    return " ".join(sorted(set(scope.split())))


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


class ConsentStorage(Protocol):
    """Protocol of the storage of remembered consents."""

    def remember_consent(self, consent: RememberedConsent) -> None:
        """Store a consent in place of one with the same key."""

    def find_consent(self, key: str, now: datetime) -> RememberedConsent | None:
        """Return the consent with a key unless it has ended."""

    def consents(self, subject: str, client_ids: Collection[str], now: datetime) -> list[RememberedConsent]:
        """Return the consents of a person for these clients that have not ended, the newest first.

        Read their metadata with `read_for_display`.
        """

    def forget_consent(self, subject: str, key: str) -> bool:
        """Delete one consent of a person; ``False`` if they have no such consent."""
