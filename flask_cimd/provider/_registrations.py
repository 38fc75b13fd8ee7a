"""Storage of dynamic registrations, and of resource servers that may introspect tokens."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, delete, insert, select, update

from ..oauth import Registration, ResourceServer
from ._base import StorageBase, b, instant, is_storable, params, seconds

if TYPE_CHECKING:
    from flask_sqlalchemy import SQLAlchemy

#: Lifetime of a registration without approval.
UNUSED = timedelta(days=1)
#: Maximum time without use of an approved registration.
IDLE = timedelta(days=90)
#: Maximum number of registrations without approval, in all and from one network; the oldest is dropped.
MOST_UNUSED = 200
MOST_UNUSED_OF_NETWORK = 20


class Registrations(StorageBase):
    """`flask_cimd.oauth.RegistrationStorage`, and the storage of resource servers."""

    def __init__(self, db: SQLAlchemy, issuer: str) -> None:
        super().__init__(db, issuer)
        self._make_registration_statements()
        servers = self._servers
        own = servers.c.issuer == b("issuer")
        self._find_server = select(servers).where(servers.c.id == b("id"), own)
        self._list_servers = select(servers).where(own).order_by(servers.c.name, servers.c.id)
        self._remove_server = delete(servers).where(servers.c.id == b("id"), own)

    def _make_registration_statements(self) -> None:
        table = self._registrations
        own = table.c.issuer == b("issuer")
        one = (table.c.client_id == b("client_id")) & own
        self._find_registration = select(table).where(one, table.c.ends_at > b("now"))
        self._remove_registration = delete(table).where(one)
        self._used = update(table).where(one).values(used_at=b("now"), ends_at=b("until"))
        newest = select(table.c.client_id).where(own, table.c.used_at.is_(None)).order_by(table.c.created_at.desc())
        of_network = newest.where(table.c.network == b("network"))
        self._bound_network = delete(table).where(table.c.client_id.in_(of_network.offset(MOST_UNUSED_OF_NETWORK)))
        self._bound_unused = delete(table).where(table.c.client_id.in_(newest.offset(MOST_UNUSED)))
        listed = select(table).where(own, table.c.ends_at > b("now"), table.c.client_id > b("after"))
        self._list_registrations = listed.order_by(table.c.client_id).limit(b("limit"))

    # -- registrations ------------------------------------------------------------------------------------------

    def add(self, registration: Registration, now: datetime, network: str = "") -> bool:
        """Store a registration; if there are too many, drop the oldest without approval, first of the same network.

        Args:
            registration: the client.
            now: the current time, an aware `datetime`.
            network: the sender's network, such as ``192.0.2.0/24``; empty if the app does not distinguish networks.
        """
        values = {
            "client_id": registration.client_id,
            "issuer": self._issuer,
            "members": registration.members,
            "network": network,
            "created_at": seconds(registration.created_at),
            "ends_at": seconds(now + UNUSED),
        }

        def work(connection: Connection) -> None:
            connection.execute(insert(self._registrations), values)
            if network:
                connection.execute(self._bound_network, params(network=network, issuer=self._issuer))
            connection.execute(self._bound_unused, params(issuer=self._issuer))

        self._database.write(work)
        return True

    def find(self, client_id: str, now: datetime) -> Registration | None:
        """Return a registration that has not expired."""
        if not is_storable(client_id):
            return None
        values = params(client_id=client_id, issuer=self._issuer, now=seconds(now))
        row = self._database.first(self._find_registration, values)
        return None if row is None else _as_registration(row)

    def registrations(self, now: datetime, *, after: str = "", limit: int = 100) -> list[Registration]:
        """Return registrations that have not expired, in the order of their identifiers."""
        if not is_storable(after):
            return []
        values = params(issuer=self._issuer, now=seconds(now), after=after, limit=limit)
        return [_as_registration(row) for row in self._database.all(self._list_registrations, values)]

    def remove(self, client_id: str) -> bool:
        """Delete a registration; return whether it existed."""
        values = params(client_id=client_id, issuer=self._issuer)
        return is_storable(client_id) and self._database.change(self._remove_registration, values) == 1

    def _note_use(self, connection: Connection, client_id: str, now: datetime) -> None:
        """Extend a client's registration when its grant begins or is renewed, in the same transaction."""
        until = seconds(now + IDLE)
        connection.execute(self._used, params(client_id=client_id, issuer=self._issuer, now=seconds(now), until=until))

    # -- resource servers ---------------------------------------------------------------------------------------

    def add_resource_server(self, server: ResourceServer, name: str, now: datetime) -> None:
        """Store a resource server with a name for the operator."""
        values = {
            "id": server.id,
            "issuer": self._issuer,
            "name": name,
            "secret_digest": server.secret_digest,
            "resource": server.resource,
            "created_at": seconds(now),
        }
        self._database.change(insert(self._servers), values)

    def find_resource_server(self, server_id: str) -> ResourceServer | None:
        """Return a resource server."""
        if not is_storable(server_id):
            return None
        row = self._database.first(self._find_server, params(id=server_id, issuer=self._issuer))
        return None if row is None else _as_server(row)

    def resource_servers(self) -> list[tuple[str, ResourceServer]]:
        """Return all resource servers with their names."""
        rows = self._database.all(self._list_servers, params(issuer=self._issuer))
        return [(row["name"], _as_server(row)) for row in rows]

    def remove_resource_server(self, server_id: str) -> bool:
        """Delete a resource server; return whether it existed."""
        values = params(id=server_id, issuer=self._issuer)
        return is_storable(server_id) and self._database.change(self._remove_server, values) == 1


def _as_registration(row: Any) -> Registration:
    return Registration(client_id=row["client_id"], members=row["members"], created_at=instant(row["created_at"]))


def _as_server(row: Any) -> ResourceServer:
    return ResourceServer(id=row["id"], secret_digest=row["secret_digest"], resource=row["resource"])
