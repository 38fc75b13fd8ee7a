"""Typed access to the members of an untrusted JSON object; problems are collected, not raised."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..errors import Problem
from .rules import DocumentRules
from .urls import LOOPBACK_HOSTS, WebURL, host_problem

_MAX_URL = 2048  # characters
_PRINTABLE = re.compile(r"[\x21-\x7E]+")
_NEVER_IN_URLS = frozenset('\\"<>^`{|}')


class Members:
    """The members of one document, with the problems found so far.

    Args:
        raw: the JSON object.
        rules: how strictly it is read.
        takes_all_redirects: report every redirect URI that cannot be used; otherwise such entries are left out.
    """

    def __init__(self, raw: Mapping[str, Any], rules: DocumentRules, *, takes_all_redirects: bool = False) -> None:
        self.raw = raw
        self.rules = rules
        self.takes_all_redirects = takes_all_redirects
        self.problems: list[Problem] = []

    def add(self, name: str, rule: str, message: str) -> None:
        """Record a problem with one member; an empty name means the whole document."""
        self.problems.append(Problem(f"/{name}" if name else "", rule, message))

    def has(self, name: str) -> bool:
        """Say whether the member is present, whatever its value."""
        return name in self.raw

    def blames(self, name: str) -> bool:
        """Say whether a problem with the member is recorded."""
        return any(problem.pointer.startswith(f"/{name}") for problem in self.problems)

    def text(self, name: str) -> str | None:
        """Return a string, or ``None`` if the member is absent."""
        value = self.raw.get(name)
        if isinstance(value, str) or not self.has(name):
            return value
        self.add(name, "wrong-type", "must be a string")
        return None

    def flag(self, name: str) -> bool:
        """Return a boolean; an absent member is false."""
        value = self.raw.get(name, False)
        if isinstance(value, bool):
            return value
        self.add(name, "wrong-type", "must be true or false")
        return False

    def texts(self, name: str) -> tuple[str, ...] | None:
        """Return an array of strings without its duplicates, or ``None`` if the member is absent."""
        if not self.has(name):
            return None
        value = self.raw[name]
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.add(name, "wrong-type", "must be an array of strings")
            return ()
        return tuple(dict.fromkeys(value))

    def link(self, name: str) -> str | None:
        """Return an absolute https URL; any other value is treated as absent (CIMD §8.6)."""
        value = self.raw.get(name)
        return value if isinstance(value, str) and is_https_url(value, self.rules.allow_loopback) else None


def is_https_url(value: str, allow_loopback: bool) -> bool:
    """Say whether a member is an absolute https URL of a public host that may be fetched or linked.

    Args:
        value: the member.
        allow_loopback: accept the hosts of this computer as well.
    """
    if len(value) > _MAX_URL or not value.startswith("https://") or not _PRINTABLE.fullmatch(value):
        return False
    if _NEVER_IN_URLS & set(value) or (url := WebURL.parse(value)) is None:
        return False
    # A browser decodes "%2e" in a host and reads "2130706433" as an address: the host shown would not be the one used.
    return host_problem(url.host) is None or (allow_loopback and url.host in LOOPBACK_HOSTS)
