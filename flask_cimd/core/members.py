"""Typed getters over a stranger's JSON object."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..errors import Problem
from .identifier import LOOPBACK_HOSTS, host_problem

if TYPE_CHECKING:
    from .document import DocumentRules


class Reader:
    """Typed getters over one document that gather problems instead of stopping at the first.

    Args:
        members: the document.
        rules: what this server has enabled.
        takes_all_redirects: a redirect URI that may not be used is a problem, instead of being left out.
    """

    def __init__(self, members: Mapping[str, Any], rules: DocumentRules, *, takes_all_redirects: bool = False) -> None:
        self.members = members
        self.rules = rules
        self.takes_all_redirects = takes_all_redirects
        self.problems: list[Problem] = []

    def add(self, name: str, rule: str, message: str) -> None:
        """Note a broken rule."""
        self.problems.append(Problem(f"/{name}" if name else "", rule, message))

    def has(self, name: str) -> bool:
        """Say whether the member is there, whatever its value."""
        return name in self.members

    def blames(self, name: str) -> bool:
        """Say whether a problem with the member was noted."""
        return any(problem.pointer.startswith(f"/{name}") for problem in self.problems)

    def text(self, name: str) -> str | None:
        """Return a string."""
        value = self.members.get(name)
        if value is None and not self.has(name):
            return None
        if isinstance(value, str):
            return value
        self.add(name, "wrong-type", "must be a string")
        return None

    def flag(self, name: str) -> bool:
        """Return a boolean; absent is false."""
        value = self.members.get(name, False)
        if isinstance(value, bool):
            return value
        self.add(name, "wrong-type", "must be true or false")
        return False

    def texts(self, name: str) -> tuple[str, ...] | None:
        """Return an array of strings without duplicates."""
        if not self.has(name):
            return None
        value = self.members[name]
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.add(name, "wrong-type", "must be an array of strings")
            return ()
        return tuple(dict.fromkeys(value))

    def link(self, name: str) -> str | None:
        """Return an absolute https URL to show; anything else is as if it were not there (CIMD §8.6)."""
        value = self.members.get(name)
        return value if isinstance(value, str) and is_https_url(value, self.rules.allow_loopback) else None


def is_https_url(value: str, allow_loopback: bool) -> bool:
    """Say whether a member is an absolute https URL without user information, fit to be fetched or linked."""
    if len(value) > 2048 or not re.fullmatch(r"[\x21-\x7E]+", value) or set(value) & set('\\"<>^`{|}'):
        return False
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    if not value.startswith("https://") or "@" in parts.netloc:
        return False
    # A browser decodes "%2e" in a host and reads "2130706433" as an address: what is shown would not be what is meant.
    return host_problem(host) is None or (allow_loopback and host in LOOPBACK_HOSTS)
