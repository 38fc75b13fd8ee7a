"""Contract of a storage for refresh tokens that a client presents again within their grace period."""

from __future__ import annotations

from datetime import timedelta

from ..oauth import Token
from ..oauth.server.storage import (
    REPETITIONS,
    ProviderStorage,
)
from ._steps import (
    DAY,
    GRACE,
    NOW,
    SECOND,
    ContractBase,
)


class RotationContract(ContractBase):
    """Refresh tokens whose rotation may be repeated for a short time."""

    # -- rotation with grace --------------------------------------------------------------------------------------

    def test_within_its_grace_a_token_is_rotated_again(self, storage: ProviderStorage) -> None:
        _, _, refresh = self.signed_in(storage)
        pairs = [self.rotated(storage, refresh, NOW + number * SECOND) for number in range(3)]
        assert all(self.is_alive(storage, token) for pair in pairs if pair for token in pair)
        assert None not in pairs

    def test_a_rotated_token_says_until_when_it_may_be_repeated(self, storage: ProviderStorage) -> None:
        _, _, refresh = self.signed_in(storage)
        assert self.rotated(storage, refresh) is not None
        found = storage.find_token(refresh.digest)
        assert found is not None
        grant, token = found
        assert token.spent
        assert token.rotated_at == NOW
        assert token.may_repeat(grant, NOW + GRACE - SECOND, GRACE)
        assert not token.may_repeat(grant, NOW + GRACE, GRACE)
        assert not token.may_repeat(grant, NOW, timedelta())

    def test_the_grace_begins_with_the_first_rotation_and_does_not_slide(self, storage: ProviderStorage) -> None:
        _, _, refresh = self.signed_in(storage)
        for after in (timedelta(), GRACE / 2, GRACE - SECOND):
            assert self.rotated(storage, refresh, NOW + after) is not None
        assert self.rotated(storage, refresh, NOW + GRACE) is None

    def test_a_token_is_repeated_eight_times_at_most(self, storage: ProviderStorage) -> None:
        _, _, refresh = self.signed_in(storage)
        outcomes = [self.rotated(storage, refresh) is not None for _ in range(REPETITIONS + 2)]
        assert outcomes == [True] * (1 + REPETITIONS) + [False]
        found = storage.find_token(refresh.digest)
        assert found is not None
        assert found[1].may_repeat(found[0], NOW, GRACE)  # it is refused, but it shows no theft

    def test_the_first_rotation_of_a_sibling_spends_the_others(self, storage: ProviderStorage) -> None:
        _, old_access, refresh = self.signed_in(storage)
        first, second, third = (self._repeated(storage, refresh) for _ in range(3))
        successors = self.rotated(storage, second[1], NOW + SECOND)
        assert successors is not None
        alive = [self.is_alive(storage, token) for token in (*first, second[0], *third, *successors, old_access)]
        assert alive == [False, False, True, False, False, True, True, True]
        for token in (first[1], third[1]):
            assert self.rotated(storage, token, NOW + SECOND) is None
            found = storage.find_token(token.digest)
            assert found is not None
            assert found[1].spent
            assert not found[1].may_repeat(found[0], NOW + SECOND, GRACE)

    def test_the_first_rotation_of_a_successor_ends_the_grace_of_its_parent(self, storage: ProviderStorage) -> None:
        _, _, refresh = self.signed_in(storage)
        _, successor = self._repeated(storage, refresh)
        assert self.rotated(storage, successor, NOW + SECOND) is not None
        assert self.rotated(storage, refresh, NOW + 2 * SECOND) is None
        found = storage.find_token(refresh.digest)
        assert found is not None
        assert not found[1].may_repeat(found[0], NOW + 2 * SECOND, GRACE)

    def test_a_repetition_of_the_successor_is_within_its_own_grace(self, storage: ProviderStorage) -> None:
        _, _, refresh = self.signed_in(storage)
        _, successor = self._repeated(storage, refresh)
        for after in (SECOND, GRACE):
            assert self.rotated(storage, successor, NOW + after) is not None
        assert self.rotated(storage, successor, NOW + GRACE + SECOND) is None

    def test_a_sibling_is_spent_long_after_the_grace_too(self, storage: ProviderStorage) -> None:
        # The thief waits until nobody looks: the owner's next rotation still finds the second token.
        _, _, refresh = self.signed_in(storage)
        owners, thiefs = self._repeated(storage, refresh), self._repeated(storage, refresh)
        later = NOW + 30 * DAY
        assert self.rotated(storage, owners[1], later) is not None
        assert self.rotated(storage, thiefs[1], later + SECOND) is None
        assert not self.is_alive(storage, thiefs[1], later)

    def test_many_at_once_get_one_pair_for_each_repetition(self, storage: ProviderStorage) -> None:
        _, _, refresh = self.signed_in(storage)
        pairs = self.together(lambda: self.rotated(storage, refresh))
        won = [pair for pair in pairs if pair is not None]
        assert len(won) == min(self.AT_ONCE, 1 + REPETITIONS)
        assert all(self.is_alive(storage, token) for pair in won for token in pair)

    def test_of_siblings_that_rotate_at_once_one_wins(self, storage: ProviderStorage) -> None:
        _, _, refresh = self.signed_in(storage)
        siblings = [self._repeated(storage, refresh) for _ in range(1 + REPETITIONS)]
        turn = iter(range(self.AT_ONCE))
        pairs = self.together(lambda: self.rotated(storage, siblings[next(turn) % len(siblings)][1], NOW + SECOND))
        won = [pair for pair in pairs if pair is not None]
        # The winner's own repetitions are within its grace; no other sibling has a living token.
        assert 1 <= len(won) <= -(-self.AT_ONCE // len(siblings))
        living = [sibling for sibling in siblings if self.is_alive(storage, sibling[0])]
        assert len(living) == 1

    def test_a_repetition_beside_the_successors_rotation_leaves_one_family(self, storage: ProviderStorage) -> None:
        _, _, refresh = self.signed_in(storage)
        _, successor = self._repeated(storage, refresh)
        turn = iter(range(self.AT_ONCE))

        def work() -> tuple[bool, tuple[Token, Token] | None]:
            is_child = next(turn) % 2 == 0
            return is_child, self.rotated(storage, successor if is_child else refresh, NOW + SECOND)

        outcomes = self.together(work)
        assert any(pair for is_child, pair in outcomes if is_child)
        repeated = [pair for is_child, pair in outcomes if not is_child and pair]
        assert not any(self.is_alive(storage, token) for pair in repeated for token in pair)

    def _repeated(self, storage: ProviderStorage, token: Token) -> tuple[Token, Token]:
        pair = self.rotated(storage, token)
        assert pair is not None
        return pair
