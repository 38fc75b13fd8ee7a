"""Table of the results of checks that somebody can look at by a link."""

from __future__ import annotations

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from flask_cimd_site.models import Instant, Model


class CheckResultRow(Model):
    """One result; who has its link sees it until it ends."""

    __tablename__ = "check_result"

    #: SHA-256 of the random name in the link.
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    made_at: Mapped[float] = mapped_column(Instant, index=True)
    #: The explanation as JSON, see `flask_cimd.clients.pack_explanation`.
    result: Mapped[str] = mapped_column(Text)
