"""Contract of a storage for waiting requests and replay keys."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ..clients import ClientMetadata
from ..oauth.server.storage import (
    STRANGERS_BYTES,
    SUBJECT_ENTRIES,
    WAITING_BYTES,
    ProviderStorage,
    Waiting,
)
from ._steps import (
    BOB,
    DAY,
    MINUTE,
    NOW,
    OTHER_BROWSER,
    SECOND,
    ContractBase,
    make_client,
    make_code,
    make_grant,
    make_request,
    make_tokens,
    make_waiting,
    new_digest,
    settlement_of,
)

#: A storage looks at the bounds of people and strangers after this many requests at the latest.
_LOOK_EVERY = 64


class RequestContract(ContractBase):
    """Pushed and waiting requests, decisions and replay keys."""

    # -- pushed requests ------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("client", [make_client(), None], ids=["document", "registered"])
    def test_a_pushed_request_comes_back_until_it_is_taken(
        self, storage: ProviderStorage, client: ClientMetadata | None
    ) -> None:
        key, request = new_digest(), make_request(client=client)
        storage.keep_pushed(key, request, NOW + 5 * MINUTE, NOW)
        assert storage.find_pushed(key, NOW) == request
        assert storage.find_pushed(key, NOW) == request
        assert storage.take_pushed(key) is True
        assert storage.find_pushed(key, NOW) is None
        assert storage.take_pushed(key) is False

    def test_a_pushed_request_expires(self, storage: ProviderStorage) -> None:
        key = new_digest()
        storage.keep_pushed(key, make_request(), NOW + 5 * MINUTE, NOW)
        assert storage.find_pushed(key, NOW + 5 * MINUTE - SECOND) is not None
        assert storage.find_pushed(key, NOW + 5 * MINUTE) is None

    # -- keys -----------------------------------------------------------------------------------------------------

    def test_a_key_is_used_once_until_it_expires(self, storage: ProviderStorage) -> None:
        key = "kind:" + "k" * 123
        assert storage.use_once(key, NOW + MINUTE, NOW) is True
        assert storage.use_once(key, NOW + MINUTE, NOW + MINUTE - SECOND) is False
        assert storage.use_once("another", NOW + MINUTE, NOW) is True
        assert storage.use_once(key, NOW + 2 * MINUTE, NOW + MINUTE) is True
        assert storage.use_once(key, NOW + 2 * MINUTE, NOW + MINUTE) is False

    def test_one_of_many_uses_a_key(self, storage: ProviderStorage) -> None:
        outcomes = self.together(lambda: storage.use_once("key", NOW + MINUTE, NOW))
        assert sorted(outcomes) == [False] * (self.AT_ONCE - 1) + [True]

    # -- waiting requests -----------------------------------------------------------------------------------------

    def test_a_waiting_request_comes_back_until_it_expires(self, storage: ProviderStorage) -> None:
        waiting = make_waiting()
        assert storage.keep_waiting(waiting, NOW, 20) is True
        assert storage.find_waiting(waiting.digest, NOW) == waiting
        assert storage.find_waiting(waiting.digest, waiting.expires_at - SECOND) == waiting
        assert storage.find_waiting(waiting.digest, waiting.expires_at) is None
        assert storage.find_waiting(new_digest(), NOW) is None

    def test_a_waiting_request_replaces_the_one_of_the_same_name(self, storage: ProviderStorage) -> None:
        first = make_waiting()
        later = replace(first, content="other", created_at=NOW + SECOND, expires_at=NOW + 20 * MINUTE)
        for waiting in (first, later):
            assert storage.keep_waiting(waiting, NOW, 20) is True
        assert storage.find_waiting(first.digest, NOW) == later

    def test_a_dropped_request_is_gone_and_dropping_twice_is_fine(self, storage: ProviderStorage) -> None:
        waiting = make_waiting()
        storage.keep_waiting(waiting, NOW, 20)
        storage.drop_waiting(waiting.digest)
        storage.drop_waiting(waiting.digest)
        assert storage.find_waiting(waiting.digest, NOW) is None

    def test_a_browser_keeps_its_newest_requests(self, storage: ProviderStorage) -> None:
        mine = [make_waiting(created_at=NOW + number * SECOND) for number in range(6)]
        others = make_waiting(browser=OTHER_BROWSER)
        storage.keep_waiting(others, NOW, 4)
        for waiting in mine:
            storage.keep_waiting(waiting, NOW, 4)
        kept = [storage.find_waiting(waiting.digest, NOW) is not None for waiting in mine]
        assert kept == [False, False, True, True, True, True]
        assert storage.find_waiting(others.digest, NOW) is not None

    def test_the_bytes_of_a_browsers_requests_are_bounded(self, storage: ProviderStorage) -> None:
        content = "x" * (WAITING_BYTES // 2)
        mine = [make_waiting(created_at=NOW + number * SECOND, content=content) for number in range(3)]
        for waiting in mine:
            assert storage.keep_waiting(waiting, NOW, 20) is True
        assert [storage.find_waiting(waiting.digest, NOW) is not None for waiting in mine] == [False, True, True]
        too_long = make_waiting(content="é" * (WAITING_BYTES // 2 + 1))
        assert storage.keep_waiting(too_long, NOW, 20) is False
        assert storage.find_waiting(too_long.digest, NOW) is None

    def test_the_requests_of_one_person_are_bounded_in_all_browsers(self, storage: ProviderStorage) -> None:
        others = [make_waiting(subject=BOB, browser=new_digest()), make_waiting(subject="", browser=new_digest())]
        mine = self._many(SUBJECT_ENTRIES + 2 * _LOOK_EVERY)
        for waiting in (*others, *mine):
            storage.keep_waiting(waiting, NOW, 20)
        kept = [waiting for waiting in mine if storage.find_waiting(waiting.digest, NOW) is not None]
        assert SUBJECT_ENTRIES <= len(kept) <= SUBJECT_ENTRIES + _LOOK_EVERY
        assert kept == mine[-len(kept) :]
        assert all(storage.find_waiting(waiting.digest, NOW) is not None for waiting in others)

    def test_the_bytes_of_strangers_are_bounded_and_displace_nobody_who_is_logged_in(
        self, storage: ProviderStorage
    ) -> None:
        content = "x" * WAITING_BYTES
        fitting = STRANGERS_BYTES // WAITING_BYTES
        person = make_waiting(browser=new_digest(), content=content)
        strangers = self._many(fitting + _LOOK_EVERY, subject="", content=content)
        for waiting in (person, *strangers):
            assert storage.keep_waiting(waiting, NOW, 20) is True
        kept = [waiting for waiting in strangers if storage.find_waiting(waiting.digest, NOW) is not None]
        assert fitting <= len(kept) < fitting + _LOOK_EVERY
        assert kept == strangers[-len(kept) :]
        assert storage.find_waiting(person.digest, NOW) == person

    def _many(self, number: int, **changes: Any) -> list[Waiting]:
        """Return requests of as many browsers, the oldest first."""
        moments = (NOW + one * SECOND / 10 for one in range(1, number + 1))
        return [make_waiting(browser=new_digest(), created_at=moment, **changes) for moment in moments]

    # -- decisions ------------------------------------------------------------------------------------------------

    def test_an_approval_spends_the_waiting_request_and_keeps_its_answer(self, storage: ProviderStorage) -> None:
        waiting = make_waiting()
        storage.keep_waiting(waiting, NOW, 20)
        grant, code = make_grant(), make_code()
        assert storage.add_code(grant, code, settlement_of(waiting)) is True
        assert storage.find_code(code.digest) == (grant, code)
        found = storage.find_waiting(waiting.digest, NOW + MINUTE - SECOND)
        assert found == replace(waiting, answer=b"\x00answer", expires_at=NOW + MINUTE)
        assert storage.find_waiting(waiting.digest, NOW + MINUTE) is None

    def test_a_request_is_decided_once(self, storage: ProviderStorage) -> None:
        waiting = make_waiting()
        storage.keep_waiting(waiting, NOW, 20)
        assert storage.settle(settlement_of(waiting), NOW) is True
        code = make_code()
        assert storage.add_code(make_grant(), code, settlement_of(waiting, answer=b"other")) is False
        assert storage.settle(settlement_of(waiting, answer=b"other"), NOW) is False
        assert storage.find_code(code.digest) is None
        found = storage.find_waiting(waiting.digest, NOW)
        assert found is not None
        assert found.answer == b"\x00answer"

    @pytest.mark.parametrize("after", [10 * MINUTE, DAY])
    def test_an_expired_request_is_not_decided(self, storage: ProviderStorage, after: timedelta) -> None:
        waiting = make_waiting()
        storage.keep_waiting(waiting, NOW, 20)
        code = make_code()
        assert storage.add_code(make_grant(created_at=NOW + after), code, settlement_of(waiting)) is False
        assert storage.settle(settlement_of(waiting), NOW + after) is False
        assert storage.find_code(code.digest) is None

    def test_a_decision_without_an_answer_forgets_the_request(self, storage: ProviderStorage) -> None:
        waiting = make_waiting()
        storage.keep_waiting(waiting, NOW, 20)
        assert storage.settle(settlement_of(waiting, answer=None), NOW) is True
        assert storage.find_waiting(waiting.digest, NOW) is None

    def test_the_answer_ends_with_the_code_in_it(self, storage: ProviderStorage) -> None:
        waiting, code = make_waiting(), make_code()
        storage.keep_waiting(waiting, NOW, 20)
        assert storage.add_code(make_grant(), code, settlement_of(waiting)) is True
        assert storage.redeem_code(code.digest, make_tokens(), NOW) is True
        assert storage.find_waiting(waiting.digest, NOW) is None

    def test_a_decision_spends_the_pushed_request_too(self, storage: ProviderStorage) -> None:
        pushed, waiting = new_digest(), make_waiting()
        storage.keep_pushed(pushed, make_request(), NOW + 5 * MINUTE, NOW)
        storage.keep_waiting(waiting, NOW, 20)
        assert storage.add_code(make_grant(), make_code(), settlement_of(waiting, pushed=pushed)) is True
        assert storage.find_pushed(pushed, NOW) is None

    def test_a_request_that_was_decided_elsewhere_is_not_decided_again(self, storage: ProviderStorage) -> None:
        # Two tabs show one pushed request: the second decision changes nothing.
        pushed, one, other, code = new_digest(), make_waiting(), make_waiting(), make_code()
        storage.keep_pushed(pushed, make_request(), NOW + 5 * MINUTE, NOW)
        for waiting in (one, other):
            storage.keep_waiting(waiting, NOW, 20)
        assert storage.settle(settlement_of(one, pushed=pushed), NOW) is True
        assert storage.add_code(make_grant(), code, settlement_of(other, pushed=pushed)) is False
        assert storage.find_code(code.digest) is None
        assert storage.find_waiting(other.digest, NOW) == other

    def test_one_of_many_decides(self, storage: ProviderStorage) -> None:
        waiting = make_waiting()
        storage.keep_waiting(waiting, NOW, 20)
        outcomes = self.together(lambda: storage.add_code(make_grant(), make_code(), settlement_of(waiting)))
        assert sorted(outcomes) == [False] * (self.AT_ONCE - 1) + [True]
