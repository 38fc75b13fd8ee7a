"""Storage of pushed requests, of requests that wait for a log-in or a decision, and of replay keys."""

from __future__ import annotations

from datetime import datetime
from itertools import count
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, delete, func, insert, select, update

from ..oauth import AuthorizationRequest
from ..oauth.server.storage import (
    PUSHED_BYTES,
    PUSHED_ENTRIES,
    STRANGERS_BYTES,
    STRANGERS_ENTRIES,
    SUBJECT_ENTRIES,
    WAITING_BYTES,
    Settlement,
    Waiting,
)
from ._base import StorageBase, b, instant, params, seconds, upsert

if TYPE_CHECKING:
    from flask_sqlalchemy import SQLAlchemy

#: Number of pushed or waiting requests after which a process enforces their limits.
_LOOK_EVERY = 64


class Spent(Exception):  # noqa: N818  not an error: it rolls a transaction back
    """A single-use value was already used."""


class Requests(StorageBase):
    """The tables of waiting and pushed requests and of replay keys."""

    def __init__(self, db: SQLAlchemy, issuer: str) -> None:
        super().__init__(db, issuer)
        self._pushes, self._waits = count(1), count(1)
        self._make_pushed_statements()
        self._make_waiting_statements()
        self._use = upsert(self._keys, "key", ["expires_at"], where=self._keys.c.expires_at <= b("now"))

    def use_once(self, key: str, expires_at: datetime, now: datetime) -> bool:
        """Store a key until it expires; ``False`` if it is stored already."""
        values = params(key=self._own(key), expires_at=seconds(expires_at), now=seconds(now))
        return self._database.change(self._use(self._database.dialect), values) == 1

    # -- pushed requests ----------------------------------------------------------------------------------------

    def _make_pushed_statements(self) -> None:
        table = self._pushed
        alive = (table.c.digest == b("digest")) & (table.c.expires_at > b("now"))
        self._find_pushed = select(table.c.request).where(alive)
        self._take_pushed = delete(table).where(table.c.digest == b("digest"))
        self._settle_pushed = delete(table).where(alive)
        newest = table.c.expires_at.desc()
        ranked = (
            select(
                table.c.digest,
                func.row_number().over(order_by=newest).label("entries"),
                func.sum(table.c.size).over(order_by=[newest, table.c.digest]).label("bytes"),
            )
            .where(table.c.issuer == b("issuer"))
            .subquery()
        )
        surplus = select(ranked.c.digest).where((ranked.c.entries > b("entries")) | (ranked.c.bytes > b("bytes")))
        self._bound_pushed = delete(table).where(table.c.digest.in_(surplus))

    def keep_pushed(self, digest: str, request: AuthorizationRequest, expires_at: datetime, now: datetime) -> None:  # noqa: ARG002  the protocol's parameter
        """Store a pushed request until a person decides or it expires."""
        text = request.to_json()
        values = {
            "digest": self._own(digest),
            "issuer": self._issuer,
            "request": text,
            "size": len(text.encode()),
            "expires_at": seconds(expires_at),
        }
        self._database.change(insert(self._pushed), values)
        if next(self._pushes) % _LOOK_EVERY == 0:
            bounds = params(issuer=self._issuer, entries=PUSHED_ENTRIES, bytes=PUSHED_BYTES)
            self._database.change(self._bound_pushed, bounds)

    def find_pushed(self, digest: str, now: datetime) -> AuthorizationRequest | None:
        """Return a pushed request that is neither decided nor expired."""
        row = self._database.first(self._find_pushed, params(digest=self._own(digest), now=seconds(now)))
        return None if row is None else AuthorizationRequest.from_json(row[self._pushed.c.request])

    def take_pushed(self, digest: str) -> bool:
        """Delete a pushed request; ``False`` if it is gone already."""
        return self._database.change(self._take_pushed, params(digest=self._own(digest))) == 1

    # -- waiting requests ---------------------------------------------------------------------------------------

    def _make_waiting_statements(self) -> None:
        table, codes = self._waiting, self._codes
        kept = ["issuer", "browser", "subject", "content", "size", "created_at", "expires_at"]
        self._keep = upsert(table, "digest", [*kept, "decided_at", "answer", "code_digest"])
        newest = [table.c.created_at.desc(), table.c.digest]
        ranked = (
            select(
                table.c.digest,
                func.row_number().over(order_by=newest).label("entries"),
                func.sum(table.c.size).over(order_by=newest).label("bytes"),
            )
            .where(table.c.browser == b("browser"), table.c.issuer == b("issuer"), table.c.decided_at.is_(None))
            .subquery()
        )
        surplus = select(ranked.c.digest).where((ranked.c.entries > b("entries")) | (ranked.c.bytes > b("bytes")))
        self._bound = delete(table).where(table.c.digest.in_(surplus))
        self._make_bound_in_all()
        alive = (table.c.digest == b("digest")) & (table.c.expires_at > b("now"))
        joined = table.outerjoin(codes, codes.c.digest == table.c.code_digest)
        self._find_waiting = select(table, codes.c.spent_at).select_from(joined).where(alive)
        self._drop = delete(table).where(table.c.digest == b("digest"))
        undecided = alive & table.c.decided_at.is_(None)
        self._forget = delete(table).where(undecided)
        changes = {"decided_at": b("now"), "answer": b("answer"), "code_digest": b("code"), "expires_at": b("until")}
        self._decide = update(table).where(undecided).values(changes)

    def _make_bound_in_all(self) -> None:
        """Create the statements that bound the requests of all strangers together and of each person."""
        table = self._waiting
        newest = [table.c.created_at.desc(), table.c.digest]
        ranked = (
            select(
                table.c.digest,
                (table.c.subject == "").label("is_stranger"),
                func.row_number().over(partition_by=table.c.subject, order_by=newest).label("entries"),
                func.sum(table.c.size).over(partition_by=table.c.subject, order_by=newest).label("bytes"),
            )
            .where(table.c.issuer == b("issuer"), table.c.decided_at.is_(None))
            .subquery()
        )
        of_strangers = ranked.c.is_stranger & ((ranked.c.entries > b("entries")) | (ranked.c.bytes > b("bytes")))
        of_people = ~ranked.c.is_stranger & (ranked.c.entries > b("entries_each"))
        surplus = select(ranked.c.digest).where(of_strangers | of_people)
        self._bound_in_all = delete(table).where(table.c.digest.in_(surplus))

    def keep_waiting(self, waiting: Waiting, now: datetime, most: int) -> bool:  # noqa: ARG002  the protocol's parameter
        """Store a request in place of one with the same digest; ``False`` if its content is too long."""
        size = len(waiting.content.encode())
        if size > WAITING_BYTES:
            return False
        values = params(
            digest=self._own(waiting.digest),
            issuer=self._issuer,
            browser=waiting.browser,
            subject=waiting.subject,
            content=waiting.content,
            size=size,
            created_at=seconds(waiting.created_at),
            expires_at=seconds(waiting.expires_at),
            decided_at=None,
            answer=waiting.answer,
            code_digest=None,
        )
        bounds = params(issuer=self._issuer, browser=waiting.browser, entries=most, bytes=WAITING_BYTES)
        keep = self._keep(self._database.dialect)

        def work(connection: Connection) -> None:
            connection.execute(keep, values)
            connection.execute(self._bound, bounds)

        self._database.write(work)
        if next(self._waits) % _LOOK_EVERY == 0:
            in_all = params(entries=STRANGERS_ENTRIES, bytes=STRANGERS_BYTES, entries_each=SUBJECT_ENTRIES)
            self._database.change(self._bound_in_all, in_all | params(issuer=self._issuer))
        return True

    def find_waiting(self, digest: str, now: datetime) -> Waiting | None:
        """Return a request that waits, or that was decided and still has its response."""
        row = self._database.first(self._find_waiting, params(digest=self._own(digest), now=seconds(now)))
        # The response contains a code, so it expires with the code.
        return None if row is None or row[self._codes.c.spent_at] is not None else self._as_waiting(row, digest)

    def _as_waiting(self, row: Any, digest: str) -> Waiting:
        waiting = self._waiting.c
        return Waiting(
            digest=digest,
            browser=row[waiting.browser],
            subject=row[waiting.subject],
            content=row[waiting.content],
            created_at=instant(row[waiting.created_at]),
            expires_at=instant(row[waiting.expires_at]),
            answer=row[waiting.answer],
        )

    def drop_waiting(self, digest: str) -> None:
        """Delete a request."""
        self._database.change(self._drop, params(digest=self._own(digest)))

    def settle(self, settlement: Settlement, now: datetime) -> bool:
        """Spend the requests of a decision without a grant; ``False`` if one is decided or expired already."""
        try:
            self._database.write(lambda connection: self._spend(connection, settlement, now, None))
        except Spent:
            return False
        return True

    def _spend(self, connection: Connection, settlement: Settlement, now: datetime, code: str | None) -> None:
        """Spend a waiting and a pushed request inside a transaction.

        Raises:
            Spent: one of them is decided or expired.
        """
        values = params(digest=self._own(settlement.waiting), now=seconds(now))
        if settlement.answer is None:
            decided = connection.execute(self._forget, values)
        else:
            more = params(answer=settlement.answer, code=code, until=seconds(settlement.until))
            decided = connection.execute(self._decide, values | more)
        if decided.rowcount != 1:
            raise Spent
        if settlement.pushed is not None:
            pushed = params(digest=self._own(settlement.pushed), now=seconds(now))
            if connection.execute(self._settle_pushed, pushed).rowcount != 1:
                raise Spent
