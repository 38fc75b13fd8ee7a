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
#: Members that decide nothing for a client that authenticates with ``none``.
_UNUSED_WITHOUT_KEYS = frozenset(
    {"jwks", "jwks_uri", "token_endpoint_auth_signing_alg", "scope", "application_type", "response_types"}
)
#: Rules that hold whether or not the member is used: what is published is known to everybody.
_ALWAYS = frozenset({"private-key", "symmetric-key"})


def without_nulls(members: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members that have a value: serializers write ``null`` for optional members that are not set."""
    return {name: value for name, value in members.items() if value is not None}


class Members:
    """The members of one document, with the problems found so far; ``null`` counts as absent.

    Attributes:
        problems: broken rules that make the document unusable.
        ignored: broken rules of members that are not used here; such a member counts as absent.
        is_public: the client authenticates with ``none``, so its keys and what belongs to them are not used.

    Args:
        raw: the JSON object.
        rules: how strictly it is read.
        takes_all_redirects: report every redirect URI that cannot be used; otherwise such entries are left out.
    """

    def __init__(self, raw: Mapping[str, Any], rules: DocumentRules, *, takes_all_redirects: bool = False) -> None:
        self.raw = without_nulls(raw)
        self.rules = rules
        self.takes_all_redirects = takes_all_redirects
        self.problems: list[Problem] = []
        self.ignored: list[Problem] = []
        self.is_public = False

    def add(self, name: str, rule: str, message: str) -> bool:
        """Record a problem with one member, see `record`; an empty name means the whole document."""
        return self.record(Problem(f"/{name}" if name else "", rule, message))

    def record(self, problem: Problem) -> bool:
        """Record a problem, and say whether it counts: the member may not be used for this client."""
        member = problem.pointer[1:].partition("/")[0]
        is_unused = self.is_public and member in _UNUSED_WITHOUT_KEYS and problem.rule not in _ALWAYS
        (self.ignored if is_unused else self.problems).append(problem)
        return not is_unused

    def has(self, name: str) -> bool:
        """Return whether the member is present with a value."""
        return name in self.raw

    def blames(self, name: str) -> bool:
        """Return whether a problem with the member is recorded."""
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
        """Return an array of strings without its duplicates, or ``None`` if the member is absent or not used."""
        if not self.has(name):
            return None
        value = self.raw[name]
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            return () if self.add(name, "wrong-type", "must be an array of strings") else None
        return tuple(dict.fromkeys(value))

    def link(self, name: str) -> str | None:
        """Return an absolute https URL; any other value is treated as absent (CIMD §9.6)."""
        value = self.raw.get(name)
        return value if isinstance(value, str) and is_https_url(value, self.rules.allow_loopback) else None


def is_https_url(value: str, allow_loopback: bool) -> bool:
    """Return whether a member is an absolute https URL of a public host that may be fetched or linked.

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
