"""The operator's rules: which clients are accepted and how far they are trusted.

They are checked before a fetch and on every use. Static rules come from settings, rules that the operator edits from a
store; both form one `Policy`. A denial overrides everything else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from ..errors import IdentifierError, PolicyDeniedError
from .identifier import ClientIdentifier, IdentifierKind, IdentifierRules, parse_identifier
from .resources import resource_key

_PATTERN = re.compile(r"\.?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:]+\]")

#: RFC 1035 §2.3.4: a name has at most 253 characters, and a pattern one dot more.
_MAX_HOST = 254


@dataclass(frozen=True, slots=True)
class HostPattern:
    """A pattern for one host, or for all subdomains of a domain.

    ``app.example`` matches that host alone; ``.example.com`` matches ``a.example.com`` and ``b.a.example.com``,
    but neither ``example.com`` nor ``evilexample.com`` (CIMD §9.9).
    """

    text: str

    @classmethod
    def parse(cls, text: str) -> HostPattern:
        """Read a pattern.

        Raises:
            ValueError: the text is not a host name; a scheme, port or ``*`` would never match.
        """
        lowered = text.strip().lower()
        if len(lowered) > _MAX_HOST or not _PATTERN.fullmatch(lowered):
            raise ValueError(f"{text!r} is not a host pattern; write app.example or .example.com")
        return cls(lowered)

    def matches(self, host: str) -> bool:
        """Return whether the pattern covers a host, case-insensitively."""
        lowered = host.lower()
        return lowered.endswith(self.text) if self.text.startswith(".") else lowered == self.text.strip("[]")


class Decision(StrEnum):
    """The decision of a rule."""

    ALLOW = "allow"
    DENY = "deny"
    TRUST = "trust"


class Tier(StrEnum):
    """Degree of trust in a client."""

    TRUSTED = "trusted"
    #: Accepted by a rule or by the list of allowed hosts.
    KNOWN = "known"
    #: Accepted because no rule denies it.
    UNKNOWN = "unknown"
    BLOCKED = "blocked"


_LENIENT = IdentifierRules(allow_loopback=True, allow_http_clients=True, allow_loopback_clients=True)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the operator.

    Attributes:
        subject: a host pattern, or a client identifier URL that is compared as a string.
        decision: what the rule decides.
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
    """Rules with a lookup whose time does not depend on their number."""

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        self._decisions = {rule.subject: rule.decision for rule in rules}

    def decisions(self, identifier: ClientIdentifier) -> frozenset[Decision]:
        """Return the decisions of all rules that cover this client."""
        if not self._decisions:
            return frozenset()
        said = self._decisions.get(identifier.raw)
        return self.about_host(identifier.host) | ({said} if said else set())

    def about_host(self, host: str) -> frozenset[Decision]:
        """Return the decisions of all host patterns that cover this host."""
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

    __hash__ = None  # type: ignore[assignment]  # mutable rules are not hashable


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """All rules of the operator; a denial overrides a permission.

    Attributes:
        allowed_hosts: ``None`` accepts any host; an empty tuple accepts only hosts and clients with a rule.
        denied_hosts: refused, whatever the other rules say.
        trusted_hosts: accepted and trusted.
        service_hosts: services where anyone can register a document for an app under development (CIMD §9.10).
        rules: rules that the operator edits while the server runs.
    """

    allowed_hosts: tuple[HostPattern, ...] | None = None
    denied_hosts: tuple[HostPattern, ...] = ()
    trusted_hosts: tuple[HostPattern, ...] = ()
    service_hosts: tuple[HostPattern, ...] = ()
    rules: RuleSet = field(default_factory=RuleSet)

    def tier(self, identifier: ClientIdentifier) -> Tier:
        """Return how far this client is trusted.

        A client that registered itself is never trusted: its host is that of a redirect URI, and anyone can name one.
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
        """Raise if the settings alone deny the client; reads no store.

        Raises:
            PolicyDeniedError: slug ``host-denied``.
        """
        if _cover(self.denied_hosts, identifier.host):
            raise PolicyDeniedError("host-denied", identifier.raw, hint="the host is on this server's deny list")

    def is_denied(self, host: str) -> bool:
        """Return whether fetches from a host are denied for every client."""
        return _cover(self.denied_hosts, host) or Decision.DENY in self.rules.about_host(host)

    def require(self, identifier: ClientIdentifier) -> None:
        """Raise if the rules refuse the client.

        Raises:
            PolicyDeniedError: slug ``host-denied``, ``client-denied`` or ``host-not-allowed``.
        """
        self.require_not_denied(identifier)
        if self.tier(identifier) is not Tier.BLOCKED:
            return
        if Decision.DENY in self.rules.decisions(identifier):
            raise PolicyDeniedError("client-denied", identifier.raw, hint="a rule of the operator denies the client")
        raise PolicyDeniedError("host-not-allowed", identifier.raw, hint="the host is not on this server's allow list")

    def is_in_the_making(self, identifier: ClientIdentifier) -> bool:
        """Return whether a service for developers publishes the document; the consent page then warns (CIMD §9.10)."""
        return self.serves_many(identifier.host)

    def serves_many(self, host: str) -> bool:
        """Return whether a host belongs to a service for developers."""
        return _cover(self.service_hosts, host)


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """The scopes and resources that clients of one tier may request.

    Attributes:
        scopes: ``None`` is no limit; with an empty set, a client learns only who signed in.
        resources: resource identifiers (RFC 8707); ``None`` is no limit.
    """

    scopes: frozenset[str] | None = None
    resources: frozenset[str] | None = None

    def scopes_of(self, asked: Iterable[str]) -> tuple[str, ...]:
        """Return the requested scopes that may be granted, in their order."""
        return tuple(scope for scope in asked if self.scopes is None or scope in self.scopes)

    def refused_resources(self, asked: Iterable[str]) -> tuple[str, ...]:
        """Return the requested resources that are not allowed."""
        if self.resources is None:
            return ()
        allowed = {resource_key(uri) for uri in self.resources}
        return tuple(uri for uri in asked if resource_key(uri) not in allowed)


def _cover(patterns: tuple[HostPattern, ...], host: str) -> bool:
    return any(pattern.matches(host) for pattern in patterns)
