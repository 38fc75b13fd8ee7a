"""Identities of the AT Protocol: handles, DIDs, and the document of a ``did:web``.

Sources: https://atproto.com/specs/handle, https://atproto.com/specs/did, the did:web method of the W3C CCG.
"""

from __future__ import annotations

import re
from typing import Any

from .urls import WebURL, default_port

_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_HANDLE = re.compile(rf"(?:{_LABEL}\.)+[a-zA-Z](?:[a-zA-Z0-9-]{{0,61}}[a-zA-Z0-9])?")
_PLC = re.compile(r"did:plc:[a-z2-7]{24}")
#: Hosts without a path; only ``localhost`` may have a port.
_WEB = re.compile(rf"did:web:(?:localhost(?:%3A[1-9][0-9]{{0,4}})?|(?:{_LABEL}\.)+{_LABEL})")
_MAX_HANDLE = 253


def check_handle(text: str) -> str:
    """Return a handle in lower case.

    Raises:
        ValueError: it is not a domain name of at least two labels.
    """
    if len(text) > _MAX_HANDLE or not _HANDLE.fullmatch(text):
        raise ValueError("a handle is a domain name, such as me.example.com")
    return text.lower()


def check_did(text: str) -> str:
    """Return a DID of a method that the AT Protocol supports.

    Raises:
        ValueError: it is neither ``did:plc`` nor a ``did:web`` of a host without a path.
    """
    if not _PLC.fullmatch(text) and not _WEB.fullmatch(text):
        raise ValueError("a DID is did:plc:… or did:web: and a host")
    return text


def did_web(origin: str) -> str:
    """Return the ``did:web`` of an origin: its host, or ``localhost`` and the port for an origin on this computer.

    The document of a ``did:web`` is always fetched at port 443, so the port of a public origin is not part of it.

    Raises:
        ValueError: the text is not an http or https URL.
    """
    url = WebURL.parse(origin)
    if url is None:
        raise ValueError("an origin is an http or https URL")
    if url.scheme == "https" and (url.effective_port == default_port("https") or not url.is_loopback):
        return f"did:web:{url.host}"
    return f"did:web:localhost%3A{url.effective_port}"


def did_document(did: str, *, handle: str, endpoint: str) -> dict[str, Any]:
    """Return the DID document that names a handle and the server of the account.

    Args:
        did: the subject of the document.
        handle: the handle; it must resolve to the DID.
        endpoint: the origin of the account's server, without a slash at the end.
    """
    return {
        "@context": ["https://www.w3.org/ns/did/v1"],
        "id": did,
        "alsoKnownAs": [f"at://{handle}"],
        "service": [{"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": endpoint}],
    }
