"""The ``flask cimd`` commands.

Flask finds the group by the entry point ``flask.commands``, so it is there in every app of an environment that has
this package. Commands print plain lines, or JSON with ``--json``. Exit codes: 0 yes, 1 no (unknown or
invalid), 2 wrong usage, 3 cannot be known now (not reachable).
"""

from flask.cli import AppGroup

from . import administration, clients, doctor, explain, keys, policy, storage
from .shared import Translated

__all__ = ["commands"]


class _Commands(Translated, AppGroup):
    """The commands of an app."""


commands = _Commands("cimd", help="OAuth clients that identify themselves by URL.")
for module in (administration, clients, doctor, explain, keys, policy, storage):
    for command in module.COMMANDS:
        commands.add_command(command)
