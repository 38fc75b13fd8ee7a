"""Host patterns: who is let in."""

import pytest

from flask_cimd.core.identifier import IdentifierRules, parse_identifier
from flask_cimd.core.policy import HostPattern, Policy
from flask_cimd.errors import PolicyDeniedError


@pytest.mark.parametrize(
    ("pattern", "host", "matches"),
    [
        ("app.example", "app.example", True),
        ("app.example", "APP.example", True),
        ("App.Example", "app.example", True),
        ("app.example", "a.app.example", False),
        ("app.example", "app.example.evil.net", False),
        (".example.com", "a.example.com", True),
        (".example.com", "b.a.example.com", True),
        (".example.com", "example.com", False),
        (".example.com", "evilexample.com", False),
        (".example.com", "example.com.evil.net", False),
    ],
)
def test_a_pattern_covers_a_host_or_all_names_below_it(pattern: str, host: str, matches: bool) -> None:
    # C-96
    assert HostPattern.parse(pattern).matches(host) is matches


@pytest.mark.parametrize(
    "text", ["", "*", "*.example.com", "https://app.example", "app.example:443", "a b", "a..b", "."]
)
def test_a_pattern_that_could_never_match_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="host pattern"):
        HostPattern.parse(text)


def patterns(*texts: str) -> tuple[HostPattern, ...]:
    return tuple(HostPattern.parse(text) for text in texts)


@pytest.mark.parametrize(
    ("policy", "slug"),
    [
        (Policy(), None),
        (Policy(allowed_hosts=patterns("app.example")), None),
        (Policy(allowed_hosts=patterns("other.example")), "host-not-allowed"),
        (Policy(allowed_hosts=()), "host-not-allowed"),
        (Policy(denied_hosts=patterns("app.example")), "host-denied"),
        (Policy(allowed_hosts=patterns("app.example"), denied_hosts=patterns("app.example")), "host-denied"),
    ],
    ids=["open", "allowed", "not-listed", "nobody", "denied", "denial-wins"],
)
def test_denial_wins_and_an_empty_allow_list_lets_nobody_in(policy: Policy, slug: str | None) -> None:
    identifier = parse_identifier("https://app.example/c", IdentifierRules())
    if slug is None:
        policy.require(identifier)
        return
    with pytest.raises(PolicyDeniedError) as caught:
        policy.require(identifier)
    assert caught.value.slug == slug
