"""Resolution of AT Protocol handles and DIDs to the account's server, verified in both directions.

Sources: https://atproto.com/specs/handle, https://atproto.com/specs/did, https://atproto.com/specs/oauth.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import unquote, urlsplit

from ..core.atproto import LOCAL_ENDINGS
from ..core.did import check_did, check_handle
from ..errors import FetchError
from .issuer import require_issuer
from .reading import Absent, Reading
from .server import Server, is_server_url

#: Returns the DIDs of a handle from DNS or another directory: the values of the TXT records of ``_atproto.HANDLE``,
#: with or without their prefix ``did=``.
ResolveHandle = Callable[[str], Sequence[str]]

PLC_DIRECTORY = "https://plc.directory"
_ACCOUNT_SERVICE = "AtprotoPersonalDataServer"


class Identities:
    """Resolves AT Protocol identities during one discovery.

    Args:
        reading: makes the guarded requests.
        plc_directory: origin that serves ``did:plc`` documents.
        resolve_handle: the app's look-up, usually in DNS; ``None`` uses only the handle's well-known URL.
    """

    def __init__(self, reading: Reading, plc_directory: str, resolve_handle: ResolveHandle | None) -> None:
        self._reading = reading
        self._plc_directory = plc_directory.rstrip("/")
        self._resolve_handle = resolve_handle

    def find_handle(self, handle: str) -> Server | None:
        """Return the server of a handle's account, or ``None`` if the handle does not exist.

        Raises:
            DiscoveryError: handle and DID do not name each other, or a later step fails.
            FetchError: a document cannot be fetched.
        """
        did = self._did_of(handle)
        if did is None:
            return None
        document = self.document(did)
        if handle_of(document) != handle:
            raise self._reading.refuse("handle-mismatch", "the DID document does not name this handle")
        return replace(self._server(document), found_by="handle", did=did, handle=handle)

    def find_did(self, did: str) -> Server:
        """Return the server of a DID's account.

        Raises:
            DiscoveryError: the DID or a later document is invalid.
            FetchError: a document cannot be fetched.
        """
        document = self.document(did)
        return replace(self._server(document), found_by="did", did=did, handle=self._verified_handle(document, did))

    def document(self, did: str) -> dict[str, Any]:
        """Return the document of a DID after checking that its ``id`` is that DID."""
        try:
            document = self._reading.json(self._document_url(did))
        except Absent as exc:
            raise self._reading.refuse("did-not-found", "the DID has no document") from exc
        if document.get("id") != did:
            raise self._reading.refuse("did-mismatch", "the document describes another DID")
        return document

    def _did_of(self, handle: str) -> str | None:
        """Return the DID of a handle from the app's look-up and the handle's host; both must agree."""
        listed = self._resolve_handle(handle) if self._resolve_handle else ()
        found = {one.strip().removeprefix("did=") for one in listed}
        well_known = self._well_known(handle, is_decided=bool(found))
        if well_known is not None:
            found.add(well_known)
        if len(found) > 1:
            raise self._reading.refuse("handle-ambiguous", "DNS and the handle's host name different DIDs")
        return found.pop() if found else None

    def _well_known(self, handle: str, *, is_decided: bool) -> str | None:
        if handle.rpartition(".")[2] in LOCAL_ENDINGS and handle not in self._reading.settings.development_hosts:
            return None
        try:
            text = self._reading.text(f"https://{handle}/.well-known/atproto-did")
        except Absent:
            return None
        except FetchError:
            # A handle in DNS does not need a web server.
            if is_decided:
                return None
            raise
        return text if text.startswith("did:") else None

    def _document_url(self, did: str) -> str:
        _checked_did(self._reading, did)
        if did.startswith("did:plc:"):
            return f"{self._plc_directory}/{did}"
        host = unquote(did.removeprefix("did:web:"))
        local = urlsplit(f"//{host}").hostname == "localhost"
        return f"{'http' if local else 'https'}://{host}/.well-known/did.json"

    def _server(self, document: dict[str, Any]) -> Server:
        account = self._account(document)
        try:
            metadata = self._reading.json(f"{account}/.well-known/oauth-protected-resource")
        except Absent as exc:
            raise self._reading.refuse("no-resource-metadata", "the account's server names no issuer") from exc
        servers = metadata.get("authorization_servers")
        if metadata.get("resource") != account:
            raise self._reading.refuse("resource-mismatch", "the metadata describes another resource")
        if not isinstance(servers, list) or len(servers) != 1 or not is_server_url(servers[0], self._reading.settings):
            raise self._reading.refuse("resource-without-server", "the account's server must name exactly one issuer")
        return replace(require_issuer(self._reading, servers[0]), account=account)

    def _account(self, document: dict[str, Any]) -> str:
        services = document.get("service")
        for service in services[:20] if isinstance(services, list) else ():
            if not isinstance(service, dict) or service.get("type") != _ACCOUNT_SERVICE:
                continue
            endpoint = service.get("serviceEndpoint")
            if str(service.get("id", "")).endswith("#atproto_pds") and is_server_url(endpoint, self._reading.settings):
                parts = urlsplit(str(endpoint))
                return f"{parts.scheme}://{parts.netloc}"
        raise self._reading.refuse("did-without-server", "the DID document names no account server")

    def _verified_handle(self, document: dict[str, Any], did: str) -> str | None:
        """Return the handle of a document if it resolves to the DID, else ``None``; an error also means ``None``."""
        handle = handle_of(document)
        try:
            return handle if handle and self._did_of(handle) == did else None
        except Exception:  # noqa: BLE001
            return None


def handle_of(document: dict[str, Any]) -> str | None:
    """Return the handle that a DID document names: its first ``at://`` alias."""
    aliases = document.get("alsoKnownAs")
    for alias in aliases[:20] if isinstance(aliases, list) else ():
        if isinstance(alias, str) and alias.startswith("at://"):
            try:
                return check_handle(alias.removeprefix("at://"))
            except ValueError:
                return None
    return None


def _checked_did(reading: Reading, text: str) -> str:
    try:
        did = check_did(text)
    except ValueError as exc:
        raise reading.refuse("unsupported-did", "use did:plc, or did:web for a whole host") from exc
    if "localhost" in did and not reading.settings.allow_loopback:
        raise reading.refuse("unsupported-did", "did:web:localhost is for development only")
    return did
