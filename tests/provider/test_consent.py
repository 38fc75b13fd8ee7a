"""What the consent page says about a client and its request, and what a person may choose."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from flask_cimd import Tier
from flask_cimd.core.metadata import Source
from flask_cimd.oauth import AuthorizationRequest
from flask_cimd.provider import consent
from flask_cimd.provider.consent import Approval
from flask_cimd.testing._steps import make_client, make_request

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


def test_the_person_chooses_how_long_a_client_has_access_that_cannot_refresh_it() -> None:
    assert consent.may_choose_lifetime(asked(), ONE_TIME)
    assert not consent.may_choose_lifetime(asked(), CLIENT)
    assert not consent.may_choose_lifetime(asked(), None)


@pytest.mark.parametrize(
    "changes", [{"scope": ""}, {"resource": ("https://api.example/",)}, {"scope": "atproto profile"}]
)
def test_there_is_no_choice_for_a_sign_in_a_resource_or_the_at_protocol(changes: dict[str, Any]) -> None:
    assert not consent.may_choose_lifetime(asked(**changes), ONE_TIME)


@pytest.mark.parametrize(
    ("source", "chooses"),
    [("page", True), ("unread", True), ("loopback", True), ("document", False), ("virtual", False)],
)
def test_page_and_loopback_clients_cannot_refresh_whatever_they_list(source: Source, chooses: bool) -> None:
    assert consent.may_choose_lifetime(asked(), replace(CLIENT, source=source)) is chooses


@pytest.mark.parametrize(
    ("key", "days"), [("day", 1), ("month", 30), ("year", 365), (None, 30), ("", 30), ("century", 30)]
)
def test_an_unknown_lifetime_means_thirty_days(key: str | None, days: int) -> None:
    assert consent.chosen_lifetime(key) == timedelta(days=days)


def test_the_page_says_when_the_client_asks_again_where_that_is_settled() -> None:
    assert consent.asks_again(asked(), CLIENT) == "a year"
    assert consent.asks_again(asked(), ONE_TIME) is None
    assert consent.asks_again(asked("atproto"), CLIENT) == "two weeks"
    assert consent.asks_again(asked("atproto", auth_method="private_key_jwt"), CLIENT) is None
