"""Look-up and revocation of people's approvals."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, func, literal, select, union_all, update

from ..oauth import Grant
from ..oauth.client import read_for_display
from ..oauth.server.storage import GRANTS_PER_CLIENT, LivingGrant
from ._base import b, instant, is_storable, params, seconds
from ._consents import Consents

if TYPE_CHECKING:
    from flask_sqlalchemy import SQLAlchemy


class Approvals(Consents):
    """Queries on the table of grants for people and operators."""

    def __init__(self, db: SQLAlchemy, issuer: str) -> None:
        super().__init__(db, issuer)
        grants = self._grants
        own = grants.c.issuer == b("issuer")
        of_client = (grants.c.subject == b("subject")) & (grants.c.client_id == b("client_id")) & own
        newest = grants.c.created_at.desc()
        self._last = select(grants).where(of_client).order_by(newest).limit(1)
        same = of_client & (grants.c.redirect_uri == b("redirect_uri")) & grants.c.revoked_at.is_(None)
        self._has = select(literal(1)).where(same).limit(1)
        self._goes_on = grants.c.until.is_(None) | (grants.c.until > b("now"))
        of_client = own & (grants.c.client_id == b("client_id")) & (grants.c.ends_at > b("now")) & self._goes_on
        # The order of an index: the number of ended grants does not affect the time.
        self._has_living = select(literal(1)).where(of_client).order_by(grants.c.ends_at.desc()).limit(1)
        self._make_page_statements(own)
        self._make_ends(own)

    def _make_page_statements(self, own: Any) -> None:
        grants = self._grants
        living = (
            own
            & grants.c.revoked_at.is_(None)
            & grants.c.used_at.is_not(None)
            & (grants.c.ends_at > b("now"))
            & self._goes_on
            & (grants.c.subject == b("subject"))
        )

        def next_client(after: Any, *outer: Any) -> Any:
            columns = ((grants.c.client_id, living), (self._remembered.c.client_id, self._is_remembered))
            found = [
                select(column.label("client_id")).where(wanted, column > after).order_by(column).limit(1)
                for column, wanted in columns
            ]
            both = union_all(*(select(one.correlate(*outer).subquery().c.client_id) for one in found)).subquery()
            return select(func.min(both.c.client_id))

        # One index look-up for each client: 100,000 grants of one client do not slow the query down.
        first = select(next_client(literal("")).scalar_subquery().label("client_id"), literal(1).label("number"))
        clients = first.cte("clients", recursive=True)
        following = next_client(clients.c.client_id, clients).correlate(clients).scalar_subquery()
        clients = clients.union_all(
            select(following, clients.c.number + 1).where(
                clients.c.client_id.is_not(None), clients.c.number < b("last")
            )
        )
        wanted = clients.c.client_id.is_not(None) & (clients.c.number > b("offset"))
        self._page = select(clients.c.client_id).where(wanted).order_by(clients.c.number)
        of_client = living & (grants.c.client_id == b("client_id"))
        self._of_client = select(grants).where(of_client).order_by(grants.c.created_at.desc()).limit(GRANTS_PER_CLIENT)
        listed = select(grants).where(own, grants.c.revoked_at.is_(None), grants.c.ends_at > b("now"), self._goes_on)
        self._listed = listed.where(grants.c.id > b("after")).order_by(grants.c.id).limit(b("limit"))

    def _make_ends(self, own: Any) -> None:
        grants = self._grants
        end = update(grants).values(revoked_at=b("now"), ends_at=b("now")).where(own, grants.c.revoked_at.is_(None))
        self._end_one = end.where(grants.c.id == b("grant"), grants.c.subject == b("subject"))
        self._end_client = end.where(grants.c.client_id == b("client_id"))
        self._end_subject = end.where(grants.c.subject == b("subject"))
        self._end_all = end
        self._end_both = self._end_client.where(grants.c.subject == b("subject"))
        alive = (grants.c.revoked_at.is_(None)) & (grants.c.ends_at > b("now")) & self._goes_on
        one = update(grants).where(own, alive, grants.c.id == b("grant"), grants.c.subject == b("subject"))
        self._set_end = one.values(until=b("until"))

    # -- look-ups -----------------------------------------------------------------------------------------------

    def last_approved(self, subject: str, client_id: str) -> Grant | None:
        """Return the newest grant of a client that this person approved, living or not."""
        if not is_storable(subject, client_id):
            return None
        row = self._database.first(self._last, self._params(subject=subject, client_id=client_id))
        return None if row is None else self._as_grant(row)

    def has_approved(self, subject: str, client_id: str, redirect_uri: str) -> bool:
        """Return whether this person approved the client with this redirect URI, by a grant that is not revoked."""
        if not is_storable(subject, client_id, redirect_uri):
            return False
        values = self._params(subject=subject, client_id=client_id, redirect_uri=redirect_uri)
        return self._database.first(self._has, values) is not None

    def has_living_grant(self, client_id: str, now: datetime) -> bool:
        """Return whether a client has a grant of any person that is neither revoked nor ended."""
        if not is_storable(client_id):
            return False
        return self._database.first(self._has_living, self._params(client_id=client_id, now=seconds(now))) is not None

    def living_grants(
        self, subject: str, now: datetime, *, limit: int, offset: int = 0
    ) -> list[tuple[str, tuple[LivingGrant, ...]]]:
        """Return at most ``limit`` clients of this person, in the order of their identifiers."""
        if not is_storable(subject):
            return []
        values = self._params(subject=subject, now=seconds(now))

        def work(connection: Connection) -> list[tuple[str, tuple[LivingGrant, ...]]]:
            page = connection.execute(self._page, values | params(offset=offset, last=offset + limit)).scalars().all()
            return [(client_id, self._living(connection, values, client_id)) for client_id in page]

        return self._database.run(work)

    def _living(self, connection: Connection, values: dict[str, Any], client_id: str) -> tuple[LivingGrant, ...]:
        rows = connection.execute(self._of_client, values | params(client_id=client_id))
        return tuple(self._as_living(row._mapping) for row in rows)

    def grants(
        self,
        now: datetime,
        *,
        subject: str | None = None,
        client_id: str | None = None,
        after: str = "",
        limit: int = 100,
    ) -> list[LivingGrant]:
        """Return grants that have not ended, in the order of their ids, for an operator."""
        if not is_storable(subject or "", client_id or "", after):
            return []
        statement, values = self._listed, self._params(now=seconds(now), after=after, limit=limit)
        if subject is not None:
            statement, values = (
                statement.where(self._grants.c.subject == b("subject")),
                values | params(subject=subject),
            )
        if client_id is not None:
            statement = statement.where(self._grants.c.client_id == b("client_id"))
            values |= params(client_id=client_id)
        return [self._as_living(row) for row in self._database.all(statement, values)]

    def _as_living(self, row: Any) -> LivingGrant:
        grants = self._grants.c
        last_used = row[grants.created_at] if row[grants.used_at] is None else row[grants.used_at]
        return LivingGrant(
            grant=self._as_grant(row, read_for_display),
            last_used=instant(last_used),
            ends_at=instant(min(row[grants.ends_at], row[grants.until] or row[grants.ends_at])),
        )

    # -- ends ---------------------------------------------------------------------------------------------------

    def revoke_grant_of(self, subject: str, grant_id: str, now: datetime) -> bool:
        """End a grant of this person; ``False`` if they have no such grant, or it is revoked."""
        if not is_storable(subject, grant_id):
            return False
        values = self._params(subject=subject, grant=grant_id, now=seconds(now))
        return self._end(self._end_one, values, self._forget_of_grant) == 1

    def set_end(self, subject: str, grant_id: str, until: datetime, now: datetime) -> bool:
        """Store another end of a living grant of this person; ``False`` if they have no such grant."""
        if not is_storable(subject, grant_id):
            return False
        values = self._params(subject=subject, grant=grant_id, now=seconds(now), until=seconds(until))
        return self._database.change(self._set_end, values) == 1

    def revoke_client(self, subject: str | None, client_id: str, now: datetime) -> int:
        """End all grants of a client, of one person or of everybody; return how many were not revoked before."""
        if not is_storable(subject or "", client_id):
            return 0
        values = self._params(client_id=client_id, now=seconds(now))
        if subject is None:
            return self._end(self._end_client, values, self._forget_client)
        return self._end(self._end_both, values | params(subject=subject), self._forget_both)

    def revoke_subject(self, subject: str, now: datetime) -> int:
        """End all grants of a person; return how many were not revoked before."""
        if not is_storable(subject):
            return 0
        return self._end(self._end_subject, self._params(subject=subject, now=seconds(now)), self._forget_subject)

    def revoke_all(self, now: datetime) -> int:
        """End all grants of everybody; return how many were not revoked before."""
        return self._end(self._end_all, self._params(now=seconds(now)), self._forget_all)

    def _end(self, statement: Any, values: dict[str, Any], forget: Any) -> int:
        """End grants and delete remembered consents in one transaction."""

        def work(connection: Connection) -> int:
            connection.execute(forget, values)
            return int(connection.execute(statement, values).rowcount)

        return self._database.write(work)

    def _params(self, **values: Any) -> dict[str, Any]:
        return params(issuer=self._issuer, **values)
