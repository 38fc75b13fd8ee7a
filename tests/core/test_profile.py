"""A profile is a value with a name; text names it and what differs from it."""

import pytest

from flask_cimd import Profile


@pytest.mark.parametrize(
    ("text", "profile"),
    [
        ("", Profile()),
        ("draft", Profile()),
        ("strict", Profile(allow_root_path=False, allow_query=False)),
        ("draft, lenient_media_type, allow_query=no", Profile(lenient_media_type=True, allow_query=False)),
        ("lenient_media_type", Profile(lenient_media_type=True)),
        (" allow_query = yes ,strict,", Profile(allow_root_path=False)),
        ("lenient_media_type, draft, lenient_media_type=0", Profile()),
        ("redirect_relation=same-site", Profile(redirect_relation="same-site")),
        ("logo_policy=same-site", Profile(logo_policy="same-site")),
        (
            "redirect_relation=same-origin, redirect_exempt_hosts=dev.example .dev.example",
            Profile(redirect_relation="same-origin", redirect_exempt_hosts=("dev.example", ".dev.example")),
        ),
    ],
)
def test_text_names_a_profile_and_what_differs(text: str, profile: Profile) -> None:
    assert Profile.parse(text) == profile


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("strickt", "did you mean strict"),
        ("allow_querry=no", "did you mean allow_query"),
        ("draft; strict", "is not a profile or field"),
        ("allow_query=perhaps", "true or false"),
        ("redirect_relation", "redirect_relation must be one of any, same-site, same-origin"),
        ("logo_policy=same-origin", "logo_policy must be one of any, same-site"),
        ("redirect_exempt_hosts=*.dev.example", "not a host pattern"),
    ],
)
def test_a_mistake_in_the_text_is_named(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Profile.parse(text)


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(ValueError, match="must be one of draft, strict"):
        Profile.named("lax")


def test_a_value_is_checked_when_it_is_made() -> None:
    with pytest.raises(ValueError, match="redirect_relation"):
        Profile(redirect_relation="same")  # type: ignore[arg-type]  # the wrong value is the test
