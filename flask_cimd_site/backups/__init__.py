"""Backups of a site: one archive with the data at one instant, and what is needed to judge it."""

from flask_cimd_site.backups.errors import BackupError
from flask_cimd_site.backups.making import make, prune
from flask_cimd_site.backups.records import records_of
from flask_cimd_site.backups.restoring import Opened, opened, restore

__all__ = ["BackupError", "Opened", "make", "opened", "prune", "records_of", "restore"]
