"""The store in Redis (extra ``redis``): JSON under hashed keys, native expiry, one index for bound and listing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from ..core.identifier import ClientIdentifier
from ..core.leases import Lease, Leases
from ..core.metadata import ClientMetadata
from .port import KEPT_PAST_EXPIRY, PARSED, Entry, Fetched, FetchedStore, instant_of, key_of, raises_store_error
from .records import Records

#: Seconds for connecting and for one command; a store that hangs must not hold up sign-ins.
_TIMEOUT = 2

# Only the owner may end a lease: comparing and deleting are one step.
_FINISH = """
local lease = redis.call('get', KEYS[1])
if lease and cjson.decode(lease).owner == ARGV[1] then
  redis.call('set', KEYS[2], ARGV[2], 'PX', math.max(1, redis.call('pttl', KEYS[1])))
  redis.call('del', KEYS[1])
end
"""


def connect(url: str) -> Redis:
    """Return a client for a ``redis://``, ``rediss://`` or ``unix://`` URL; it connects when it is first used."""
    client: Redis = Redis.from_url(url, socket_timeout=_TIMEOUT, socket_connect_timeout=_TIMEOUT)
    return client


def _bound(client: Any, pipeline: Any, index: str, dropped_before: float, size: int, key: Callable[[str], str]) -> None:
    """Run a pipeline that adds to an index by expiry, and drop what exceeds ``size``, the first to expire first."""
    # Redis drops expired keys by itself; their names leave the index here.
    pipeline.zremrangebyscore(index, "-inf", dropped_before)
    pipeline.zcard(index)
    surplus = pipeline.execute()[-1] - size
    if surplus > 0:
        dropped = [member.decode() for member, _ in client.zpopmin(index, surplus)]
        if dropped:
            client.delete(*map(key, dropped))


@raises_store_error(RedisError)
class RedisStore:
    """A store that all processes share.

    Args:
        client: a connected ``redis.Redis``.
        size: number of entries kept, and as many key sets and logos; the ones that expire first are dropped first.
        prefix: begins every key, so that several apps can share one server.
        kept_past_expiry: how long a stale entry can be read.
    """

    def __init__(
        self,
        client: Redis,
        *,
        size: int = 1_000_000,
        prefix: str = "cimd:",
        kept_past_expiry: timedelta = KEPT_PAST_EXPIRY,
    ) -> None:
        self._client: Any = client
        self._size = size
        self._prefix = prefix
        self._kept = kept_past_expiry
        self._index = prefix + "clients"
        # A client changes once an hour and is read at every request: parsing costs more than a round trip.
        self._parse = lru_cache(maxsize=PARSED)(_entry_of)
        self.leases: Leases | None = RedisLeases(client, prefix=prefix)
        self.records: Records = RedisRecords(client, prefix=prefix)
        self.fetched: FetchedStore | None = RedisFetchedStore(client, prefix=prefix, size=size)

    def get(self, identifier: ClientIdentifier) -> Entry | None:
        """Return the entry; a value that this version cannot read is a miss."""
        stored = self._client.get(self._key(identifier.raw))
        if stored is None:
            return None
        try:
            return self._parse(identifier, stored)
        except (ValueError, KeyError, TypeError):
            return None

    def put(self, entry: Entry) -> None:
        """Keep an entry until a bounded time past its lifetime, dropping others beyond the bound."""
        client_id = entry.metadata.client_id
        times = {"fetched_at": entry.fetched_at.timestamp(), "expires_at": entry.expires_at.timestamp()}
        text = json.dumps({"metadata": entry.metadata.to_json(), **times})
        kept = entry.expires_at - entry.fetched_at + self._kept
        pipeline = self._client.pipeline()
        pipeline.set(self._key(client_id), text, px=max(kept, timedelta(milliseconds=1)))
        pipeline.zadd(self._index, {client_id: times["expires_at"]})
        _bound(self._client, pipeline, self._index, (entry.fetched_at - self._kept).timestamp(), self._size, self._key)

    def delete(self, client_id: str) -> None:
        """Forget a client."""
        self._client.pipeline().delete(self._key(client_id)).zrem(self._index, client_id).execute()

    def __iter__(self) -> Iterator[str]:
        """Yield the identifiers in the index."""
        return iter(sorted(member.decode() for member in self._client.zrange(self._index, 0, -1)))

    def __len__(self) -> int:
        """Return how many entries the index names."""
        return int(self._client.zcard(self._index))

    def _key(self, client_id: str) -> str:
        return f"{self._prefix}client:{key_of(client_id)}"


