"""Contract of a storage for codes and tokens."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ..oauth.server.storage import (
    ProviderStorage,
)
from ._steps import (
    GRACE,
    NOW,
    SECOND,
    ContractBase,
    make_client,
    make_tokens,
    new_digest,
)


class TokenContract(ContractBase):
    """Codes and tokens: kept, found, spent once."""

    # -- codes ----------------------------------------------------------------------------------------------------

    def test_an_unknown_code_or_token_is_none(self, storage: ProviderStorage) -> None:
        assert storage.find_code(new_digest()) is None
        assert storage.find_token(new_digest()) is None

    def test_a_code_comes_back_with_its_grant(self, storage: ProviderStorage) -> None:
        grant, code = self.approved(storage)
        assert storage.find_code(code.digest) == (grant, code)

    @pytest.mark.parametrize(
        "changes",
        [
            {"client_id": "https://app.example/" + "x" * 2028, "subject": "s" * 255},
            {"client_id": "http://localhost?redirect_uri=http%3A%2F%2F127.0.0.1%2F&scope=atproto"},
            {"client": make_client()},
            {"subject": "πρόσωπο \U0001d11e"},
            {"scope": "", "resource": ()},
            {"resource": ("https://a.example/", "https://b.example/x?y=z")},
            {"auth_time": None},
            {"auth_method": "private_key_jwt", "client_key": '["k", "t"]', "dpop_jkt": "j" * 43},
            {"access_lifetime": timedelta(days=365)},
        ],
        ids=[
            "2048-characters",
            "virtual",
            "document",
            "not-ascii",
            "identity",
            "resources",
            "no-login-time",
            "keys",
            "lifetime",
        ],
    )
    def test_a_grant_keeps_every_member(self, storage: ProviderStorage, changes: dict[str, Any]) -> None:
        grant, code = self.approved(storage, **changes)
        found = storage.find_code(code.digest)
        assert found is not None
        assert found[0] == grant

    def test_a_code_is_redeemed_once(self, storage: ProviderStorage) -> None:
        _, code = self.approved(storage)
        first, second = make_tokens(), make_tokens()
        assert storage.redeem_code(code.digest, first, NOW) is True
        assert storage.redeem_code(code.digest, second, NOW) is False
        assert [storage.find_token(token.digest) is not None for token in (*first, *second)] == [True] * 2 + [False] * 2

    def test_a_spent_code_is_still_found_and_says_so(self, storage: ProviderStorage) -> None:
        grant, code = self.approved(storage)
        assert storage.redeem_code(code.digest, (), NOW) is True
        assert storage.find_code(code.digest) == (grant, replace(code, spent=True))

    def test_an_unknown_code_is_not_redeemed(self, storage: ProviderStorage) -> None:
        tokens = make_tokens()
        assert storage.redeem_code(new_digest(), tokens, NOW) is False
        assert storage.find_token(tokens[0].digest) is None

    def test_a_code_of_a_revoked_grant_is_not_redeemed(self, storage: ProviderStorage) -> None:
        grant, code = self.approved(storage)
        storage.revoke_grant(grant.id, NOW)
        tokens = make_tokens()
        assert storage.redeem_code(code.digest, tokens, NOW) is False
        assert storage.find_token(tokens[0].digest) is None

    def test_an_exchange_settles_the_keys_of_its_grant(self, storage: ProviderStorage) -> None:
        grant, code = self.approved(storage)
        settled = replace(grant, auth_method="private_key_jwt", client_key="key", dpop_jkt="thumbprint", scope="other")
        tokens = make_tokens()
        assert storage.redeem_code(code.digest, tokens, NOW, settled) is True
        found = storage.find_token(tokens[0].digest)
        assert found is not None
        assert found[0] == replace(settled, scope=grant.scope)

    def test_one_of_many_redeems_a_code(self, storage: ProviderStorage) -> None:
        _, code = self.approved(storage)
        outcomes = self.together(lambda: storage.redeem_code(code.digest, make_tokens(), NOW))
        assert sorted(outcomes) == [False] * (self.AT_ONCE - 1) + [True]

    # -- tokens ---------------------------------------------------------------------------------------------------

    def test_tokens_come_back_with_their_grant(self, storage: ProviderStorage) -> None:
        grant, access, refresh = self.signed_in(storage)
        assert storage.find_token(access.digest) == (grant, access)
        assert storage.find_token(refresh.digest) == (grant, refresh)

    def test_a_revoked_grant_ends_its_tokens_and_leaves_others_alone(self, storage: ProviderStorage) -> None:
        grant, access, refresh = self.signed_in(storage)
        _, other, _ = self.signed_in(storage)
        storage.revoke_grant(grant.id, NOW)
        storage.revoke_grant(grant.id, NOW + SECOND)
        found = storage.find_token(refresh.digest)
        assert found is not None
        assert found[0].revoked
        assert [self.is_alive(storage, token) for token in (access, refresh, other)] == [False, False, True]

    def test_a_revoked_token_ends_alone(self, storage: ProviderStorage) -> None:
        _, access, refresh = self.signed_in(storage)
        storage.revoke_token(access.digest, NOW)
        storage.revoke_token(new_digest(), NOW)
        assert [self.is_alive(storage, token) for token in (access, refresh)] == [False, True]

    # -- rotation without grace -----------------------------------------------------------------------------------

    def test_a_refresh_token_is_rotated_once(self, storage: ProviderStorage) -> None:
        _, access, refresh = self.signed_in(storage)
        first = self.rotated(storage, refresh, grace=timedelta())
        assert first is not None
        assert self.rotated(storage, refresh, grace=timedelta()) is None
        found = storage.find_token(refresh.digest)
        assert found is not None
        assert found[1].spent
        # An access token lives on until it expires, as the new ones do.
        assert [self.is_alive(storage, token) for token in (access, *first)] == [True] * 3

    def test_an_access_token_is_not_rotated(self, storage: ProviderStorage) -> None:
        _, access, _ = self.signed_in(storage)
        assert self.rotated(storage, access) is None
        assert self.is_alive(storage, access)

    @pytest.mark.parametrize("end", ["grant", "token"])
    def test_a_revoked_refresh_token_is_not_rotated(self, storage: ProviderStorage, end: str) -> None:
        grant, _, refresh = self.signed_in(storage)
        if end == "grant":
            storage.revoke_grant(grant.id, NOW)
        else:
            storage.revoke_token(refresh.digest, NOW)
        successors = make_tokens()
        assert storage.rotate(refresh.digest, successors, NOW, grace=GRACE) is False
        assert storage.find_token(successors[0].digest) is None

    def test_one_of_many_rotates_a_token_without_grace(self, storage: ProviderStorage) -> None:
        _, _, refresh = self.signed_in(storage)
        outcomes = self.together(lambda: self.rotated(storage, refresh, grace=timedelta()) is not None)
        assert sorted(outcomes) == [False] * (self.AT_ONCE - 1) + [True]
