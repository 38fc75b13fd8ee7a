"""Clients that an app registered itself, when they ask for the AT Protocol."""

from __future__ import annotations

import pytest
from authlib.oauth2 import OAuth2Error

from flask_cimd.oauth.server.atproto import check_profile
from tests.support.proves import proves


class Registered:
    """A row of the app's own table, as Authlib asks it."""

    def __init__(self, client_id: str) -> None:
        self._client_id = client_id

    def get_client_id(self) -> str:
        return self._client_id


@proves("AT-26")
@pytest.mark.parametrize("client_id", ["https://app.example/client.json", "http://app.example/"])
def test_a_registered_identifier_is_no_url(client_id: str) -> None:
    with pytest.raises(OAuth2Error) as caught:
        check_profile(Registered(client_id))

    assert caught.value.error == "invalid_client_metadata"


@proves("AT-26")
def test_a_registered_client_needs_no_document() -> None:
    check_profile(Registered("my-own-app"))
