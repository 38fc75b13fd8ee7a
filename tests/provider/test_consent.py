"""What the consent page says about a client and its request, and what a person may choose."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from flask_cimd import Tier
from flask_cimd.oauth import AuthorizationRequest
from flask_cimd.provider import consent
from flask_cimd.provider.consent import Approval
from flask_cimd.provider.lifetimes import lifetimes_of
from flask_cimd.testing._steps import NOW, make_client, make_request

CLIENT = replace(make_client(), grant_types=("authorization_code", "refresh_token"), client_uri="https://app.example/")
ONE_TIME = replace(CLIENT, grant_types=("authorization_code",))


def asked(scope: str = "profile", **changes: Any) -> AuthorizationRequest:
    return make_request(**{"client": CLIENT, "scope": scope, "resource": (), **changes})


def test_the_scope_of_an_at_protocol_sign_in_cannot_be_unticked() -> None:
    choices = consent.scope_choices("atproto profile", {"profile": "See your name"})
    assert [(choice.word, choice.text, choice.is_fixed) for choice in choices] == [
        ("atproto", "atproto", True),
        ("profile", "See your name", False),
    ]


@pytest.mark.parametrize(
    ("scope", "tier", "shown"),
    [
        ("profile", Tier.UNKNOWN, True),
        ("atproto", Tier.UNKNOWN, False),
        ("atproto", Tier.KNOWN, False),
        ("atproto", Tier.TRUSTED, True),
    ],
)
def test_a_claimed_name_and_link_are_shown_for_at_protocol_clients_that_the_operator_trusts(
    scope: str, tier: Tier, shown: bool
) -> None:
    view = consent.view_of(CLIENT, asked(scope), tier=tier, approved=None, is_in_making=False)
    assert (view.name is not None, bool(view.links)) == (shown, shown)


@pytest.mark.parametrize(
    ("tier", "approved", "expected"),
    [
        (Tier.TRUSTED, None, "trusted"),
        (Tier.TRUSTED, Approval(client=CLIENT), "trusted"),
        (Tier.KNOWN, None, "new"),
        (Tier.UNKNOWN, Approval(client=CLIENT), "met"),
    ],
)
def test_a_client_is_new_met_or_trusted(tier: Tier, approved: Approval | None, expected: str) -> None:
    assert consent.acquaintance(tier, approved) == expected


def test_what_changed_since_the_last_approval_is_told() -> None:
    renamed = replace(CLIENT, client_name="Bank", redirect_uris=("https://app.example/new",))
    slugs = [change.slug for change in consent.changes_since(Approval(client=CLIENT), renamed, with_name=True)]
    assert slugs == ["changed-redirects", "changed-name"]
    slugs = [change.slug for change in consent.changes_since(Approval(client=CLIENT), renamed, with_name=False)]
    assert slugs == ["changed-redirects"]


@pytest.mark.parametrize("approved", [None, Approval(client=None)])
def test_nothing_changed_where_no_description_was_approved(approved: Approval | None) -> None:
    assert consent.changes_since(approved, CLIENT, with_name=True) == ()


PAST = Approval(client=CLIENT, at=NOW, scope=("profile",), resource=())


def test_a_scope_that_the_last_approval_lacks_is_new() -> None:
    def new(approved: Approval | None) -> list[bool]:
        return [choice.is_new for choice in consent.scope_choices("profile notes", {}, approved)]

    assert new(PAST) == [False, True]
    assert new(None) == [False, False]
    assert new(Approval(client=None, is_readable=False)) == [False, False]


@pytest.mark.parametrize(
    ("scope", "ticked", "denied"),
    [
        ("profile notes", (), True),
        ("profile notes", ("notes",), False),
        ("profile notes", ("other",), True),
        ("", (), False),
        ("atproto profile", (), False),
    ],
)
def test_nothing_ticked_is_a_denial_unless_the_request_was_for_the_identity(
    scope: str, ticked: tuple[str, ...], denied: bool
) -> None:
    assert consent.is_denial(asked(scope), ticked) is denied


USUAL = ("hour", "day", "month", "year")


@pytest.mark.parametrize(
    ("changes", "client", "keys", "preset"),
    [
        ({}, CLIENT, USUAL, "year"),
        ({}, None, USUAL, "year"),
        ({}, ONE_TIME, USUAL, "month"),
        ({}, replace(CLIENT, source="page"), USUAL, "month"),
        ({}, replace(CLIENT, source="virtual"), USUAL, "year"),
        ({"resource": ("https://api.example/",)}, CLIENT, USUAL, "year"),
        ({"resource": ("https://api.example/",)}, ONE_TIME, (), ""),
        ({"scope": ""}, CLIENT, (), ""),
        ({"scope": "atproto"}, CLIENT, ("hour", "day", "fortnight"), "fortnight"),
        ({"scope": "atproto"}, ONE_TIME, (), ""),
        ({"scope": "atproto", "auth_method": "private_key_jwt"}, CLIENT, ("day", "month", "year", "use"), "use"),
    ],
)
def test_the_person_chooses_the_end_wherever_access_lasts(
    changes: dict[str, Any], client: Any, keys: tuple[str, ...], preset: str
) -> None:
    found = lifetimes_of(context(), asked(**changes), client)
    assert (found.keys, found.preset) == (keys, preset)
    assert bool(found.reason) is (not keys and changes.get("scope") != "")


def test_no_lifetime_is_longer_than_the_server_keeps_a_grant() -> None:
    found = lifetimes_of(context(refresh_absolute=timedelta(days=30)), asked(), CLIENT)
    assert (found.keys, found.preset) == (("hour", "day", "month"), "month")


@pytest.mark.parametrize(("key", "chosen"), [("day", "day"), (None, "year"), ("", "year"), ("use", "year")])
def test_a_lifetime_that_is_not_offered_means_the_preset(key: str | None, chosen: str) -> None:
    assert lifetimes_of(context(), asked(), CLIENT).chosen(key) == chosen


def test_tokens_live_as_long_as_the_access_of_a_client_that_cannot_renew_it() -> None:
    day = timedelta(days=1)
    assert lifetimes_of(context(), asked(), ONE_TIME).of("day") == (day, day)
    assert lifetimes_of(context(), asked(), CLIENT).of("day") == (None, day)


def context(**changes: Any) -> Any:
    return SimpleNamespace(
        **{"refresh_absolute": timedelta(days=365), "access_lifetime": timedelta(minutes=15), **changes}
    )
