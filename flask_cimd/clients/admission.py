"""The operator's policy: rules from the settings, and rules, allowances and pinned copies edited while the app runs.

The edited part is read as a whole and kept for `REREAD_AFTER` seconds, so that a stored client costs no further
query; an edit takes effect at once in the process that makes it.
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

#: Seconds until an edit by another process takes effect.
REREAD_AFTER = 5
#: Number of identifiers that one reading of the rules remembers as admitted.
_MAX_ADMITTED = 4096
_RULE, _TIER, _PIN = "rule", "tier", "pin"


@dataclass(frozen=True, slots=True)
class _Snapshot:
    policy: Policy
    allowances: Mapping[Tier, Allowance]
    pinned: frozenset[str]
    read_at: float
    #: Raw identifiers that this policy admitted; a registered client's say nothing about its hosts.
    admitted: set[str]


class Admission:
    """The policy of one app.

    Args:
        policy: the static part, from settings.
        records: where the edited part is kept.
        clock: returns seconds that only rise.
    """

    def __init__(self, policy: Policy, records: Records, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.static = policy
        self._records = records
        self._clock = clock
        self._snapshot: _Snapshot | None = None

    @property
    def is_lasting(self) -> bool:
        """``True`` if edits outlive this process."""
        return not isinstance(self._records, MemoryRecords)

    def require(self, identifier: ClientIdentifier) -> None:
        """Admit the client, or raise; a host that the settings deny costs no query of any kind.

        Raises:
            PolicyDeniedError: the settings or a rule refuse it; slug ``policy-unavailable`` if the edited rules
                could not be read even once, because one of them may be a denial.
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
        """Say whether nothing may be fetched from a host, whichever client names it."""
        return self.static.is_denied(host) or self._current().policy.is_denied(host)

    def tier(self, identifier: ClientIdentifier) -> Tier:
        """Return the trust tier of a client."""
        return self._current().policy.tier(identifier)

    def is_in_the_making(self, identifier: ClientIdentifier) -> bool:
        """Say whether a service for developers publishes the document (CIMD §9.10)."""
        return self.static.is_in_the_making(identifier)

    # -- rules ------------------------------------------------------------------------------------------------------

    def rules(self) -> tuple[Rule, ...]:
        """Return the operator's rules, read anew."""
        return tuple(Rule(subject, _decision(value)) for subject, value in self._records.all(_RULE).items())

    def set_rule(self, rule: Rule) -> None:
        """Keep a rule in place of an older one with the same subject."""
        self._records.put(_RULE, rule.subject, json.dumps({"decision": rule.decision}))
        self._snapshot = None

    def remove_rule(self, subject: str) -> bool:
        """Forget a rule; return whether there was one."""
        removed = self._records.remove(_RULE, subject)
        self._snapshot = None
        return removed

    # -- allowances ------------------------------------------------------------------------------------------------

    def allowance(self, tier: Tier) -> Allowance:
        """Return what clients of a tier may ask for; without a rule, everything."""
        return self._current().allowances.get(tier, Allowance())

    def set_allowance(self, tier: Tier, allowance: Allowance) -> None:
        """Set what clients of a tier may ask for."""
        members = {
            "scopes": None if allowance.scopes is None else sorted(allowance.scopes),
            "resources": None if allowance.resources is None else sorted(allowance.resources),
        }
        self._records.put(_TIER, tier, json.dumps(members))
        self._snapshot = None

    # -- pinned copies ----------------------------------------------------------------------------------------------

    def pinned(self) -> tuple[str, ...]:
        """Return the identifiers that have a pinned copy, read anew."""
        return tuple(self._records.subjects(_PIN))

    def pin(self, client_id: str) -> Pin | None:
        """Return the pinned copy of a client; clients without one cost no query."""
        try:
            if client_id not in self._current().pinned:
                return None
            text = self._records.get(_PIN, client_id)
            return None if text is None else Pin.from_json(text)
        except (ValueError, StoreError) as exc:
            logger.warning("a pinned copy cannot be read: %s", type(exc).__name__)
            return None

    def set_pin(self, client_id: str, pin: Pin) -> None:
        """Keep a copy in place of an older one."""
        self._records.put(_PIN, client_id, pin.to_json())
        self._snapshot = None

    def remove_pin(self, client_id: str) -> bool:
        """Forget a copy; return whether there was one."""
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
