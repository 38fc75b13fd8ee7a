"""Tables of the owner's tools."""

from __future__ import annotations

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from flask_cimd_site.models import Instant, Model


class ScriptTokenRow(Model):
    """A token that the owner made for a script; the grant with this id is the provider's."""

    __tablename__ = "script_token"

    grant_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    scope: Mapped[str] = mapped_column(Text)
    #: Names of the resources, one a line.
    places: Mapped[str] = mapped_column(Text)
    created_at: Mapped[float] = mapped_column(Instant)
    ends_at: Mapped[float] = mapped_column(Instant, index=True)
