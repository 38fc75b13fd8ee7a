"""Mutants of the stores of clients, and of the cache in front of them."""

from __future__ import annotations

from .mutant import Mutant, mutants

_CONTRACT = "tests/stores/test_store_contract.py"
_DETAILS = "tests/stores/test_store_details.py"
_FETCHED = "tests/stores/test_fetched_store.py"
_TROUBLE = "tests/stores/test_trouble.py"
_LEASES = "tests/fetch/test_leases.py"

CACHE = mutants(
    "flask_cimd/stores/cache.py",
    _TROUBLE,
    [
        ("        if entry is not None and entry.metadata.rules not in self._accepted:\n", "        if False:\n"),
        ("            self.delete(identifier.raw)\n", "            pass\n"),
        ('self._accepted = ("", rules)', "self._accepted = (rules,)", f"{_DETAILS} {_TROUBLE}"),
        ("            entry = self._store.get(identifier)\n        except StoreError", "            entry = self._store.get(identifier)\n        except RecursionError"),
        ("            self._store.put(entry)\n        except StoreError", "            self._store.put(entry)\n        except RecursionError"),
        ("            return False\n        return True", "            return True\n        return True", f"{_DETAILS} {_TROUBLE}"),
        ("            self._store.delete(client_id)\n        except StoreError", "            self._store.delete(client_id)\n        except RecursionError"),
        ("            return self._store.get(key)\n        except StoreError", "            return self._store.get(key)\n        except RecursionError"),
        ("            self._store.put(key, found, now)\n        except StoreError", "            self._store.put(key, found, now)\n        except RecursionError"),
        ("now=now, until=until)\n        except StoreError", "now=now, until=until)\n        except RecursionError"),
        ("            return True\n\n    def look", "            return False\n\n    def look"),
        ("            return self._leases.look(client_id)\n        except StoreError", "            return self._leases.look(client_id)\n        except RecursionError"),
        ("            self._leases.finish(client_id, owner, outcome)\n        except StoreError", "            self._leases.finish(client_id, owner, outcome)\n        except RecursionError"),
        ("None if store.leases is None else _CachedLeases(store.leases)", "store.leases"),
        ("MemoryFetchedStore(size) if shared is None else _CachedFetched(shared)", "MemoryFetchedStore(size) if shared is None else shared"),
        ("MemoryFetchedStore(size) if shared is None else _CachedFetched(shared)", "MemoryFetchedStore(size)", f"{_DETAILS} {_TROUBLE}"),
    ],
)  # fmt: skip

MEMORY = mutants(
    "flask_cimd/stores/memory.py",
    f"{_CONTRACT} {_DETAILS} {_FETCHED}",
    [
        ("                self._entries.move_to_end(identifier.raw)\n", "                pass\n"),
        ("            while len(self._entries) > self._size or self._bytes > self._max_bytes:\n", "            while self._bytes > self._max_bytes:\n"),
        ("            while len(self._entries) > self._size or self._bytes > self._max_bytes:\n", "            while len(self._entries) > self._size:\n"),
        ("                self._drop(next(iter(self._entries)))\n", "                self._drop(next(reversed(self._entries)))\n"),
        ("            self._bytes -= self._sizes.pop(client_id)\n", "            self._sizes.pop(client_id)\n"),
        ("        if self._entries.pop(client_id, None) is not None:\n", "        if self._entries.pop(client_id) is not None:\n"),
        ("            while len(self._kept) > self._size or self._bytes > self._max_bytes:\n", "            while self._bytes > self._max_bytes:\n", f"{_DETAILS} {_FETCHED}"),
        ("            while len(self._kept) > self._size or self._bytes > self._max_bytes:\n", "            while len(self._kept) > self._size:\n", f"{_DETAILS} {_FETCHED}"),
        ("                self._bytes -= _size(self._kept.popitem(last=False)[1])", "                self._bytes -= _size(self._kept.popitem(last=True)[1])", f"{_DETAILS} {_FETCHED}"),
        ("                self._bytes -= _size(self._kept.pop(key))\n", "                self._kept.pop(key)\n", f"{_DETAILS} {_FETCHED}"),
    ],
)  # fmt: skip

