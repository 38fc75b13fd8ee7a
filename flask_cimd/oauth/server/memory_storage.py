"""Storage in the memory of this process, for tests and trials."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ._memory_consents import MemoryConsents
from ._memory_registrations import MemoryRegistrations
from ._memory_requests import MemoryRequests, drop
from .storage import (
    CODES_KEPT,
    GRANTS_PER_CLIENT,
    KEPT_AFTER_END,
    REPETITIONS,
    Code,
    Grant,
    LivingGrant,
    Settlement,
    Token,
)


@dataclass(slots=True)
class _KeptGrant:
    grant: Grant
    ends_at: datetime
    used_at: datetime | None = None

    def is_alive(self, now: datetime) -> bool:
        return now < self.ends_at and not self.grant.is_over(now)

    def as_living(self) -> LivingGrant:
        until = self.ends_at if self.grant.until is None else min(self.ends_at, self.grant.until)
        return LivingGrant(grant=self.grant, last_used=self.used_at or self.grant.created_at, ends_at=until)


@dataclass(slots=True)
class _KeptCode:
    code: Code
    grant_id: str


@dataclass(slots=True)
class _KeptToken:
    """A token with its parent and rotations, like the columns of ``cimd_token``."""

    token: Token
    grant_id: str
    parent: str | None
    repetition: int
    rotations: int = 0
    rotated_at: datetime | None = None
    is_over: bool = False

    def as_token(self) -> Token:
        may_repeat = self.rotated_at is not None and not self.is_over
        return replace(
            self.token,
            spent=self.is_over or self.rotated_at is not None,
            rotated_at=self.rotated_at if may_repeat else None,
        )

    def may_rotate(self, now: datetime, grace: timedelta) -> bool:
        if self.is_over or self.token.revoked or self.token.kind != "refresh":
            return False
        return self.rotated_at is None or (now < self.rotated_at + grace and self.rotations <= REPETITIONS)


class MemoryStorage(MemoryRegistrations, MemoryConsents, MemoryRequests):
    """A `ProviderStorage` and ``RegistrationStorage`` of one process, for tests and trials.

    Other processes do not see the data; the end of the process deletes it.

    Attributes:
        is_lasting: ``False``: the data ends with the process.
    """

    is_lasting = False

    def __init__(self) -> None:
        super().__init__()
        self._grants: dict[str, _KeptGrant] = {}
        self._codes: dict[str, _KeptCode] = {}
        self._tokens: dict[str, _KeptToken] = {}

    # -- codes --------------------------------------------------------------------------------------------------

    def add_code(self, grant: Grant, code: Code, settlement: Settlement | None = None) -> bool:
        """Store a new grant with its code, and spend the decided requests."""
        with self._lock:
            if settlement is not None and not self._spend(settlement, grant.created_at, code.digest):
                return False
            self._grants[grant.id] = _KeptGrant(grant, code.expires_at)
            self._codes[code.digest] = _KeptCode(code, grant.id)
            self._note_use(grant, grant.created_at)
        return True

    def find_code(self, digest: str) -> tuple[Grant, Code] | None:
        """Return a code, even if it is spent or expired."""
        with self._lock:
            found = self._codes.get(digest)
            return None if found is None else (self._grants[found.grant_id].grant, found.code)

    def _is_spent(self, code: str) -> bool:
        found = self._codes.get(code)
        return found is None or found.code.spent

    def redeem_code(self, digest: str, tokens: Sequence[Token], now: datetime, grant: Grant | None = None) -> bool:
        """Spend a code, add its tokens and store the changes of the grant; ``False`` if the code is already spent."""
        with self._lock:
            found = self._codes.get(digest)
            if found is None or found.code.spent:
                return False
            kept = self._grants[found.grant_id]
            if tokens or grant is not None:
                if kept.grant.revoked:
                    return False
                kept.used_at, kept.ends_at = now, max((token.expires_at for token in tokens), default=now)
                _settle(kept, grant)
                self._add_tokens(kept.grant.id, tokens, None, 0)
            found.code = replace(found.code, spent=True)
        return True

    # -- tokens -------------------------------------------------------------------------------------------------

    def find_token(self, digest: str) -> tuple[Grant, Token] | None:
        """Return a token, even if it is no longer valid."""
        with self._lock:
            found = self._tokens.get(digest)
            return None if found is None else (self._grants[found.grant_id].grant, found.as_token())

    def rotate(
        self,
        digest: str,
        tokens: Sequence[Token],
        now: datetime,
        grant: Grant | None = None,
        *,
        grace: timedelta = timedelta(),
    ) -> bool:
        """Exchange a refresh token for its successors; ``False``, and nothing is added, if it is spent."""
        with self._lock:
            found = self._tokens.get(digest)
            if found is None or not found.may_rotate(now, grace):
                return False
            kept = self._grants[found.grant_id]
            if kept.grant.revoked:
                return False
            if found.rotated_at is None:
                found.rotated_at = now
                self._end_siblings(found)
            found.rotations += 1
            found.token = replace(found.token, expires_at=now + KEPT_AFTER_END)
            kept.used_at = now
            kept.ends_at = max([kept.ends_at, *(token.expires_at for token in tokens)])
            _settle(kept, grant)
            self._add_tokens(kept.grant.id, tokens, digest, found.rotations - 1)
            self._note_use(kept.grant, now)
        return True

    def _end_siblings(self, rotated: _KeptToken) -> None:
        if rotated.parent is None:
            return
        if (parent := self._tokens.get(rotated.parent)) is not None:
            parent.is_over = True
        for other in self._tokens.values():
            if other.parent == rotated.parent and other.repetition != rotated.repetition:
                other.is_over = True

    def _add_tokens(self, grant_id: str, tokens: Sequence[Token], parent: str | None, repetition: int) -> None:
        for token in tokens:
            self._tokens[token.digest] = _KeptToken(token, grant_id, parent, repetition)

    def revoke_token(self, digest: str, now: datetime) -> None:
        """End one token."""
        with self._lock:
            found = self._tokens.get(digest)
            if found is None:
                return
            found.token = replace(found.token, revoked=True)
            kept = self._grants[found.grant_id]
            if not kept.grant.revoked:
                others = [one.as_token() for one in self._tokens.values() if one.grant_id == found.grant_id]
                usable = [token.expires_at for token in others if not (token.spent or token.revoked)]
                kept.ends_at = max(usable, default=now)

    # -- approvals ----------------------------------------------------------------------------------------------

    def last_approved(self, subject: str, client_id: str) -> Grant | None:
        """Return the newest grant of a client that this person approved, living or not."""
        found = self._chosen(lambda grant: (grant.subject, grant.client_id) == (subject, client_id))
        return max((kept.grant for kept in found), key=lambda grant: grant.created_at, default=None)

    def has_approved(self, subject: str, client_id: str, redirect_uri: str) -> bool:
        """Return whether this person approved the client with this redirect URI, by a grant that is not revoked."""
        wanted = (subject, client_id, redirect_uri, False)
        return bool(self._chosen(lambda one: (one.subject, one.client_id, one.redirect_uri, one.revoked) == wanted))

    def has_living_grant(self, client_id: str, now: datetime) -> bool:
        """Return whether a client has a grant of any person that is neither revoked nor ended."""
        return any(kept.is_alive(now) for kept in self._chosen(lambda one: one.client_id == client_id))

    def living_grants(
        self, subject: str, now: datetime, *, limit: int, offset: int = 0
    ) -> list[tuple[str, tuple[LivingGrant, ...]]]:
        """Return ``limit`` clients of this person, in the order of their identifiers."""
        found: dict[str, list[LivingGrant]] = {client_id: [] for client_id in self._with_consent(subject, now)}
        for kept in self._chosen(lambda grant: grant.subject == subject and not grant.revoked):
            if kept.used_at is not None and kept.is_alive(now):
                found.setdefault(kept.grant.client_id, []).append(kept.as_living())
        for grants in found.values():
            grants.sort(key=lambda living: living.grant.created_at, reverse=True)
        page = sorted(found)[offset : offset + limit]
        return [(client_id, tuple(found[client_id][:GRANTS_PER_CLIENT])) for client_id in page]

    def grants(
        self,
        now: datetime,
        *,
        subject: str | None = None,
        client_id: str | None = None,
        after: str = "",
        limit: int = 100,
    ) -> list[LivingGrant]:
        """Return at most ``limit`` grants that are not over, in the order of their ids, for an operator."""

        def is_wanted(grant: Grant) -> bool:
            is_of = subject in (None, grant.subject) and client_id in (None, grant.client_id)
            return is_of and not grant.revoked and grant.id > after

        found = sorted(self._chosen(is_wanted), key=lambda kept: kept.grant.id)
        return [kept.as_living() for kept in found if kept.is_alive(now)][:limit]

    def _chosen(self, is_wanted: Callable[[Grant], bool]) -> list[_KeptGrant]:
        with self._lock:
            return [kept for kept in self._grants.values() if is_wanted(kept.grant)]

    # -- ends ---------------------------------------------------------------------------------------------------

    def revoke_grant(self, grant_id: str, now: datetime) -> None:
        """End a grant with everything that came from it."""
        self._end(lambda grant: grant.id == grant_id, now)

    def revoke_grant_of(self, subject: str, grant_id: str, now: datetime) -> bool:
        """End a grant of this person; ``False`` if they have no such grant, or it is revoked."""
        theirs = self._chosen(lambda grant: (grant.subject, grant.id) == (subject, grant_id))
        for kept in theirs:
            self.forget_consents(subject, kept.grant.client_id)
        return self._end(lambda grant: (grant.subject, grant.id) == (subject, grant_id), now) == 1

    def set_end(self, subject: str, grant_id: str, until: datetime, now: datetime) -> bool:
        """Store another end of a living grant of this person; ``False`` if they have no such grant."""
        with self._lock:
            found = self._grants.get(grant_id)
            if found is None or found.grant.subject != subject or not found.is_alive(now):
                return False
            found.grant = replace(found.grant, until=until)
        return True

    def revoke_client(self, subject: str | None, client_id: str, now: datetime) -> int:
        """End all grants of a client, of one person or of everybody; return how many were not revoked before."""
        self._forget(lambda one: one.client_id == client_id and subject in (None, one.subject))
        return self._end(lambda grant: grant.client_id == client_id and subject in (None, grant.subject), now)

    def revoke_subject(self, subject: str, now: datetime) -> int:
        """End all grants of a person; return how many were not revoked before."""
        self._forget(lambda one: one.subject == subject)
        return self._end(lambda grant: grant.subject == subject, now)

    def revoke_all(self, now: datetime) -> int:
        """End all grants of everybody; return how many were not revoked before."""
        self._forget(lambda one: True)  # noqa: ARG005
        return self._end(lambda grant: True, now)  # noqa: ARG005

    def _end(self, is_wanted: Callable[[Grant], bool], now: datetime) -> int:
        with self._lock:
            ended = self._chosen(lambda grant: is_wanted(grant) and not grant.revoked)
            for kept in ended:
                kept.grant, kept.ends_at = replace(kept.grant, revoked=True), now
        return len(ended)

    # -- upkeep -------------------------------------------------------------------------------------------------

    def sweep(self, now: datetime, limit: int = 10_000) -> int:
        """Delete at most ``limit`` entries that can never matter again; return how many."""
        long_ago = now - KEPT_AFTER_END
        with self._lock:
            ended = {key for key, kept in self._grants.items() if kept.ends_at <= long_ago}

            def is_old_token(kept: _KeptToken) -> bool:
                return kept.token.expires_at <= now or kept.grant_id in ended

            def is_old_code(kept: _KeptCode) -> bool:
                return kept.code.expires_at <= now - CODES_KEPT or kept.grant_id in ended

            rows = drop(self._tokens, is_old_token, limit)
            rows += drop(self._codes, is_old_code, limit - rows)
            ended -= {token.grant_id for token in self._tokens.values()}
            ended -= {code.grant_id for code in self._codes.values()}
            rows += drop(self._grants, lambda kept: kept.grant.id in ended, limit - rows)
            rows += self._sweep_registrations(now, limit - rows)
            rows += self._sweep_consents(now, limit - rows)
            return rows + self._sweep_requests(now, limit - rows)


def _settle(kept: _KeptGrant, settled: Grant | None) -> None:
    if settled is not None:
        kept.grant = replace(
            kept.grant, auth_method=settled.auth_method, client_key=settled.client_key, dpop_jkt=settled.dpop_jkt
        )
