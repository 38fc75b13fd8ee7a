"""The activity log: what happened to the account, and what apps asked for; only the owner reads it."""

from flask_cimd_site.activity.kinds import Kind
from flask_cimd_site.activity.log import record

__all__ = ["Kind", "record"]
