"""The resolver on its own: no Flask app, no app context."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import redis

from flask_cimd import ClientIdentifier, ClientMetadata, PolicyDeniedError
from flask_cimd.clients import ClientResolver, MemoryStore, Settings
from flask_cimd.stores import RedisStore
from tests.support.clock import Clock
from tests.support.origin import TLSOrigin, publish_document


@pytest.fixture
def settings(ca_bundle: Path) -> Settings:
    return Settings.from_config({"CIMD_ALLOW_LOOPBACK": True, "CIMD_CA_BUNDLE": str(ca_bundle)})


def test_a_url_becomes_a_client_that_the_store_keeps(settings: Settings, origin: TLSOrigin, clock: Clock) -> None:
    store, url = MemoryStore(), publish_document(origin)
    resolver = ClientResolver(settings, store=store, clock=clock)

    assert resolver.resolve(url).client_name == "App"
    assert resolver.resolve(url).client_name == "App"
    assert (list(store), len(origin.requests)) == ([url], 1)


def test_resolvers_without_a_store_do_not_share_one(settings: Settings, origin: TLSOrigin) -> None:
    url = publish_document(origin)

    for _ in range(2):
        ClientResolver(settings).resolve(url)

    assert len(origin.requests) == 2


def test_the_hooks_decide(settings: Settings, origin: TLSOrigin) -> None:
    url = publish_document(origin)

    def refuse_fetch(identifier: ClientIdentifier) -> bool:
        return identifier.raw != url

    def refuse_client(client: ClientMetadata) -> bool:
        return client.client_id != url

    with pytest.raises(PolicyDeniedError) as refused:
        ClientResolver(settings, allow_fetch=[refuse_fetch]).resolve(url)
    assert (refused.value.slug, len(origin.requests)) == ("fetch-refused", 0)
    with pytest.raises(PolicyDeniedError) as refused:
        ClientResolver(settings, allow_client=[refuse_client]).resolve(url)
    assert (refused.value.slug, len(origin.requests)) == ("client-refused", 1)


def test_resolvers_of_several_processes_share_a_redis_store(
    settings: Settings, origin: TLSOrigin, private_redis: tuple[redis.Redis, str]
) -> None:
    client, prefix = private_redis
    url = publish_document(origin)

    for _ in range(2):
        resolver = ClientResolver(settings, store=RedisStore(client, prefix=prefix))
        assert resolver.resolve(url).client_name == "App"

    assert len(origin.requests) == 1


def test_the_operators_rules_hold(origin: TLSOrigin, ca_bundle: Path) -> None:
    url = publish_document(origin)
    denies = {"CIMD_ALLOW_LOOPBACK": True, "CIMD_CA_BUNDLE": str(ca_bundle), "CIMD_DENIED_HOSTS": ["localhost"]}

    with pytest.raises(PolicyDeniedError) as refused:
        ClientResolver(Settings.from_config(denies)).resolve(url)

    assert (refused.value.slug, origin.requests) == ("host-denied", [])


def test_the_resolver_imports_no_flask() -> None:
    program = "import sys; sys.modules['flask'] = None; import flask_cimd.clients; print('imported')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("imported\n", "")
