"""Storage of remembered consents."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, select

from ..oauth.client import read_for_display
from ..oauth.server.remembered import RememberedConsent
from ._base import StorageBase, b, instant, is_storable, params, seconds, texts, upsert

if TYPE_CHECKING:
    from flask_sqlalchemy import SQLAlchemy

_COLUMNS = (
    "issuer", "subject", "client_id", "client", "fingerprint", "redirect_uri", "asked", "granted", "resource",
    "lifetime", "created_at", "ends_at",
)  # fmt: skip


class Consents(StorageBase):
    """The table of remembered consents."""

    def __init__(self, db: SQLAlchemy, issuer: str) -> None:
        super().__init__(db, issuer)
        table, grants = self._remembered, self._grants
        own, of_subject = table.c.issuer == b("issuer"), table.c.subject == b("subject")
        self._remember = upsert(table, "key", _COLUMNS)
        self._find_consent = select(table).where(table.c.key == b("key"), own, table.c.ends_at > b("now"))
        self._is_remembered = own & of_subject & (table.c.ends_at > b("now"))
        clients = table.c.client_id.in_(bindparam("b_client_ids", expanding=True))
        newest = select(table).where(self._is_remembered, clients)
        self._list_consents = newest.order_by(table.c.created_at.desc(), table.c.key.desc())
        self._forget_all = delete(table).where(own)
        self._forget_one = delete(table).where(table.c.key == b("key"), own, of_subject)
        self._forget_subject = self._forget_all.where(of_subject)
        self._forget_client = self._forget_all.where(table.c.client_id == b("client_id"))
        self._forget_both = self._forget_subject.where(table.c.client_id == b("client_id"))
        of_grant = select(grants.c.client_id).where(grants.c.id == b("grant")).scalar_subquery()
        self._forget_of_grant = self._forget_subject.where(table.c.client_id == of_grant)

    def remember_consent(self, consent: RememberedConsent) -> None:
        """Store a consent in place of one with the same key."""
        values = {
            "key": self._own(consent.key),
            "issuer": self._issuer,
            "client": None if consent.client is None else consent.client.to_json(),
            "resource": json.dumps(consent.resource),
            "created_at": seconds(consent.created_at),
            "ends_at": seconds(consent.ends_at),
        }
        values |= {name: getattr(consent, name) for name in _COLUMNS if name not in values}
        self._database.change(self._remember(self._database.dialect), params(**values))

    def find_consent(self, key: str, now: datetime) -> RememberedConsent | None:
        """Return the consent with a key unless it has ended."""
        values = params(key=self._own(key), issuer=self._issuer, now=seconds(now))
        row = self._database.first(self._find_consent, values)
        return None if row is None else _as_consent(row)

    def consents(self, subject: str, client_ids: Collection[str], now: datetime) -> list[RememberedConsent]:
        """Return the consents of a person for these clients that have not ended, the newest first."""
        if not client_ids or not is_storable(subject, *client_ids):
            return []
        values = params(subject=subject, client_ids=list(client_ids), issuer=self._issuer, now=seconds(now))
        return [_as_consent(row) for row in self._database.all(self._list_consents, values)]

    def forget_consent(self, subject: str, key: str) -> bool:
        """Delete one consent of a person; ``False`` if they have no such consent."""
        if not is_storable(subject, key):
            return False
        values = params(key=self._own(key), subject=subject, issuer=self._issuer)
        return self._database.change(self._forget_one, values) == 1

    def forget_consents(self, subject: str, client_id: str) -> int:
        """Delete a person's remembered consents for a client; return their number."""
        if not is_storable(subject, client_id):
            return 0
        values = params(subject=subject, client_id=client_id, issuer=self._issuer)
        return self._database.change(self._forget_both, values)


def _as_consent(row: Any) -> RememberedConsent:
    client = None if row["client"] is None else read_for_display(row["client_id"], row["client"])
    return RememberedConsent(
        subject=row["subject"],
        client_id=row["client_id"],
        client=client,
        fingerprint=row["fingerprint"],
        redirect_uri=row["redirect_uri"],
        asked=row["asked"],
        granted=row["granted"],
        resource=texts(row["resource"]),
        lifetime=row["lifetime"],
        created_at=instant(row["created_at"]),
        ends_at=instant(row["ends_at"]),
    )
