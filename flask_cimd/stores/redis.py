"""The store in Redis (extra ``redis``): JSON under hashed keys, native expiry, an index for bounds and listing."""

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

#: Timeout of a connect and of one command, in seconds, so that a hanging server does not block sign-ins.
_TIMEOUT = 2

# Only the owner may end a lease: the script compares and deletes atomically.
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
# Redis drops expired keys itself; the script removes their names from the index, at most 1000 per call. A server that
# evicts keys may have dropped one of the two keys: the script resets a sum of bytes without names.
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
    """Return a client for a ``redis://``, ``rediss://`` or ``unix://`` URL; its first command connects."""
    client: Redis = Redis.from_url(url, socket_timeout=_TIMEOUT, socket_connect_timeout=_TIMEOUT)
    return client


class _Index:
    """The names of stored values by expiry, with their sizes; bounds both, and drops the earliest expiry first.

    Args:
        name: key of the sorted set of names; a second key has a hash of their sizes and the sum.
        key: returns the key of a name's value.
    """

    def __init__(self, client: Any, name: str, key: Callable[[str], str], *, size: int, max_bytes: int) -> None:
        self.name = name
        self._client, self._key = client, key
        self._size, self._max_bytes = size, max_bytes
        self._keys = (name, f"{name}:bytes")

    def add(self, member: str, value: bytes, *, expires_at: float, dropped_before: float) -> None:
        """Add a written value; drop the surplus, and the names that expired before ``dropped_before``."""
        bounds = (self._size, self._max_bytes)
        given = (member, len(value), expires_at, dropped_before, *bounds)
        dropped = self._client.eval(_ADD, 2, *self._keys, *given)
        if dropped:
            self._client.delete(*(self._key(name.decode()) for name in dropped))

    def remove(self, member: str) -> None:
        """Delete a name."""
        self._client.eval(_REMOVE, 2, *self._keys, member)


@raises_store_error(RedisError)
class RedisStore:
    """A store that all processes share.

    Args:
        client: a ``redis.Redis`` client.
        size: maximum number of entries, and separately of key sets and logos; the earliest expiry is dropped first.
        max_bytes: maximum size of the entries' JSON texts in bytes, and separately of key sets and logos.
        prefix: prefix of every key, so that several apps can share one server.
        kept_past_expiry: time that a stale entry stays readable.
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
        # An entry changes about once an hour, and every request reads it: parsing takes longer than the round trip.
        self._parse = lru_cache(maxsize=PARSED)(_entry_of)
        self.leases: Leases | None = RedisLeases(client, prefix=prefix)
        self.records: Records = RedisRecords(client, prefix=prefix)
        self.fetched: FetchedStore | None = RedisFetchedStore(client, prefix=prefix, size=size, max_bytes=max_bytes)

    def get(self, identifier: ClientIdentifier) -> Entry | None:
        """Return the entry, or ``None``; a value that this version cannot read is a miss."""
        stored = self._client.get(self._key(identifier.raw))
        if stored is None:
            return None
        try:
            return self._parse(identifier, stored)
        except (ValueError, KeyError, TypeError):
            return None

    def put(self, entry: Entry) -> None:
        """Store an entry until ``kept_past_expiry`` after its expiry; drop others beyond ``size``."""
        client_id = entry.metadata.client_id
        times = {"fetched_at": entry.fetched_at.timestamp(), "expires_at": entry.expires_at.timestamp()}
        text = json.dumps({"metadata": entry.metadata.to_json(), **times}).encode()
        kept = entry.expires_at - entry.fetched_at + self._kept
        self._client.set(self._key(client_id), text, px=max(kept, timedelta(milliseconds=1)))
        dropped_before = (entry.fetched_at - self._kept).timestamp()
        self._index.add(client_id, text, expires_at=times["expires_at"], dropped_before=dropped_before)

    def delete(self, client_id: str) -> None:
        """Delete a client."""
        self._client.delete(self._key(client_id))
        self._index.remove(client_id)

    def __iter__(self) -> Iterator[str]:
        """Yield the identifiers in the index."""
        return iter(sorted(member.decode() for member in self._client.zrange(self._index.name, 0, -1)))

    def __len__(self) -> int:
        """Return the number of entries in the index."""
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
    """Leases as keys with native expiry: ``SET NX PX``."""

    def __init__(self, client: Redis, *, prefix: str) -> None:
        self._client: Any = client
        self._prefix = prefix

    def take(self, client_id: str, owner: str, *, now: datetime, until: datetime) -> bool:
        """Take the lease if it is free; return whether it was."""
        lease, ended = self._keys(client_id)
        value = json.dumps({"owner": owner, "expires_at": until.timestamp()})
        taken = self._client.set(lease, value, nx=True, px=max(until - now, timedelta(milliseconds=1)))
        if taken:
            self._client.delete(ended)
        return bool(taken)

    def look(self, client_id: str) -> Lease | None:
        """Return the lease, or the last one with its outcome, or ``None``."""
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
        """Return one record, or ``None``."""
        value = self._client.hget(self._prefix + kind, subject)
        return None if value is None else value.decode()

    def put(self, kind: str, subject: str, value: str) -> None:
        """Store a record."""
        self._client.hset(self._prefix + kind, subject, value)

    def remove(self, kind: str, subject: str) -> bool:
        """Delete a record; return whether it existed."""
        return bool(self._client.hdel(self._prefix + kind, subject))


@raises_store_error(RedisError)
class RedisFetchedStore:
    """Key sets and logos: the expiry followed by the bytes, under keys with native expiry."""

    def __init__(self, client: Redis, *, prefix: str, size: int, max_bytes: int = SHARED_BYTES) -> None:
        self._client: Any = client
        self._prefix = prefix
        self._index = _Index(client, prefix + "fetched", self._key, size=size, max_bytes=max_bytes)

    def get(self, key: str) -> Fetched | None:
        """Return the item, or ``None``."""
        kept = self._client.get(self._key(key))
        if kept is None:
            return None
        ends, mark, content = kept.partition(b"+")
        return Fetched(content if mark else None, instant_of(float(ends)))

    def put(self, key: str, found: Fetched, now: datetime) -> None:
        """Store an item."""
        ends = repr(found.expires_at.timestamp()).encode()
        value = ends if found.content is None else ends + b"+" + found.content
        self._client.set(self._key(key), value, px=max(found.expires_at - now, timedelta(milliseconds=1)))
        self._index.add(key, value, expires_at=found.expires_at.timestamp(), dropped_before=now.timestamp())

    def _key(self, key: str) -> str:
        return f"{self._prefix}fetched:{key}"
