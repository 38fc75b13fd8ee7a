"""Remembered consent: requests that the provider approves without a page, because the person chose that earlier."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from ..core.clock import Clock
from ..core.metadata import ClientMetadata
from ..core.redirects import is_same_origin, redirect_kind
from ..oauth import AuthorizationRequest
from ..oauth.server.client_authentication import KEY_METHOD
from ..oauth.server.remembered import RememberedConsent, consent_key, in_order
from ..oauth.server.storage import ProviderStorage
from .lifetimes import Lifetimes

#: Lifetime of a remembered consent; afterwards the person is asked again.
REMEMBERED_FOR = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Remembering:
    """Stores and finds the remembered consents of one provider.

    Attributes:
        storage: storage of remembered consents.
        clock: returns the current time as an aware `datetime`.
        is_for_many: returns whether a host belongs to a service or domain that many developers share.
    """

    storage: ProviderStorage
    clock: Clock
    is_for_many: Callable[[str], bool]

    def is_possible(self, asked: AuthorizationRequest, client: ClientMetadata | None) -> bool:
        """Return whether the consent to a request may be remembered.

        Any site can send a person here with the ``client_id`` of a public client. The response then goes to the
        redirect URI without a click, so that URI must belong to the publisher of the ``client_id``: it must have the
        same https origin, on a host that one party controls. A client that must authenticate with a key proves its
        identity when it redeems the code (RFC 6749 §10.2, RFC 8252 §8.6). A response to a program on the person's
        computer or to an installed app could reach another program, so such a request always needs a page.
        """
        if client is None or client.source not in ("document", "page", "registered"):
            return False
        if redirect_kind(asked.redirect_uri) != "web" or not asked.redirect_uri.startswith("https://"):
            return False
        if asked.auth_method == KEY_METHOD or client.accepted_auth_methods == (KEY_METHOD,):
            return True
        if client.source == "registered" or client.identifier.scheme != "https":
            return False
        return is_same_origin(asked.redirect_uri, client.identifier) and not self.is_for_many(client.host)

    def find(
        self, asked: AuthorizationRequest, client: ClientMetadata | None, subject: str, lifetimes: Lifetimes
    ) -> RememberedConsent | None:
        """Return the consent that decides a request, or ``None`` if the person must decide."""
        if not self.is_possible(asked, client):
            return None
        found = self.storage.find_consent(consent_key(subject, asked), self.clock())
        if found is None or not found.fingerprint or found.fingerprint != asked.fingerprint:
            return None
        return found if lifetimes.chosen(found.lifetime) == found.lifetime else None

    def keep(self, asked: AuthorizationRequest, subject: str, granted: str, lifetime: str) -> None:
        """Store a decision for later equal requests of the same client."""
        now = self.clock()
        self.storage.remember_consent(
            RememberedConsent(
                subject=subject,
                client_id=asked.client_id,
                client=asked.client,
                fingerprint=asked.fingerprint,
                redirect_uri=asked.redirect_uri,
                asked=in_order(asked.scope),
                granted=granted,
                resource=tuple(sorted(asked.resource)),
                lifetime=lifetime,
                created_at=now,
                ends_at=now + REMEMBERED_FOR,
            )
        )
