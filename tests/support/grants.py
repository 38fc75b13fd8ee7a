"""A grant as a storage returns it, for tests of the rules that decide from it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from flask_cimd.core.identifier import IdentifierRules, parse_identifier
from flask_cimd.core.metadata import ClientMetadata
from flask_cimd.oauth import Grant

CLIENT_ID = "https://app.example/client.json"
NOW = datetime(2026, 8, 1, 12, tzinfo=UTC)


def grant(**members: Any) -> Grant:
    """Return a grant of `CLIENT_ID` with the scope ``profile`` that was made at `NOW`."""
    usual: dict[str, Any] = {
        "id": "1",
        "client_id": CLIENT_ID,
        "client": None,
        "fingerprint": "",
        "subject": "me",
        "scope": "profile",
        "resource": (),
        "redirect_uri": "https://app.example/cb",
        "access_lifetime": timedelta(minutes=5),
        "created_at": NOW,
    }
    return Grant(**{**usual, **members})


def metadata(**members: Any) -> ClientMetadata:
    """Return the validated metadata of `CLIENT_ID`."""
    usual: dict[str, Any] = {
        "identifier": parse_identifier(CLIENT_ID, IdentifierRules()),
        "source": "document",
        "redirect_uris": ("https://app.example/cb",),
        "grant_types": ("authorization_code", "refresh_token"),
    }
    return ClientMetadata(**{**usual, **members})
