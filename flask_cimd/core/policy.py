"""Which clients an operator lets in and how far: decided before a fetch and again on every use.

Static rules come from settings, rules that an operator edits from a store; both are one `Policy`. Denial wins over
everything, whoever said it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from ..errors import IdentifierError, PolicyDeniedError
from .identifier import ClientIdentifier, IdentifierKind, IdentifierRules, parse_identifier

_PATTERN = re.compile(r"\.?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:]+\]")

#: RFC 1035 §2.3.4: a name has at most 253 characters, and a pattern one dot more.
_MAX_HOST = 254


@dataclass(frozen=True, slots=True)
class HostPattern:
    """A host name, or all names below one.

    ``app.example`` matches that host alone; ``.example.com`` matches ``a.example.com`` and ``b.a.example.com``,
    but neither ``example.com`` nor ``evilexample.com`` (CIMD §8.9).
    """

    text: str

    @classmethod
    def parse(cls, text: str) -> HostPattern:
        """Read a pattern.

        Raises:
            ValueError: it is no host name; a scheme, port or ``*`` would never match anything.
        """
        lowered = text.strip().lower()
        if len(lowered) > _MAX_HOST or not _PATTERN.fullmatch(lowered):
            raise ValueError(f"{text!r} is not a host pattern; write app.example or .example.com")
        return cls(lowered)

    def matches(self, host: str) -> bool:
        """Say whether a host is covered; case does not matter."""
        lowered = host.lower()
        return lowered.endswith(self.text) if self.text.startswith(".") else lowered == self.text.strip("[]")


class Decision(StrEnum):
    """What an operator's rule says."""

    ALLOW = "allow"
    DENY = "deny"
    TRUST = "trust"


class Tier(StrEnum):
    """How far a client is trusted, from full to not at all."""

    TRUSTED = "trusted"
    #: Let in by name: a rule, or the list of allowed hosts.
    KNOWN = "known"
    #: Let in because nothing speaks against it.
    UNKNOWN = "unknown"
    BLOCKED = "blocked"


_LENIENT = IdentifierRules(allow_loopback=True, allow_http_clients=True, allow_loopback_clients=True)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of an operator.

    Attributes:
        subject: a host pattern, or one client identifier URL, compared as a string.
    """

    subject: str
    decision: Decision

    @classmethod
    def parse(cls, subject: str, decision: str) -> Rule:
        """Read a rule.

        Raises:
            ValueError: the subject is neither a host pattern nor a client identifier URL, or could never match.
        """
        text = subject.strip()
        if "://" not in text:
            return cls(HostPattern.parse(text).text, Decision(decision))
        try:
            return cls(parse_identifier(text, _LENIENT).raw, Decision(decision))
        except IdentifierError as exc:
            raise ValueError(f"{subject!r} is not a client identifier URL: {exc}") from exc


class RuleSet:
    """Rules in a form that is asked in constant time, however many there are."""

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        self._decisions = {rule.subject: rule.decision for rule in rules}

    def decisions(self, identifier: ClientIdentifier) -> frozenset[Decision]:
        """Return what all rules say that cover this client."""
        if not self._decisions:
            return frozenset()
        said = self._decisions.get(identifier.raw)
        return self.about_host(identifier.host) | ({said} if said else set())

    def about_host(self, host: str) -> frozenset[Decision]:
        """Return what the rules about hosts say that cover this one."""
        if not self._decisions:
            return frozenset()
        lowered = host.lower()
        labels = lowered.split(".")
        parents = ("." + ".".join(labels[start:]) for start in range(1, len(labels)))
        subjects = (f"[{lowered}]" if ":" in lowered else lowered, *parents)
        return frozenset(self._decisions[subject] for subject in subjects if subject in self._decisions)

    def __eq__(self, other: object) -> bool:
        """Compare by content."""
        return isinstance(other, RuleSet) and self._decisions == other._decisions

    __hash__ = None  # type: ignore[assignment]  # nobody keys anything by it


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """An operator's rules; denial wins over permission.

    Attributes:
        allowed_hosts: ``None`` lets any host in; an empty tuple lets none in but those with a rule of their own.
        denied_hosts: turned away whatever else holds.
        trusted_hosts: let in and trusted.
        service_hosts: hosts where anybody can register a document for an app in the making (CIMD §8.10).
        rules: what an operator edits while the server runs.
    """

    allowed_hosts: tuple[HostPattern, ...] | None = None
    denied_hosts: tuple[HostPattern, ...] = ()
    trusted_hosts: tuple[HostPattern, ...] = ()
    service_hosts: tuple[HostPattern, ...] = ()
    rules: RuleSet = field(default_factory=RuleSet)

    def tier(self, identifier: ClientIdentifier) -> Tier:
        """Return how far this client is trusted.

        Whoever registered itself is never trusted: its host is where it wants its answers, which anybody can name.
        """
        said = self.rules.decisions(identifier)
        if Decision.DENY in said or _cover(self.denied_hosts, identifier.host):
            return Tier.BLOCKED
        if Decision.TRUST in said or _cover(self.trusted_hosts, identifier.host):
            return Tier.KNOWN if identifier.kind is IdentifierKind.REGISTERED else Tier.TRUSTED
        if Decision.ALLOW in said or _cover(self.allowed_hosts or (), identifier.host):
            return Tier.KNOWN
        return Tier.UNKNOWN if self.allowed_hosts is None else Tier.BLOCKED

    def require_not_denied(self, identifier: ClientIdentifier) -> None:
        """Raise if the settings alone turn the client away; reads no store.

        Raises:
            PolicyDeniedError: slug ``host-denied``.
        """
        if _cover(self.denied_hosts, identifier.host):
            raise PolicyDeniedError("host-denied", identifier.raw, hint="the host is on this server's deny list")

    def is_denied(self, host: str) -> bool:
        """Say whether nothing may be fetched from a host, whoever asks."""
        return _cover(self.denied_hosts, host) or Decision.DENY in self.rules.about_host(host)

    def require(self, identifier: ClientIdentifier) -> None:
        """Let the client pass, or raise.

        Raises:
            PolicyDeniedError: slug ``host-denied``, ``client-denied`` or ``host-not-allowed``.
        """
        self.require_not_denied(identifier)
        if self.tier(identifier) is not Tier.BLOCKED:
            return
        if Decision.DENY in self.rules.decisions(identifier):
            raise PolicyDeniedError("client-denied", identifier.raw, hint="a rule of this server's operator says no")
        raise PolicyDeniedError("host-not-allowed", identifier.raw, hint="the host is not on this server's allow list")

    def is_in_the_making(self, identifier: ClientIdentifier) -> bool:
        """Say whether a service for developers publishes the document: a person should be told (CIMD §8.10)."""
        return _cover(self.service_hosts, identifier.host)


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What clients of one tier may ask for.

    Attributes:
        scopes: ``None`` sets no limit; an empty set leaves the identity alone.
        resources: resource identifiers; ``None`` sets no limit.
    """

    scopes: frozenset[str] | None = None
    resources: frozenset[str] | None = None

    def scopes_of(self, asked: Iterable[str]) -> tuple[str, ...]:
        """Return the scopes that may be granted, in the order asked."""
        return tuple(scope for scope in asked if self.scopes is None or scope in self.scopes)

    def refused_resources(self, asked: Iterable[str]) -> tuple[str, ...]:
        """Return the resources that may not be asked for."""
        return tuple(uri for uri in asked if self.resources is not None and uri not in self.resources)


def _cover(patterns: tuple[HostPattern, ...], host: str) -> bool:
    return any(pattern.matches(host) for pattern in patterns)
