"""Values and steps of which the storage contract is made."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any, TypeVar

import pytest

from ..clients import ClientMetadata, IdentifierRules, parse_identifier
from ..oauth import AuthorizationRequest, Code, Grant, Token
from ..oauth.server.remembered import RememberedConsent
from ..oauth.server.storage import ProviderStorage, Settlement, Waiting

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
GRACE = timedelta(seconds=60)
CLIENT = "https://app.example/client.json"
ALICE, BOB = "https://alice.example/", "https://bob.example/"
BROWSER, OTHER_BROWSER = "a" * 64, "b" * 64


def make_client(client_id: str = CLIENT) -> ClientMetadata:
    """Return the metadata of a client with a document."""
    return ClientMetadata(
        identifier=parse_identifier(client_id, IdentifierRules()),
        source="document",
        client_name="Καφές ☕ \U0001d11e",
        redirect_uris=("https://app.example/cb", "http://127.0.0.1/cb"),
        scope="profile",
    )


def new_digest() -> str:
    """Return a digest as `ProviderStorage` sees them: 64 hexadecimal digits."""
    return secrets.token_hex(32)


def make_grant(**changes: Any) -> Grant:
    """Return a new grant of Alice for a registered client."""
    values: dict[str, Any] = {
        "id": secrets.token_hex(16),
        "client_id": CLIENT,
        "client": None,
        "fingerprint": "f" * 64,
        "subject": ALICE,
        "scope": "profile",
        "resource": ("https://api.example/",),
        "redirect_uri": "https://app.example/cb",
        "access_lifetime": timedelta(minutes=15),
        "created_at": NOW,
        "auth_time": NOW - timedelta(seconds=0.5),
    }
    return Grant(**(values | changes))


def make_code(**changes: Any) -> Code:
    """Return a new code that lives for a minute."""
    values: dict[str, Any] = {
        "digest": new_digest(),
        "redirect_uri": "https://app.example/cb",
        "code_challenge": "c" * 43,
        "expires_at": NOW + MINUTE,
    }
    return Code(**(values | changes))


def make_tokens(now: datetime = NOW, *, refresh_ends: timedelta = 90 * DAY) -> tuple[Token, Token]:
    """Return a new access token for 15 minutes and a new refresh token."""
    access = Token(
        digest=new_digest(),
        kind="access",
        scope="profile",
        resource=("https://api.example/",),
        created_at=now,
        expires_at=now + timedelta(minutes=15),
    )
    refresh = Token(digest=new_digest(), kind="refresh", scope="profile", created_at=now, expires_at=now + refresh_ends)
    return access, refresh


def make_request(**changes: Any) -> AuthorizationRequest:
    """Return a request of a registered client."""
    values: dict[str, Any] = {
        "client_id": CLIENT,
        "client": None,
        "fingerprint": "",
        "redirect_uri": "https://app.example/cb",
        "scope": "profile",
        "state": "state \u0000 \U0001d11e",
        "code_challenge": "c" * 43,
        "resource": ("https://api.example/",),
    }
    return AuthorizationRequest(**(values | changes))


def make_consent(**changes: Any) -> RememberedConsent:
    """Return a consent of Alice that is remembered for a year."""
    values: dict[str, Any] = {
        "subject": ALICE,
        "client_id": CLIENT,
        "client": None,
        "fingerprint": "f" * 64,
        "redirect_uri": "https://app.example/cb",
        "asked": "email profile",
        "granted": "profile",
        "resource": ("https://api.example/",),
        "lifetime": "month",
        "created_at": NOW,
        "ends_at": NOW + 365 * DAY,
    }
    return RememberedConsent(**(values | changes))


def make_waiting(**changes: Any) -> Waiting:
    """Return a request that waits for Alice's decision for ten minutes."""
    values: dict[str, Any] = {
        "digest": new_digest(),
        "browser": BROWSER,
        "subject": ALICE,
        "content": '{"state": "\U0001d11e"}',
        "created_at": NOW,
        "expires_at": NOW + 10 * MINUTE,
    }
    return Waiting(**(values | changes))


def settlement_of(waiting: Waiting, **changes: Any) -> Settlement:
    """Return a decision whose answer is kept for a minute."""
    values: dict[str, Any] = {"waiting": waiting.digest, "answer": b"\x00answer", "until": NOW + MINUTE}
    return Settlement(**(values | changes))


_Result = TypeVar("_Result")


class ContractBase:
    """Base of the parts of the contract.

    Attributes:
        AT_ONCE: threads of the race tests.
    """

    AT_ONCE = 16

    @pytest.fixture
    def storage(self) -> ProviderStorage:
        """Return an empty storage."""
        raise NotImplementedError("override the fixture storage")

    def together(self, work: Callable[[], _Result]) -> list[_Result]:
        """Do the same in ``AT_ONCE`` threads at one moment; override it where a thread needs a context of its own."""
        barrier = Barrier(self.AT_ONCE)

        def one(_: int) -> _Result:
            barrier.wait(60)
            return work()

        with ThreadPoolExecutor(self.AT_ONCE) as pool:
            return list(pool.map(one, range(self.AT_ONCE)))

    def approved(self, storage: ProviderStorage, **changes: Any) -> tuple[Grant, Code]:
        """Keep a grant with its code."""
        grant = make_grant(**changes)
        code = make_code(expires_at=grant.created_at + MINUTE)
        assert storage.add_code(grant, code) is True
        return grant, code

    def signed_in(self, storage: ProviderStorage, **changes: Any) -> tuple[Grant, Token, Token]:
        """Keep a grant with an access and a refresh token."""
        grant, code = self.approved(storage, **changes)
        access, refresh = make_tokens(grant.created_at)
        assert storage.redeem_code(code.digest, (access, refresh), grant.created_at) is True
        return grant, access, refresh

    def rotated(
        self, storage: ProviderStorage, token: Token, now: datetime = NOW, grace: timedelta = GRACE
    ) -> tuple[Token, Token] | None:
        """Rotate a refresh token and return its successors."""
        successors = make_tokens(now)
        return successors if storage.rotate(token.digest, successors, now, grace=grace) else None

    def is_alive(self, storage: ProviderStorage, token: Token, now: datetime = NOW) -> bool:
        """Return whether a token may be used."""
        found = storage.find_token(token.digest)
        return found is not None and found[1].is_alive(found[0], now)
