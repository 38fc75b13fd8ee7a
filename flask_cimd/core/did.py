"""Identities of the AT Protocol: handles, DIDs, and the document that a ``did:web`` needs to sign in.

Sources: https://atproto.com/specs/handle, https://atproto.com/specs/did, the did:web method of the W3C CCG.
"""

from __future__ import annotations

import re
from typing import Any

from .urls import WebURL, default_port

_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_HANDLE = re.compile(rf"(?:{_LABEL}\.)+[a-zA-Z](?:[a-zA-Z0-9-]{{0,61}}[a-zA-Z0-9])?")
_PLC = re.compile(r"did:plc:[a-z2-7]{24}")
#: Whole hosts only; a port is for ``localhost``.
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
    """Return a DID of a method that the AT Protocol knows.

    Raises:
        ValueError: it is neither ``did:plc`` nor a ``did:web`` of a whole host.
    """
    if not _PLC.fullmatch(text) and not _WEB.fullmatch(text):
        raise ValueError("a DID is did:plc:… or did:web: and a host")
    return text


def did_web(origin: str) -> str:
    """Return the DID of a web origin; on this computer ``localhost`` stands for its address, with the port.

    Anywhere else a DID names the host alone: its document lies at port 443, wherever the origin is served.
    """
    url = WebURL.parse(origin)
    if url is None:
        raise ValueError("an origin is an http or https URL")
    if url.scheme == "https" and (url.effective_port == default_port("https") or not url.is_loopback):
        return f"did:web:{url.host}"
    return f"did:web:localhost%3A{url.effective_port}"


def did_document(did: str, *, handle: str, endpoint: str) -> dict[str, Any]:
    """Return the document that leads from a DID to the origin where its owner signs in.

    Args:
        did: whom it is about.
        handle: the name that leads to the DID; both directions must agree.
        endpoint: the origin of the account's server, without a slash.
    """
    return {
        "@context": ["https://www.w3.org/ns/did/v1"],
        "id": did,
        "alsoKnownAs": [f"at://{handle}"],
        "service": [{"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": endpoint}],
    }
