"""Contract of a storage for people's views of their grants, and for revocation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ..oauth import Token
from ..oauth.server.storage import (
    GRANTS_PER_CLIENT,
    LivingGrant,
    ProviderStorage,
)
from ._steps import (
    ALICE,
    BOB,
    CLIENT,
    DAY,
    MINUTE,
    NOW,
    SECOND,
    ContractBase,
    make_request,
    make_waiting,
    new_digest,
)


class GrantContract(ContractBase):
    """Approvals, living grants, revocation and sweeping."""

    # -- approvals ------------------------------------------------------------------------------------------------

    def test_the_last_approval_is_the_newest_of_this_person_and_client(self, storage: ProviderStorage) -> None:
        self.approved(storage)
        newest, _ = self.approved(storage, created_at=NOW + SECOND, scope="newest")
        self.approved(storage, created_at=NOW + MINUTE, subject=BOB)
        self.approved(storage, created_at=NOW + MINUTE, client_id=CLIENT + "/")
        assert storage.last_approved(ALICE, CLIENT) == newest
        assert storage.last_approved(ALICE, "https://unknown.example/c") is None

    def test_a_revoked_approval_is_still_the_last(self, storage: ProviderStorage) -> None:
        grant, _ = self.approved(storage)
        storage.revoke_grant(grant.id, NOW)
        assert storage.last_approved(ALICE, CLIENT) == replace(grant, revoked=True)

    def test_an_approval_holds_for_the_same_person_client_and_redirect(self, storage: ProviderStorage) -> None:
        grant, _ = self.approved(storage)
        redirect = grant.redirect_uri
        assert storage.has_approved(ALICE, CLIENT, redirect) is True
        assert storage.has_approved(BOB, CLIENT, redirect) is False
        assert storage.has_approved(ALICE, CLIENT + "/", redirect) is False
        assert storage.has_approved(ALICE, CLIENT, redirect + "/") is False
        storage.revoke_grant(grant.id, NOW)
        assert storage.has_approved(ALICE, CLIENT, redirect) is False

    def test_a_client_has_a_living_grant_until_it_ends(self, storage: ProviderStorage) -> None:
        grant, _ = self.approved(storage)
        assert storage.has_living_grant(CLIENT, NOW) is True
        assert storage.has_living_grant(CLIENT + "/", NOW) is False
        assert storage.has_living_grant(CLIENT, NOW + timedelta(days=4000)) is False
        storage.revoke_grant(grant.id, NOW)
        assert storage.has_living_grant(CLIENT, NOW) is False

    @pytest.mark.parametrize("text", ["\0", "\ud800", "x" * 100_000, ""], ids=["nul", "surrogate", "long", "empty"])
    def test_odd_texts_are_unknown(self, storage: ProviderStorage, text: str) -> None:
        assert storage.last_approved(text, text) is None
        assert storage.has_approved(text, text, text) is False
        assert storage.has_living_grant(text, NOW) is False
        assert storage.living_grants(text, NOW, limit=10) == []
        assert storage.revoke_grant_of(text, text, NOW) is False
        assert storage.revoke_client(text, text, NOW) == 0
        assert storage.revoke_subject(text, NOW) == 0

    # -- living grants --------------------------------------------------------------------------------------------

    def test_living_grants_are_those_with_tokens(self, storage: ProviderStorage) -> None:
        grant, _, refresh = self.signed_in(storage)
        self.approved(storage)  # its code was never redeemed
        revoked, _, _ = self.signed_in(storage)
        storage.revoke_grant(revoked.id, NOW)
        self.signed_in(storage, subject=BOB)
        living = LivingGrant(grant=grant, last_used=NOW, ends_at=refresh.expires_at)
        assert storage.living_grants(ALICE, NOW, limit=10) == [(CLIENT, (living,))]
        assert storage.living_grants(ALICE, refresh.expires_at, limit=10) == []

    def test_a_rotation_is_a_use_and_prolongs_the_grant(self, storage: ProviderStorage) -> None:
        _, _, refresh = self.signed_in(storage)
        assert self.rotated(storage, refresh, NOW + 80 * DAY) is not None
        ((_, (living,)),) = storage.living_grants(ALICE, NOW + 100 * DAY, limit=10)
        assert living.last_used == NOW + 80 * DAY
        assert living.ends_at == NOW + 170 * DAY

    def test_a_grant_ends_with_its_last_token(self, storage: ProviderStorage) -> None:
        _, access, refresh = self.signed_in(storage)
        storage.revoke_token(refresh.digest, NOW)
        ((_, (living,)),) = storage.living_grants(ALICE, NOW, limit=10)
        assert living.ends_at == access.expires_at
        storage.revoke_token(access.digest, NOW)
        assert storage.living_grants(ALICE, NOW, limit=10) == []

    def test_a_page_holds_so_many_clients_with_their_newest_grants_first(self, storage: ProviderStorage) -> None:
        clients = [f"https://app{number}.example/c" for number in range(5)]
        for client_id in reversed(clients):
            for number in range(3):
                self.signed_in(storage, client_id=client_id, created_at=NOW + number * SECOND)
        pages = [storage.living_grants(ALICE, NOW, limit=2, offset=offset) for offset in (0, 2, 4, 6)]
        assert [[client_id for client_id, _ in page] for page in pages] == [clients[:2], clients[2:4], clients[4:], []]
        for page in pages:
            for client_id, grants in page:
                created = [(living.grant.client_id, living.grant.created_at) for living in grants]
                assert created == [(client_id, NOW + number * SECOND) for number in (2, 1, 0)]

    def test_the_grants_of_one_client_on_a_page_are_bounded(self, storage: ProviderStorage) -> None:
        for number in range(GRANTS_PER_CLIENT + 2):
            self.signed_in(storage, created_at=NOW + number * SECOND)
        ((_, grants),) = storage.living_grants(ALICE, NOW, limit=10)
        assert len(grants) == GRANTS_PER_CLIENT
        assert grants[0].grant.created_at == NOW + (GRANTS_PER_CLIENT + 1) * SECOND

    # -- ends -----------------------------------------------------------------------------------------------------

    def test_a_person_ends_their_own_grants_alone(self, storage: ProviderStorage) -> None:
        grant, access, _ = self.signed_in(storage)
        assert storage.revoke_grant_of(BOB, grant.id, NOW) is False
        assert self.is_alive(storage, access)
        assert storage.revoke_grant_of(ALICE, grant.id, NOW) is True
        assert not self.is_alive(storage, access)
        assert storage.revoke_grant_of(ALICE, grant.id, NOW) is False

    @pytest.mark.parametrize(
        ("subject", "ended"),
        [(ALICE, [True, True, False, False]), (None, [True, True, False, True])],
        ids=["person", "everybody"],
    )
    def test_all_grants_of_a_client_end(
        self, storage: ProviderStorage, subject: str | None, ended: Sequence[bool]
    ) -> None:
        tokens = self._four(storage)
        assert storage.revoke_client(subject, CLIENT, NOW) == sum(ended)
        assert [not self.is_alive(storage, token) for token in tokens] == ended
        assert storage.revoke_client(subject, CLIENT, NOW) == 0

    def test_all_grants_of_a_person_end(self, storage: ProviderStorage) -> None:
        tokens = self._four(storage)
        assert storage.revoke_subject(ALICE, NOW) == 3
        assert [not self.is_alive(storage, token) for token in tokens] == [True, True, True, False]

    def _four(self, storage: ProviderStorage) -> list[Token]:
        changes: list[dict[str, Any]] = [{}, {}, {"client_id": "https://other.example/c"}, {"subject": BOB}]
        return [self.signed_in(storage, **change)[1] for change in changes]

    # -- sweeping -------------------------------------------------------------------------------------------------

    def test_a_sweep_leaves_what_lives(self, storage: ProviderStorage) -> None:
        grant, access, refresh = self.signed_in(storage)
        waiting, pushed = make_waiting(), new_digest()
        storage.keep_waiting(waiting, NOW, 20)
        storage.keep_pushed(pushed, make_request(), NOW + 5 * MINUTE, NOW)
        storage.use_once("key", NOW + MINUTE, NOW)
        assert storage.sweep(NOW) == 0
        assert storage.find_token(access.digest) == (grant, access)
        assert storage.find_token(refresh.digest) == (grant, refresh)
        assert storage.find_waiting(waiting.digest, NOW) == waiting
        assert storage.find_pushed(pushed, NOW) is not None
        assert storage.use_once("key", NOW + MINUTE, NOW) is False

    def test_a_sweep_deletes_what_has_expired(self, storage: ProviderStorage) -> None:
        grant, access, refresh = self.signed_in(storage)
        storage.keep_waiting(make_waiting(), NOW, 20)
        storage.keep_pushed(new_digest(), make_request(), NOW + 5 * MINUTE, NOW)
        storage.use_once("key", NOW + MINUTE, NOW)
        # The code, the access token, the waiting and the pushed request, the key: the grant and its token live on.
        assert storage.sweep(NOW + 2 * DAY) == 5
        assert storage.find_token(access.digest) is None
        assert storage.find_token(refresh.digest) == (grant, refresh)
        assert storage.sweep(NOW + 2 * DAY) == 0

    def test_a_rotated_token_is_known_for_thirty_days(self, storage: ProviderStorage) -> None:
        _, _, refresh = self.signed_in(storage)
        assert self.rotated(storage, refresh) is not None
        storage.sweep(NOW + 30 * DAY - SECOND)
        found = storage.find_token(refresh.digest)
        assert found is not None
        assert found[1].spent
        storage.sweep(NOW + 30 * DAY)
        assert storage.find_token(refresh.digest) is None

    def test_an_ended_grant_is_known_for_thirty_days(self, storage: ProviderStorage) -> None:
        grant, _, refresh = self.signed_in(storage)
        storage.revoke_grant(grant.id, NOW)
        storage.sweep(NOW + 30 * DAY - SECOND)
        assert storage.find_token(refresh.digest) is not None
        assert storage.last_approved(ALICE, CLIENT) == replace(grant, revoked=True)
        storage.sweep(NOW + 30 * DAY)
        assert storage.find_token(refresh.digest) is None
        assert storage.last_approved(ALICE, CLIENT) is None

    def test_a_sweep_stops_at_its_limit(self, storage: ProviderStorage) -> None:
        for _ in range(5):
            self.approved(storage)
        assert storage.sweep(NOW + 40 * DAY, limit=3) == 3
        # Five codes and five grants were there; a grant never goes before its code.
        assert storage.sweep(NOW + 40 * DAY, limit=100) == 7
