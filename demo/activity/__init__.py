"""The activity log: what happened to the account, and what apps asked for; only the owner reads it."""

from demo.activity.kinds import Kind
from demo.activity.log import record

__all__ = ["Kind", "record"]
