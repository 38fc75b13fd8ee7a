"""`ServerContext` by itself: whom it knows as a client today, what it grants, and which tokens are alive."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flask_cimd import CIMDError, ConfigurationError
from flask_cimd.errors import IdentifierError, RegistrationEndedError, StorageError
from flask_cimd.oauth import MemoryStorage, ServerContext
from flask_cimd.oauth.errors import ClientResolutionError
from tests.oauth.test_registered_clients import OwnClient
from tests.support.browser import publish_client
from tests.support.origin import TLSOrigin
from tests.support.provider_app import NOTES, ProviderSite

MakeSite = Callable[..., ProviderSite]


def slug_of(run: Callable[[], Any]) -> str:
    with pytest.raises(CIMDError) as caught:
        run()
    return caught.value.slug


@pytest.mark.parametrize("issuer", ["http://me.example", "https://me.example/", "https://", "ftp://127.0.0.1", "me"])
def test_an_issuer_is_https_or_of_this_computer(site: ProviderSite, issuer: str) -> None:
    with pytest.raises(ConfigurationError, match="issuer"):
        ServerContext(clients=site.cimd, storage=site.storage, issuer=issuer)
    for good in ("https://me.example", "http://127.0.0.1:5000", "http://localhost", "https://me.example/a"):
        assert ServerContext(clients=site.cimd, storage=site.storage, issuer=good).issuer == good


def test_a_client_is_one_that_the_app_registered_or_one_of_today(make_site: MakeSite, origin: TLSOrigin) -> None:
    own = OwnClient("own")
    site = make_site(registered=lambda client_id: own if client_id == "own" else None)
    client_id = publish_client(origin)
    context = site.server.context
    with site.app.test_request_context():
        assert context.client_of("own", None) is None
        assert slug_of(lambda: context.metadata_of("own", None)) == "unknown-client"
        assert slug_of(lambda: context.client_of("nobody", None)) == "unknown-client"
        metadata = context.query_client(client_id, None).metadata
        assert context.metadata_of(client_id, metadata) == metadata
        assert context.query_client("own", "profile") is own
        assert context.query_client("nobody", None) is None
        site.cimd.allow_client(lambda client: client.client_id != client_id)
        assert slug_of(lambda: context.client_of(client_id, metadata)) == "client-refused"


def test_the_profile_of_the_at_protocol_counts_where_its_scope_is_granted(site: ProviderSite) -> None:
    without = ServerContext(clients=site.cimd, storage=site.storage, issuer="https://me.example", scopes=["profile"])
    assert site.server.context.is_atproto("atproto profile")
    assert not site.server.context.is_atproto("profile")
    assert not without.is_atproto("atproto profile")


def test_a_scope_counts_where_it_is_defined(make_site: MakeSite) -> None:
    context = make_site(resources=[NOTES]).server.context
    found = context.find_resource(context.issuer)
    assert found is not None
    assert set(found.scopes) == set(context.scopes)
    assert context.find_resource("https://nowhere.example/") is None
    assert context.scope_at("profile other", ()) == "profile other"
    assert context.scope_at("profile notes:read", [NOTES.identifier]) == "notes:read"
    assert context.scope_at("profile notes:read other", [NOTES.identifier, context.issuer]) == "profile notes:read"


class Faulty(MemoryStorage):
    """A storage whose look-ups fail.

    Attributes:
        fault: what they raise.
    """

    fault: Exception | None = None

    def find_token(self, digest: str) -> Any:
        if self.fault is not None:
            raise self.fault
        return super().find_token(digest)

    def find_code(self, digest: str) -> Any:
        if self.fault is not None:
            raise self.fault
        return super().find_code(digest)


def test_a_grant_that_another_version_wrote_is_no_server_error(make_site: MakeSite) -> None:
    storage = Faulty()
    context = make_site(storage=storage).server.context
    storage.fault = IdentifierError("unreadable-snapshot", "https://app.example/c.json")
    for find in (context.find_code, context.find_token):
        with pytest.raises(ClientResolutionError) as caught:
            find("x")
        assert caught.value.cause is storage.fault
    assert context.find_access_token("x") is None


def test_an_outage_is_no_dead_token(make_site: MakeSite) -> None:
    storage = Faulty()
    context = make_site(storage=storage).server.context
    storage.fault = StorageError("storage-unavailable")
    with pytest.raises(StorageError):
        context.find_access_token("x")


@pytest.mark.parametrize(
    ("fault", "is_alive"),
    [
        (RegistrationEndedError("registration-ended", "own"), True),
        (IdentifierError("unknown-client", "own"), False),
        (StorageError("storage-unavailable"), None),
    ],
)
def test_a_token_of_a_registered_client_lives_as_long_as_policy_lets_it(
    make_site: MakeSite, fault: CIMDError, is_alive: bool | None
) -> None:
    faults: list[CIMDError] = []

    def registered(client_id: str) -> Any:
        if faults:
            raise faults[0]
        return OwnClient(client_id) if client_id == "own" else None

    site = make_site(registered=registered)
    context = site.server.context
    owner = site.owner()
    tokens = owner.tokens("own", redirect_uri="https://own.example/cb", scope="profile")
    with site.app.test_request_context():
        assert context.find_access_token(tokens["access_token"]) is not None
        assert context.find_access_token(tokens["refresh_token"]) is None
    faults.append(fault)
    with site.app.test_request_context():  # a registered client is looked up once a request
        if is_alive is None:
            with pytest.raises(StorageError):
                context.find_access_token(tokens["access_token"])
        else:
            assert (context.find_access_token(tokens["access_token"]) is not None) is is_alive
    site.clock.forward(minutes=15)
    faults.clear()
    with site.app.test_request_context():
        assert context.find_access_token(tokens["access_token"]) is None
