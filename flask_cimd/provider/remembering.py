"""Remembered consent: which requests may be approved without a page, because their person asked for that before."""

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

#: Time after which a remembered consent ends, so that the person is asked once more.
REMEMBERED_FOR = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Remembering:
    """Stores and finds the remembered consents of one provider.

    Attributes:
        storage: keeps them.
        clock: returns the current time as an aware `datetime`.
        is_for_many: says whether a host belongs to a service or domain that many developers share.
    """

    storage: ProviderStorage
    clock: Clock
    is_for_many: Callable[[str], bool]

    def is_possible(self, asked: AuthorizationRequest, client: ClientMetadata | None) -> bool:
        """Return whether the consent to a request may be remembered.

        Anybody can send a person here with the ``client_id`` of a public client. The response then goes to the
        client's own site without a click, so that site must be the one that published the ``client_id``: the redirect
        URI has the same https origin, on a host that one party controls. A client that must authenticate with a key
        proves itself when it redeems the code (RFC 6749 §10.2, RFC 8252 §8.6). A response to a program on this
        computer or to an installed app could reach another program: such a request is never approved without a page.
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
        """Return the consent that decides a request, or ``None`` if the person is to be asked."""
        if not self.is_possible(asked, client):
            return None
        found = self.storage.find_consent(consent_key(subject, asked), self.clock())
        if found is None or not found.fingerprint or found.fingerprint != asked.fingerprint:
            return None
        return found if lifetimes.chosen(found.lifetime) == found.lifetime else None

    def keep(self, asked: AuthorizationRequest, subject: str, granted: str, lifetime: str) -> None:
        """Remember a decision for the same request of the same client."""
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
