"""The error of backups."""

from __future__ import annotations


class BackupError(Exception):
    """A backup cannot be made or restored; nothing was changed.

    Attributes:
        slug: stable name of the reason.
    """

    def __init__(self, slug: str, message: str) -> None:
        super().__init__(message)
        self.slug = slug
