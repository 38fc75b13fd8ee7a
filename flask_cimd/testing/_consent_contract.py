"""Contract of a storage for remembered consents, and for the ends that people set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ..oauth.server.remembered import consent_key
from ..oauth.server.storage import ProviderStorage
from ._steps import (
    ALICE,
    BOB,
    CLIENT,
    DAY,
    MINUTE,
    NOW,
    SECOND,
    ContractBase,
    make_client,
    make_consent,
    make_request,
    make_tokens,
)

OTHER_CLIENT = "https://other.example/c"


class ConsentContract(ContractBase):
    """Remembered consents, and `ProviderStorage.set_end`."""

    # -- remembered consents --------------------------------------------------------------------------------------

    @pytest.mark.parametrize("client", [None, make_client()], ids=["registered", "document"])
    def test_a_remembered_consent_comes_back_until_it_ends(self, storage: ProviderStorage, client: Any) -> None:
        kept = make_consent(client=client)
        storage.remember_consent(kept)
        assert storage.find_consent(kept.key, kept.ends_at - SECOND) == kept
        assert storage.find_consent(kept.key, kept.ends_at) is None
        assert storage.consents(ALICE, [CLIENT], NOW) == [kept]
        assert storage.consents(ALICE, [CLIENT], kept.ends_at) == []

    def test_a_newer_consent_for_the_same_request_replaces_it(self, storage: ProviderStorage) -> None:
        storage.remember_consent(make_consent())
        newer = make_consent(fingerprint="0" * 64, granted="email profile", created_at=NOW + SECOND)
        storage.remember_consent(newer)
        assert storage.consents(ALICE, [CLIENT], NOW) == [newer]

    def test_the_key_is_that_of_the_request(self) -> None:
        asked = make_request(scope="profile email")
        assert consent_key(ALICE, asked) == make_consent().key

    @pytest.mark.parametrize(
        "change",
        [
            {"client_id": CLIENT + "/"},
            {"redirect_uri": "https://app.example/cb/"},
            {"scope": "profile"},
            {"scope": "profile email create"},
            {"resource": ()},
            {"resource": ("https://api.example/", "https://b.example/")},
        ],
        ids=lambda change: next(iter(change)),
    )
    def test_another_request_has_another_key(self, change: dict[str, Any]) -> None:
        asked = make_request(**{"scope": "profile email", **change})
        assert consent_key(ALICE, asked) != make_consent().key
        assert consent_key(BOB, make_request(scope="profile email")) != make_consent().key

    def test_a_person_sees_and_ends_their_own_consents_alone(self, storage: ProviderStorage) -> None:
        older, newer = make_consent(), make_consent(resource=(), created_at=NOW + SECOND)
        of_another_client = make_consent(client_id=OTHER_CLIENT)
        for kept in (older, newer, of_another_client, make_consent(subject=BOB)):
            storage.remember_consent(kept)
        assert storage.consents(ALICE, [CLIENT], NOW) == [newer, older]
        assert storage.consents(ALICE, [], NOW) == []
        assert storage.forget_consent(BOB, older.key) is False
        assert storage.forget_consent(ALICE, older.key) is True
        assert storage.forget_consent(ALICE, older.key) is False
        assert storage.consents(ALICE, [CLIENT, OTHER_CLIENT], NOW) == [newer, of_another_client]

    def test_all_consents_of_a_person_for_a_client_end(self, storage: ProviderStorage) -> None:
        for kept in (make_consent(), make_consent(resource=()), make_consent(client_id=OTHER_CLIENT)):
            storage.remember_consent(kept)
        storage.remember_consent(make_consent(subject=BOB))
        assert storage.forget_consents(ALICE, CLIENT) == 2
        assert storage.forget_consents(ALICE, CLIENT) == 0
        assert len(storage.consents(ALICE, [CLIENT, OTHER_CLIENT], NOW)) == 1
        assert len(storage.consents(BOB, [CLIENT], NOW)) == 1

    @pytest.mark.parametrize(
        ("end", "left"),
        [
            (lambda storage, grant: storage.revoke_grant_of(ALICE, grant, NOW), [(ALICE, OTHER_CLIENT), (BOB, CLIENT)]),
            (lambda storage, _: storage.revoke_client(ALICE, CLIENT, NOW), [(ALICE, OTHER_CLIENT), (BOB, CLIENT)]),
            (lambda storage, _: storage.revoke_client(None, CLIENT, NOW), [(ALICE, OTHER_CLIENT)]),
            (lambda storage, _: storage.revoke_subject(ALICE, NOW), [(BOB, CLIENT)]),
            (lambda storage, _: storage.revoke_all(NOW), []),
        ],
        ids=["grant", "client of a person", "client", "person", "all"],
    )
    def test_who_ends_access_is_asked_again(
        self, storage: Any, end: Callable[[Any, str], Any], left: list[tuple[str, str]]
    ) -> None:
        grant, _, _ = self.signed_in(storage)
        for changes in ({}, {"client_id": OTHER_CLIENT}, {"subject": BOB}):
            storage.remember_consent(make_consent(**changes))
        end(storage, grant.id)
        found = [
            (one.subject, one.client_id)
            for person in (ALICE, BOB)
            for one in storage.consents(person, [CLIENT, OTHER_CLIENT], NOW)
        ]
        assert found == left

    def test_a_client_is_listed_for_a_consent_alone(self, storage: ProviderStorage) -> None:
        grant, _, _ = self.signed_in(storage)
        for client_id in (CLIENT, OTHER_CLIENT, "https://a.example/c"):
            storage.remember_consent(make_consent(client_id=client_id))
        storage.remember_consent(make_consent(client_id="https://ended.example/c", ends_at=NOW))
        listed = storage.living_grants(ALICE, NOW, limit=10)
        found = [(client_id, [living.grant for living in grants]) for client_id, grants in listed]
        assert found == [("https://a.example/c", []), (CLIENT, [grant]), (OTHER_CLIENT, [])]
        pages = [storage.living_grants(ALICE, NOW, limit=1, offset=offset) for offset in range(4)]
        assert [[client_id for client_id, _ in page] for page in pages] == [[one] for one, _ in found] + [[]]

    @pytest.mark.parametrize("text", ["\0", "\ud800"], ids=["nul", "surrogate"])
    def test_odd_texts_have_no_consents(self, storage: ProviderStorage, text: str) -> None:
        assert storage.consents(text, [text], NOW) == []
        assert storage.forget_consent(text, text) is False
        assert storage.forget_consents(text, text) == 0
        assert storage.set_end(text, text, NOW, NOW) is False

    def test_a_sweep_deletes_consents_that_ended(self, storage: ProviderStorage) -> None:
        storage.remember_consent(make_consent(ends_at=NOW + MINUTE))
        storage.remember_consent(make_consent(resource=(), ends_at=NOW + DAY))
        assert storage.sweep(NOW + MINUTE - SECOND) == 0
        assert storage.sweep(NOW + MINUTE) == 1
        assert len(storage.consents(ALICE, [CLIENT], NOW)) == 1

    # -- the end that a person sets -------------------------------------------------------------------------------

    def test_an_approval_keeps_its_end(self, storage: ProviderStorage) -> None:
        grant, code = self.approved(storage, until=NOW + DAY)
        found = storage.find_code(code.digest)
        assert found is not None
        assert found[0] == grant

    def test_a_grant_ends_when_its_person_wants_and_no_sooner(self, storage: ProviderStorage) -> None:
        grant, access, refresh = self.signed_in(storage)
        assert storage.set_end(ALICE, grant.id, NOW + MINUTE, NOW) is True
        ((_, (living,)),) = storage.living_grants(ALICE, NOW, limit=10)
        assert (living.grant, living.ends_at) == (replace(grant, until=NOW + MINUTE), NOW + MINUTE)
        assert self.is_alive(storage, access, NOW + MINUTE - SECOND)
        assert not self.is_alive(storage, access, NOW + MINUTE)
        assert not self.is_alive(storage, refresh, NOW + MINUTE)
        assert storage.living_grants(ALICE, NOW + MINUTE, limit=10) == []
        assert storage.has_living_grant(CLIENT, NOW + MINUTE) is False

    def test_a_later_end_never_outlives_the_tokens(self, storage: ProviderStorage) -> None:
        grant, _, refresh = self.signed_in(storage, until=NOW + MINUTE)
        assert storage.set_end(ALICE, grant.id, NOW + timedelta(days=4000), NOW) is True
        ((_, (living,)),) = storage.living_grants(ALICE, NOW, limit=10)
        assert living.ends_at == refresh.expires_at

    def test_a_spent_token_is_not_repeated_after_the_end(self, storage: ProviderStorage) -> None:
        grant, _, refresh = self.signed_in(storage)
        assert storage.rotate(refresh.digest, make_tokens(), NOW, grace=MINUTE)
        storage.set_end(ALICE, grant.id, NOW + SECOND, NOW)
        found = storage.find_token(refresh.digest)
        assert found is not None
        assert found[1].may_repeat(found[0], NOW, MINUTE)
        assert not found[1].may_repeat(found[0], NOW + SECOND, MINUTE)

    def test_nobody_changes_the_end_of_others_or_of_what_has_ended(self, storage: ProviderStorage) -> None:
        grant, _, _ = self.signed_in(storage)
        over, _, _ = self.signed_in(storage, until=NOW + MINUTE)
        assert storage.set_end(BOB, grant.id, NOW + DAY, NOW) is False
        assert storage.set_end(ALICE, over.id, NOW + DAY, NOW + MINUTE) is False
        storage.revoke_grant(grant.id, NOW)
        assert storage.set_end(ALICE, grant.id, NOW + DAY, NOW) is False