PORT = mutants(
    "flask_cimd/stores/port.py",
    f"{_CONTRACT} {_TROUBLE}",
    [
        ("        return now < self.expires_at\n", "        return now <= self.expires_at\n"),
        ('(not name.startswith("_") or name in ("__iter__", "__len__")):', 'not name.startswith("_"):', _TROUBLE),
        ("        except kinds as exc:\n", "        except RecursionError as exc:\n", _TROUBLE),
        ("raise StoreError(type(exc).__name__) from exc", "raise StoreError(str(exc)) from exc", f"{_DETAILS} {_TROUBLE}"),
    ],
)  # fmt: skip

REDIS = mutants(
    "flask_cimd/stores/redis.py",
    _CONTRACT,
    [
        ("socket_timeout=_TIMEOUT, socket_connect_timeout=_TIMEOUT)", "socket_connect_timeout=_TIMEOUT)", _DETAILS),
        ("socket_timeout=_TIMEOUT, socket_connect_timeout=_TIMEOUT)", "socket_timeout=_TIMEOUT)", _DETAILS),
        ("> tonumber(ARGV[5])", "> tonumber(ARGV[5]) + 1", _DETAILS),
        ("or 0) > tonumber(ARGV[6]) do", "or 0) > tonumber(ARGV[6]) + 100 do", _DETAILS),
        ("if redis.call('zcard', KEYS[1]) == 0 then redis.call('del', KEYS[2]) end\n", "", _DETAILS),
        ("forget(redis.call('zrangebyscore', KEYS[1], '-inf', ARGV[4], 'LIMIT', 0, 1000))\n", "", _DETAILS),
        ("forget({ARGV[1]})\nredis", "redis", _DETAILS),
        ("    redis.call('hdel', KEYS[2], member)\n", "", _DETAILS),
        ("            self._client.delete(*(self._key(name.decode()) for name in dropped))", "            pass", f"{_CONTRACT} {_DETAILS} {_FETCHED}"),
        ("        except (ValueError, KeyError, TypeError):\n            return None", "        except (KeyError, TypeError):\n            return None", _DETAILS),
        ("        except (ValueError, KeyError, TypeError):\n            return None", "        except (ValueError, TypeError):\n            return None", _DETAILS),
        ("        except (ValueError, KeyError, TypeError):\n            return None", "        except (ValueError, KeyError):\n            return None", _DETAILS),
        ("kept = entry.expires_at - entry.fetched_at + self._kept", "kept = entry.expires_at - entry.fetched_at"),
        ("px=max(kept, timedelta(milliseconds=1))", "px=kept", _DETAILS),
        ("        self._index.remove(client_id)\n", "", _DETAILS),
        ('return f"{self._prefix}client:{key_of(client_id)}"', 'return f"{self._prefix}client:{client_id}"', _CONTRACT),
        ("nx=True, px=max(until - now", "px=max(until - now", f"{_CONTRACT} {_LEASES}"),
        ("px=max(until - now, timedelta(milliseconds=1))", "px=10**9", _DETAILS),
        ("        if taken:\n            self._client.delete(ended)\n", "", f"{_CONTRACT} {_DETAILS}"),
        ("cjson.decode(lease).owner == ARGV[1] then", "true then", f"{_CONTRACT} {_DETAILS}"),
        ("  redis.call('del', KEYS[1])\n", "", f"{_CONTRACT} {_LEASES}"),
        ('self._prefix = prefix + "records:"', 'self._prefix = "records:"', _DETAILS),
        ("Fetched(content if mark else None, instant", "Fetched(content or None, instant", _FETCHED),
        ("px=max(found.expires_at - now, timedelta(milliseconds=1))", "px=found.expires_at - now", _DETAILS),
    ],
)  # fmt: skip

SQLALCHEMY = mutants(
    "flask_cimd/stores/sqlalchemy.py",
    _CONTRACT,
    [
        ("        except ValueError:\n            return None\n", "        except RecursionError:\n            return None\n"),
        ("        self._bound.note_write(len(text))\n", ""),
        ("        self._bound.note_write(len(text))\n", "        self._bound.note_write(0)\n", _DETAILS),
    ],
)  # fmt: skip

