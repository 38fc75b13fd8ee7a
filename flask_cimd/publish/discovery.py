"""Discovery of the authorization server for a URL, a handle, a DID or a protected resource.

The kinds are tried in a fixed order. A document that contradicts the address ends the discovery with an error; there is
no fallback to a second issuer.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Literal
from urllib.parse import urlsplit

from ..core.did import check_handle
from ..fetch.fetcher import FetchSettings
from .identity import PLC_DIRECTORY, Identities, ResolveHandle
from .issuer import find_issuer
from .profile_page import canonical_url, find_profile, read_links
from .protected_resource import find_origin_resource, find_resource, follow_challenge
from .reading import Absent, Reading, discovery_fetcher
from .server import Server, is_server_url

Kind = Literal["account", "issuer", "resource", "page"]

_MOST_CHARACTERS = 2048


class Discovery:
    """Discovers servers for one client.

    Args:
        settings: settings of the connections.
        plc_directory: origin that serves ``did:plc`` documents.
        resolve_handle: the app's look-up of handles, usually in DNS.
    """

    def __init__(
        self,
        settings: FetchSettings,
        *,
        plc_directory: str = PLC_DIRECTORY,
        resolve_handle: ResolveHandle | None = None,
    ) -> None:
        self._settings = settings
        self._fetcher = discovery_fetcher(settings)
        self._plc_directory = plc_directory
        self._resolve_handle = resolve_handle

    def discover(self, entered: str, *, kind: Kind | None = None, challenge: str | None = None) -> Server:
        """Return the authorization server for an address.

        The order is: a DID or handle, recognised by its form; the URL as an issuer, as a protected resource, and as a
        profile page. A host name alone is a handle if it resolves as one; otherwise it means the https URL of the host.

        Args:
            entered: the user's input, at most 2048 characters.
            kind: the only kind to try; ``None`` tries all.
            challenge: the ``WWW-Authenticate`` field of a response with status 401 or 403 from this URL.

        Raises:
            DiscoveryError: no kind leads to a server, or a document contradicts the address.
            FetchError: a URL cannot be fetched now.
        """
        text = entered.strip()
        reading = Reading(self._fetcher, self._settings, text[:_MOST_CHARACTERS])
        if not text or len(text) > _MOST_CHARACTERS or not text.isprintable() or " " in text:
            raise reading.refuse("not-an-address", "enter an https address, a handle or a DID")
        if kind in (None, "account") and challenge is None and (found := self._by_account(reading, text)):
            return found
        if kind == "account":
            raise reading.refuse("handle-not-found", "no identity is known by this handle")
        url = self._url(reading, text)
        reading.entered = url
        found = follow_challenge(reading, url, challenge) if challenge else None
        found = found or self._by_url(reading, url, kind)
        if found is None:
            raise reading.refuse("no-server", "neither the address nor its page leads to an authorization server")
        return replace(found, entered=url)

    def links(self, url: str, relations: Collection[str]) -> dict[str, tuple[str, ...]]:
        """Return the link targets of a page by relation.

        Raises:
            DiscoveryError: the page does not exist, is not HTML, or has more than 20 targets for one relation.
            FetchError: the page cannot be fetched now.
        """
        reading = Reading(self._fetcher, self._settings, url)
        try:
            _, page = reading.page(self._url(reading, url))
        except Absent as exc:
            raise reading.refuse("no-page", "there is no page at this address") from exc
        return read_links(reading, page, relations)

    def identities(self, entered: str) -> Identities:
        """Return an identity resolver with its own deadline."""
        return Identities(Reading(self._fetcher, self._settings, entered), self._plc_directory, self._resolve_handle)

    def _by_account(self, reading: Reading, text: str) -> Server | None:
        name = text.removeprefix("at://").removeprefix("@")
        identities = Identities(reading, self._plc_directory, self._resolve_handle)
        if name.startswith("did:"):
            return replace(identities.find_did(name), entered=name)
        try:
            handle = check_handle(name)
        except ValueError:
            return None
        found = identities.find_handle(handle)
        if found is None and name != text:
            raise reading.refuse("handle-not-found", "no identity is known by this handle")
        return replace(found, entered=handle) if found else None

    def _url(self, reading: Reading, text: str) -> str:
        """Return the URL for the user's input; a host name alone means its https URL."""
        if "://" not in text:
            text = f"https://{text}"
        try:
            parts = urlsplit(text)
            host = (parts.hostname or "").encode("idna").decode()
            port = f":{parts.port}" if parts.port else ""
        except (ValueError, UnicodeError) as exc:
            raise reading.refuse("not-an-address", "enter an https address, a handle or a DID") from exc
        if "@" in parts.netloc:
            raise reading.refuse("userinfo", "enter the address without a user name")
        literal = f"[{host}]" if ":" in host else host
        url = parts._replace(netloc=f"{literal}{port}", fragment="").geturl()
        if not is_server_url(url, self._settings):
            raise reading.refuse("not-an-address", "not an https address of a public host")
        return canonical_url(url)

    def _by_url(self, reading: Reading, url: str, kind: Kind | None) -> Server | None:
        if kind in (None, "issuer") and (found := find_issuer(reading, url)):
            return found
        if kind in (None, "resource") and (found := find_resource(reading, url)):
            return found
        if kind == "issuer":
            return None
        try:
            if kind == "resource":
                reading.page(url)  # without a token: a refusal carries the challenge
                return None
            return find_profile(reading, url)
        except Absent as absent:
            header = absent.headers.get("www-authenticate", "") if absent.status == 401 else ""
            if kind == "page":
                return None
            return follow_challenge(reading, url, header) or find_origin_resource(reading, url)
