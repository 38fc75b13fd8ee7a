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
from .port import (
    KEPT_PAST_EXPIRY,
    PARSED,
    SHARED_BYTES,
    Entry,
    Fetched,
    FetchedStore,
    instant_of,
    key_of,
    raises_store_error,
)
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

_FORGET = """
local function forget(members)
  for _, member in ipairs(members) do
    redis.call('hincrby', KEYS[2], '', 0 - (redis.call('hget', KEYS[2], member) or 0))
    redis.call('hdel', KEYS[2], member)
    redis.call('zrem', KEYS[1], member)
  end
end
"""
# Redis drops expired keys by itself; their names leave the index here, some thousand at a time. A server that evicts
# keys may have dropped one of the two: a sum of bytes without names starts anew.
_ADD = (
    _FORGET
    + """
if redis.call('zcard', KEYS[1]) == 0 then redis.call('del', KEYS[2]) end
forget(redis.call('zrangebyscore', KEYS[1], '-inf', ARGV[4], 'LIMIT', 0, 1000))
forget({ARGV[1]})
redis.call('zadd', KEYS[1], ARGV[3], ARGV[1])
redis.call('hset', KEYS[2], ARGV[1], ARGV[2])
redis.call('hincrby', KEYS[2], '', ARGV[2])
local dropped = {}
while redis.call('zcard', KEYS[1]) > tonumber(ARGV[5])
    or tonumber(redis.call('hget', KEYS[2], '') or 0) > tonumber(ARGV[6]) do
  local first = redis.call('zrange', KEYS[1], 0, 0)
  if #first == 0 then break end
  forget(first)
  table.insert(dropped, first[1])
end
return dropped
"""
)
_REMOVE = _FORGET + "forget({ARGV[1]})"


def connect(url: str) -> Redis:
    """Return a client for a ``redis://``, ``rediss://`` or ``unix://`` URL; it connects when it is first used."""
    client: Redis = Redis.from_url(url, socket_timeout=_TIMEOUT, socket_connect_timeout=_TIMEOUT)
    return client


class _Index:
    """The names of what is kept, by expiry, and their sizes; bounds both, the first to expire first.

    Args:
        name: key of the sorted set of names; their sizes and the sum of them are in a hash beside it.
        key: returns the key under which a name's value is kept.
    """

    def __init__(self, client: Any, name: str, key: Callable[[str], str], *, size: int, max_bytes: int) -> None:
        self.name = name
        self._client, self._key = client, key
        self._size, self._max_bytes = size, max_bytes
        self._keys = (name, f"{name}:bytes")

    def add(self, member: str, value: bytes, *, expires_at: float, dropped_before: float) -> None:
        """Note a value that was written, and drop the surplus and the names of what expired before an instant."""
        bounds = (self._size, self._max_bytes)
        given = (member, len(value), expires_at, dropped_before, *bounds)
        dropped = self._client.eval(_ADD, 2, *self._keys, *given)
        if dropped:
            self._client.delete(*(self._key(name.decode()) for name in dropped))

    def remove(self, member: str) -> None:
        """Forget a name."""
        self._client.eval(_REMOVE, 2, *self._keys, member)


@raises_store_error(RedisError)
class RedisStore:
    """A store that all processes share.

    Args:
        client: a connected ``redis.Redis``.
        size: number of entries kept, and as many key sets and logos; the ones that expire first are dropped first.
        max_bytes: bytes of the entries' JSON texts, and as many of key sets and logos; dropped in the same order.
        prefix: begins every key, so that several apps can share one server.
        kept_past_expiry: how long a stale entry can be read.
    """

    def __init__(
        self,
        client: Redis,
        *,
        size: int = 1_000_000,
        max_bytes: int = SHARED_BYTES,
        prefix: str = "cimd:",
        kept_past_expiry: timedelta = KEPT_PAST_EXPIRY,
    ) -> None:
        self._client: Any = client
        self._prefix = prefix
        self._kept = kept_past_expiry
        self._index = _Index(client, prefix + "clients", self._key, size=size, max_bytes=max_bytes)
        # A client changes once an hour and is read at every request: parsing costs more than a round trip.
        self._parse = lru_cache(maxsize=PARSED)(_entry_of)
        self.leases: Leases | None = RedisLeases(client, prefix=prefix)
        self.records: Records = RedisRecords(client, prefix=prefix)
        self.fetched: FetchedStore | None = RedisFetchedStore(client, prefix=prefix, size=size, max_bytes=max_bytes)

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
        text = json.dumps({"metadata": entry.metadata.to_json(), **times}).encode()
        kept = entry.expires_at - entry.fetched_at + self._kept
        self._client.set(self._key(client_id), text, px=max(kept, timedelta(milliseconds=1)))
        dropped_before = (entry.fetched_at - self._kept).timestamp()
        self._index.add(client_id, text, expires_at=times["expires_at"], dropped_before=dropped_before)

    def delete(self, client_id: str) -> None:
        """Forget a client."""
        self._client.delete(self._key(client_id))
        self._index.remove(client_id)

    def __iter__(self) -> Iterator[str]:
        """Yield the identifiers in the index."""
        return iter(sorted(member.decode() for member in self._client.zrange(self._index.name, 0, -1)))

    def __len__(self) -> int:
        """Return how many entries the index names."""
        return int(self._client.zcard(self._index.name))

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

    def __init__(self, client: Redis, *, prefix: str, size: int, max_bytes: int = SHARED_BYTES) -> None:
        self._client: Any = client
        self._prefix = prefix
        self._index = _Index(client, prefix + "fetched", self._key, size=size, max_bytes=max_bytes)

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
        self._client.set(self._key(key), value, px=max(found.expires_at - now, timedelta(milliseconds=1)))
        self._index.add(key, value, expires_at=found.expires_at.timestamp(), dropped_before=now.timestamp())

    def _key(self, key: str) -> str:
        return f"{self._prefix}fetched:{key}"
