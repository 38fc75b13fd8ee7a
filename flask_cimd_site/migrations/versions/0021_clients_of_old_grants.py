"""Grants of the first schemas: their clients' descriptions get the members that later versions added."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

#: What a description of the first versions says without naming it. A grant whose description lacks a member cannot be
#: read, and each of its refreshes would be refused.
_ADDED = {"atproto_problems": [], "localhost_any_port": True, "rules": ""}
_BATCH = 500

_grants = sa.table("cimd_grant", sa.column("id", sa.String), sa.column("client", sa.Text))


def upgrade() -> None:
    """Complete the descriptions, some hundred at a time; whatever is no description stays as it is."""
    connection, last = op.get_bind(), ""
    while True:
        some = sa.select(_grants).where(_grants.c.id > last, _grants.c.client.is_not(None))
        rows = connection.execute(some.order_by(_grants.c.id).limit(_BATCH)).all()
        if not rows:
            return
        for row in rows:
            if (text := _completed(row.client)) is not None:
                connection.execute(sa.update(_grants).where(_grants.c.id == row.id).values(client=text))
        last = rows[-1].id


def _completed(text: str) -> str | None:
    """Return the description with every member; ``None`` if it has them, or is none."""
    try:
        members = json.loads(text)
    except ValueError:
        return None
    if not isinstance(members, dict) or "redirect_uris" not in members or _ADDED.keys() <= members.keys():
        return None
    return json.dumps({**_ADDED, **members}, separators=(",", ":"))


def downgrade() -> None:
    """Leave the members: they do not change what a grant means."""
