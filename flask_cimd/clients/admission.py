"""The operator's policy: rules from the settings, and rules, allowances and pinned copies edited at run time.

A process reads the edited part as a whole and caches it for `REREAD_AFTER` seconds, so that a stored client needs no
further query. An edit takes effect at once in its own process.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from ..core.identifier import ClientIdentifier, IdentifierKind
from ..core.policy import Allowance, Decision, Policy, Rule, RuleSet, Tier
from ..errors import PolicyDeniedError
from ..stores import MemoryRecords, Records, StoreError
from .pins import Pin

logger = logging.getLogger(__name__)

#: Maximum delay until an edit by another process takes effect, in seconds.
REREAD_AFTER = 5
#: Maximum number of admitted identifiers that a snapshot of the rules caches.
_MAX_ADMITTED = 4096
_RULE, _TIER, _PIN = "rule", "tier", "pin"


@dataclass(frozen=True, slots=True)
class _Snapshot:
    policy: Policy
    allowances: Mapping[Tier, Allowance]
    pinned: frozenset[str]
    read_at: float
    #: Raw identifiers that this policy admitted, without registered clients: their hosts are checked separately.
    admitted: set[str]


class Admission:
    """The policy of one app.

    Args:
        policy: the static part, from the settings.
        records: store of the edited part.
        clock: returns monotonic seconds.
    """

    def __init__(self, policy: Policy, records: Records, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.static = policy
        self._records = records
        self._clock = clock
        self._snapshot: _Snapshot | None = None

    @property
    def is_lasting(self) -> bool:
        """``True`` if edits persist after this process ends."""
        return not isinstance(self._records, MemoryRecords)

    def require(self, identifier: ClientIdentifier) -> None:
        """Raise unless the policy admits the client; a host that the settings deny causes no query.

        Raises:
            PolicyDeniedError: the settings or a rule refuse the client; slug ``policy-unavailable`` if the edited
                rules were never read, because one of them may be a denial.
        """
        snapshot = self._snapshot
        if snapshot is not None and identifier.raw in snapshot.admitted and not self._is_outdated(snapshot):
            return
        self.static.require_not_denied(identifier)
        snapshot = self._current()
        snapshot.policy.require(identifier)
        if identifier.kind is not IdentifierKind.REGISTERED and len(snapshot.admitted) < _MAX_ADMITTED:
            snapshot.admitted.add(identifier.raw)

    def is_denied(self, host: str) -> bool:
        """Return whether the policy forbids every fetch from a host."""
        return self.static.is_denied(host) or self._current().policy.is_denied(host)

    def tier(self, identifier: ClientIdentifier) -> Tier:
        """Return the trust tier of a client."""
        return self._current().policy.tier(identifier)

    def is_in_the_making(self, identifier: ClientIdentifier) -> bool:
        """Return whether a development service publishes the document (CIMD §9.10)."""
        return self.static.is_in_the_making(identifier)

    # -- rules ------------------------------------------------------------------------------------------------------

    def rules(self) -> tuple[Rule, ...]:
        """Return the operator's rules from the store."""
        return tuple(Rule(subject, _decision(value)) for subject, value in self._records.all(_RULE).items())

    def set_rule(self, rule: Rule) -> None:
        """Store a rule; it replaces a rule with the same subject."""
        self._records.put(_RULE, rule.subject, json.dumps({"decision": rule.decision}))
        self._snapshot = None

    def remove_rule(self, subject: str) -> bool:
        """Delete a rule; return whether it existed."""
        removed = self._records.remove(_RULE, subject)
        self._snapshot = None
        return removed

    # -- allowances ------------------------------------------------------------------------------------------------

    def allowance(self, tier: Tier) -> Allowance:
        """Return what clients of a tier may request; everything if no allowance is set."""
        return self._current().allowances.get(tier, Allowance())

    def set_allowance(self, tier: Tier, allowance: Allowance) -> None:
        """Set what clients of a tier may request."""
        members = {
            "scopes": None if allowance.scopes is None else sorted(allowance.scopes),
            "resources": None if allowance.resources is None else sorted(allowance.resources),
        }
        self._records.put(_TIER, tier, json.dumps(members))
        self._snapshot = None

    # -- pinned copies ----------------------------------------------------------------------------------------------

    def pinned(self) -> tuple[str, ...]:
        """Return the identifiers with a pinned copy, from the store."""
        return tuple(self._records.subjects(_PIN))

    def pin(self, client_id: str) -> Pin | None:
        """Return the pinned copy of a client, or ``None``; a client without a copy causes no query."""
        try:
            if client_id not in self._current().pinned:
                return None
            text = self._records.get(_PIN, client_id)
            return None if text is None else Pin.from_json(text)
        except (ValueError, StoreError) as exc:
            logger.warning("a pinned copy cannot be read: %s", type(exc).__name__)
            return None

    def set_pin(self, client_id: str, pin: Pin) -> None:
        """Store a copy; it replaces an older copy."""
        self._records.put(_PIN, client_id, pin.to_json())
        self._snapshot = None

    def remove_pin(self, client_id: str) -> bool:
        """Delete a copy; return whether it existed."""
        removed = self._records.remove(_PIN, client_id)
        self._snapshot = None
        return removed

    # -- reading ----------------------------------------------------------------------------------------------------

    def _current(self) -> _Snapshot:
        snapshot = self._snapshot
        if snapshot is None or self._is_outdated(snapshot):
            snapshot = self._snapshot = self._read(snapshot, self._clock())
        return snapshot

    def _is_outdated(self, snapshot: _Snapshot) -> bool:
        return self._clock() - snapshot.read_at >= REREAD_AFTER

    def _read(self, before: _Snapshot | None, now: float) -> _Snapshot:
        try:
            return _Snapshot(
                policy=replace(self.static, rules=RuleSet(self.rules())),
                allowances={Tier(tier): _allowance(value) for tier, value in self._records.all(_TIER).items()},
                pinned=frozenset(self._records.subjects(_PIN)),
                read_at=now,
                admitted=set(),
            )
        except (ValueError, KeyError, TypeError, StoreError) as exc:
            logger.warning("the operator's rules cannot be read: %s", type(exc).__name__)
            if before is None:
                raise PolicyDeniedError("policy-unavailable", hint="the rules cannot be read; see the log") from exc
            return replace(before, read_at=now)


def _decision(value: str) -> Decision:
    return Decision(json.loads(value)["decision"])


def _allowance(value: str) -> Allowance:
    members = json.loads(value)
    limits = {name: None if members[name] is None else frozenset(members[name]) for name in ("scopes", "resources")}
    return Allowance(**limits)
