"""From whatever a person enters to one authorization server: a URL, a handle, a DID or a protected resource.

The kinds are tried in one order. A document that contradicts the address ends the search: a second issuer on the way is
an error, never a fallback.
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
    """Finds servers for one client.

    Args:
        settings: how connections are made.
        plc_directory: origin that serves the documents of ``did:plc``.
        resolve_handle: the app's own look-up of handles, usually in DNS.
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
        """Return the server behind what a person entered.

        The order: a DID or handle, by its form; the URL as an issuer; as a protected resource; as a profile page. A
        host name alone is a handle if it resolves as one, else the URL of that host.

        Args:
            entered: at most 2048 characters.
            kind: try this kind alone.
            challenge: the ``WWW-Authenticate`` field of a response with status 401 or 403 from this URL.

        Raises:
            DiscoveryError: no kind leads to a server, or a document contradicts the address.
            FetchError: an address cannot be read at the moment.
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
        """Return where a page leads, by relation.

        Raises:
            DiscoveryError: there is no such page.
            FetchError: it cannot be read at the moment.
        """
        reading = Reading(self._fetcher, self._settings, url)
        try:
            _, page = reading.page(self._url(reading, url))
        except Absent as exc:
            raise reading.refuse("no-page", "there is no page at this address") from exc
        return read_links(reading, page, relations)

    def identities(self, entered: str) -> Identities:
        """Return a resolver of identities with a deadline of its own."""
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
        """Return the URL that a person means; https is added to a host alone."""
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
                reading.page(url)  # without a token, for the challenge of a refusal
                return None
            return find_profile(reading, url)
        except Absent as absent:
            header = absent.headers.get("www-authenticate", "") if absent.status == 401 else ""
            if kind == "page":
                return None
            return follow_challenge(reading, url, header) or find_origin_resource(reading, url)