SQLALCHEMY_SHARED = mutants(
    "flask_cimd/stores/sqlalchemy_shared.py",
    _CONTRACT,
    [
        ("    except IntegrityError:  # another process inserted it meanwhile\n", "    except RecursionError:  # another process inserted it meanwhile\n", _DETAILS),
        ("if next(self._writes) % self._every == 0 or", "if", f"{_DETAILS} {_CONTRACT}"),
        ("self._every == 0 or self._written >= self._every_bytes:", "self._every == 0:", _DETAILS),
        ("            self._written = 0\n", "", _DETAILS),
        ("if rows > self._size or bytes_ > self._max_bytes:", "if rows > self._size:", _DETAILS),
        ("if rows > self._size or bytes_ > self._max_bytes:", "if bytes_ > self._max_bytes:", f"{_DETAILS} {_CONTRACT}"),
        ("(ranked.c.rows > size) |", "(ranked.c.rows > size + 1) |", f"{_DETAILS} {_CONTRACT}"),
        ("order = [table.c.expires_at.desc(), self._key]", "order = [table.c.expires_at, self._key]", f"{_DETAILS} {_CONTRACT}"),
        ("        if next(self._taken) % FORGET_EVERY == 0:\n", "        if False:\n", _DETAILS),
        ("is_free = or_(table.c.expires_at <= now.timestamp(), table.c.outcome.is_not(None))", "is_free = table.c.outcome.is_not(None)", f"{_CONTRACT} {_LEASES}"),
        ("is_free = or_(table.c.expires_at <= now.timestamp(), table.c.outcome.is_not(None))", "is_free = table.c.expires_at <= now.timestamp()", f"{_CONTRACT} {_LEASES}"),
        ("        except IntegrityError:  # another owner has the lease\n            return False", "        except IntegrityError:  # another owner has the lease\n            return True"),
        ("mine = (table.c.digest == key_of(client_id)) & (table.c.owner == owner)", "mine = table.c.digest == key_of(client_id)", f"{_DETAILS} {_CONTRACT}"),
        ("delete(self._table).where(self._table.c.expires_at <= now.timestamp())", "delete(self._table)", _DETAILS),
        ("where(table.c.kind == kind).order_by(table.c.subject)\n        with self._db.engine.connect() as connection:\n            return {", "order_by(table.c.subject)\n        with self._db.engine.connect() as connection:\n            return {"),
        ("select(self._table.c.subject).where(self._table.c.kind == kind)", "select(self._table.c.subject)", f"{_DETAILS} {_CONTRACT}"),
        ('return (self._table.c.kind == kind) & (self._table.c.digest == key_of(subject))', "return self._table.c.digest == key_of(subject)", f"{_DETAILS} {_CONTRACT}"),
        ("delete(table).where(expired | (table.c.key == key))", "delete(table).where(table.c.key == key)", _DETAILS),
        ("delete(table).where(expired | (table.c.key == key))", "delete(table).where(expired)", _FETCHED),
        ("        except IntegrityError:  # another process stored the same item meanwhile\n", "        except RecursionError:  # another process stored the same item meanwhile\n", _DETAILS),
        ('logger.debug("it is kept already")\n        self._bound.note_write(len(found.content or b""))', 'logger.debug("it is kept already")', f"{_FETCHED} {_DETAILS}"),
    ],
)  # fmt: skip

OPEN = mutants(
    "flask_cimd/clients/stores.py",
    f"{_CONTRACT} tests/test_settings.py tests/test_extension.py",
    [
        ("    if db is None:\n        raise", "    if False:\n        raise", f"{_DETAILS} tests/test_extension.py"),
        ("    except ValueError as exc:\n", "    except RecursionError as exc:\n", _CONTRACT),
    ],
)  # fmt: skip

STORES: list[Mutant] = [*CACHE, *MEMORY, *PORT, *REDIS, *SQLALCHEMY, *SQLALCHEMY_SHARED, *OPEN]
