"""Contract of a storage for operators: it lists and ends the grants of everybody."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ..oauth import Registration
from ._steps import ALICE, BOB, CLIENT, MINUTE, NOW, SECOND, ContractBase

OTHER_CLIENT = "https://other.example/client.json"


class AdministrationContract(ContractBase):
    """`flask_cimd.oauth.server.administration.GrantAdministration`."""

    def test_an_operator_sees_living_grants_page_by_page(self, storage: Any) -> None:
        made = sorted(self.signed_in(storage, subject=person)[0].id for person in (ALICE, BOB, ALICE))
        revoked, _, _ = self.signed_in(storage)
        storage.revoke_grant(revoked.id, NOW)
        first = storage.grants(NOW, limit=2)
        assert [living.grant.id for living in first] == made[:2]
        assert [living.grant.id for living in storage.grants(NOW, after=made[1], limit=2)] == made[2:]
        assert storage.grants(NOW, after=made[2], limit=2) == []
        assert {living.last_used for living in first} == {NOW}

    def test_a_grant_whose_code_is_not_redeemed_yet_lives_as_long_as_the_code(self, storage: Any) -> None:
        grant, code = self.approved(storage)
        (living,) = storage.grants(NOW)
        assert (living.grant, living.last_used, living.ends_at) == (grant, NOW, code.expires_at)
        assert storage.grants(code.expires_at) == []

    def test_an_operator_asks_for_a_person_or_a_client(self, storage: Any) -> None:
        for person in (ALICE, BOB):
            for client_id in (CLIENT, OTHER_CLIENT):
                self.signed_in(storage, subject=person, client_id=client_id)
        assert len(storage.grants(NOW)) == 4
        assert {one.grant.client_id for one in storage.grants(NOW, subject=BOB)} == {CLIENT, OTHER_CLIENT}
        assert {one.grant.subject for one in storage.grants(NOW, client_id=CLIENT)} == {ALICE, BOB}
        ((only),) = storage.grants(NOW, subject=BOB, client_id=CLIENT)
        assert (only.grant.subject, only.grant.client_id) == (BOB, CLIENT)
        assert storage.grants(NOW, subject="nobody") == []

    @pytest.mark.parametrize("text", ["\0", "\ud800"], ids=["nul", "surrogate"])
    def test_an_operator_who_asks_for_odd_texts_finds_nothing(self, storage: Any, text: str) -> None:
        self.signed_in(storage)
        assert storage.grants(NOW, subject=text) == []
        assert storage.grants(NOW, client_id=text) == []

    def test_all_grants_end_at_once(self, storage: Any) -> None:
        _, access, _ = self.signed_in(storage)
        self.signed_in(storage, subject=BOB, client_id=OTHER_CLIENT)
        assert storage.revoke_all(NOW) == 2
        assert not self.is_alive(storage, access)
        assert storage.grants(NOW) == []
        assert storage.revoke_all(NOW) == 0


class RegistrationContract(ContractBase):
    """Subclass it with a fixture ``storage``: an empty storage of clients that register themselves.

    It proves ``RegistrationStorage``, and what ``flask cimd registrations`` asks for.
    """

    def test_a_registration_comes_back_until_it_is_removed(self, storage: Any) -> None:
        kept = self._registration("a")
        assert storage.add(kept, NOW) is True
        assert storage.find("a", NOW) == kept
        assert storage.find("b", NOW) is None
        assert storage.remove("a") is True
        assert storage.remove("a") is False
        assert storage.find("a", NOW) is None

    def test_a_registration_that_nobody_approves_ends_after_a_day(self, storage: Any) -> None:
        storage.add(self._registration("a"), NOW)
        assert storage.find("a", NOW + timedelta(days=1) - SECOND) is not None
        assert storage.find("a", NOW + timedelta(days=1)) is None
        assert storage.registrations(NOW + timedelta(days=1)) == []

    def test_an_approval_prolongs_a_registration(self, storage: Any) -> None:
        storage.add(self._registration(CLIENT), NOW)
        self.approved(storage, created_at=NOW + MINUTE)
        assert storage.find(CLIENT, NOW + timedelta(days=60)) is not None
        assert storage.find(CLIENT, NOW + timedelta(days=91)) is None

    def test_a_network_keeps_its_twenty_newest_registrations_without_approval(self, storage: Any) -> None:
        storage.add(self._registration("elsewhere"), NOW, "198.51.100.0/24")
        for number in range(21):
            kept = replace(self._registration(f"app-{number}"), created_at=NOW + number * SECOND)
            storage.add(kept, NOW, "192.0.2.0/24")
        assert storage.find("app-0", NOW) is None
        assert storage.find("app-1", NOW) is not None
        assert storage.find("elsewhere", NOW) is not None

    def test_an_operator_sees_registrations_page_by_page(self, storage: Any) -> None:
        kept = [self._registration(name) for name in "cab"]
        for one in kept:
            storage.add(one, NOW)
        assert [one.client_id for one in storage.registrations(NOW, limit=2)] == ["a", "b"]
        assert storage.registrations(NOW, after="b", limit=2) == [kept[0]]
        assert storage.registrations(NOW, after="c") == []

    @staticmethod
    def _registration(client_id: str) -> Registration:
        return Registration(client_id=client_id, members='{"client_name": "App"}', created_at=NOW)