def _entry_of(identifier: ClientIdentifier, stored: bytes) -> Entry:
    values = json.loads(stored)
    return Entry(
        metadata=ClientMetadata.from_json(identifier, values["metadata"]),
        fetched_at=instant_of(values["fetched_at"]),
        expires_at=instant_of(values["expires_at"]),
    )


@raises_store_error(RedisError)
class RedisLeases:
    """Leases as keys that expire by themselves: ``SET NX PX``."""

    def __init__(self, client: Redis, *, prefix: str) -> None:
        self._client: Any = client
        self._prefix = prefix

    def take(self, client_id: str, owner: str, *, now: datetime, until: datetime) -> bool:
        """Take the lease if it is free."""
        lease, ended = self._keys(client_id)
        value = json.dumps({"owner": owner, "expires_at": until.timestamp()})
        taken = self._client.set(lease, value, nx=True, px=max(until - now, timedelta(milliseconds=1)))
        if taken:
            self._client.delete(ended)
        return bool(taken)

    def look(self, client_id: str) -> Lease | None:
        """Return the lease, or the outcome of the last one."""
        lease, outcome = self._client.mget(*self._keys(client_id))
        if lease is not None:
            return Lease(expires_at=instant_of(json.loads(lease)["expires_at"]), outcome=None)
        return None if outcome is None else Lease(expires_at=datetime.max.replace(tzinfo=UTC), outcome=outcome.decode())

    def finish(self, client_id: str, owner: str, outcome: str) -> None:
        """Record the outcome and release the lease."""
        self._client.eval(_FINISH, 2, *self._keys(client_id), owner, outcome)

    def _keys(self, client_id: str) -> tuple[str, str]:
        key = key_of(client_id)
        return f"{self._prefix}lease:{key}", f"{self._prefix}outcome:{key}"


@raises_store_error(RedisError)
class RedisRecords:
    """Records as one hash for each kind."""

    def __init__(self, client: Redis, *, prefix: str) -> None:
        self._client: Any = client
        self._prefix = prefix + "records:"

    def all(self, kind: str) -> dict[str, str]:
        """Return every record of a kind."""
        return {
            subject.decode(): value.decode() for subject, value in self._client.hgetall(self._prefix + kind).items()
        }

    def subjects(self, kind: str) -> list[str]:
        """Return the subjects of a kind."""
        return sorted(subject.decode() for subject in self._client.hkeys(self._prefix + kind))

    def get(self, kind: str, subject: str) -> str | None:
        """Return one record."""
        value = self._client.hget(self._prefix + kind, subject)
        return None if value is None else value.decode()

    def put(self, kind: str, subject: str, value: str) -> None:
        """Keep a record."""
        self._client.hset(self._prefix + kind, subject, value)

    def remove(self, kind: str, subject: str) -> bool:
        """Forget a record."""
        return bool(self._client.hdel(self._prefix + kind, subject))


@raises_store_error(RedisError)
class RedisFetchedStore:
    """Key sets and logos: when they expire, followed by their bytes, under keys that expire by themselves."""

    def __init__(self, client: Redis, *, prefix: str, size: int) -> None:
        self._client: Any = client
        self._prefix = prefix
        self._index = prefix + "fetched"
        self._size = size

    def get(self, key: str) -> Fetched | None:
        """Return what is kept."""
        kept = self._client.get(self._key(key))
        if kept is None:
            return None
        ends, mark, content = kept.partition(b"+")
        return Fetched(content if mark else None, instant_of(float(ends)))

    def put(self, key: str, found: Fetched, now: datetime) -> None:
        """Keep something."""
        ends = repr(found.expires_at.timestamp()).encode()
        value = ends if found.content is None else ends + b"+" + found.content
        pipeline = self._client.pipeline()
        pipeline.set(self._key(key), value, px=max(found.expires_at - now, timedelta(milliseconds=1)))
        pipeline.zadd(self._index, {key: found.expires_at.timestamp()})
        _bound(self._client, pipeline, self._index, now.timestamp(), self._size, self._key)

    def _key(self, key: str) -> str:
        return f"{self._prefix}fetched:{key}"
