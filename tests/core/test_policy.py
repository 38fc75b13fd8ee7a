"""Host patterns, rules and tiers: who is let in, and how far."""

from dataclasses import replace

import pytest

from flask_cimd.core.identifier import IdentifierRules, parse_identifier
from flask_cimd.core.policy import Allowance, HostPattern, Policy, Rule, RuleSet, Tier
from flask_cimd.errors import PolicyDeniedError
from tests.support.proves import proves


@proves("C-96")
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


def rules(**decisions: str) -> RuleSet:
    named = {
        "document": "https://app.example/c",
        "host": "app.example",
        "below": ".example",
        "other": "https://app.example/C",
    }
    return RuleSet(Rule.parse(named[name], decision) for name, decision in decisions.items())


OPEN, CLOSED = Policy(), Policy(allowed_hosts=())


@proves("C-96")
@pytest.mark.parametrize(
    ("policy", "ruleset", "tier"),
    [
        (OPEN, rules(), Tier.UNKNOWN),
        (CLOSED, rules(), Tier.BLOCKED),
        (OPEN, rules(host="allow"), Tier.KNOWN),
        (CLOSED, rules(host="allow"), Tier.KNOWN),
        (CLOSED, rules(document="allow"), Tier.KNOWN),
        (CLOSED, rules(other="allow"), Tier.BLOCKED),  # another string, another client
        (OPEN, rules(below="trust"), Tier.TRUSTED),
        (OPEN, rules(host="trust", document="allow"), Tier.TRUSTED),
        (OPEN, rules(host="trust", document="deny"), Tier.BLOCKED),
        (OPEN, rules(below="deny", host="trust", document="trust"), Tier.BLOCKED),
        (Policy(trusted_hosts=patterns(".example")), rules(), Tier.TRUSTED),
        (Policy(trusted_hosts=patterns("app.example"), allowed_hosts=()), rules(), Tier.TRUSTED),
        (Policy(trusted_hosts=patterns("app.example")), rules(host="deny"), Tier.BLOCKED),
        (Policy(denied_hosts=patterns("app.example")), rules(document="trust"), Tier.BLOCKED),
        (Policy(allowed_hosts=patterns("app.example")), rules(), Tier.KNOWN),
    ],
)
def test_rules_and_settings_compose_and_denial_wins(policy: Policy, ruleset: RuleSet, tier: Tier) -> None:
    identifier = parse_identifier("https://app.example/c", IdentifierRules())
    policy = replace(policy, rules=ruleset)
    assert policy.tier(identifier) is tier
    if tier is Tier.BLOCKED:
        with pytest.raises(PolicyDeniedError):
            policy.require(identifier)
    else:
        policy.require(identifier)


def test_a_rule_about_all_names_below_a_host_leaves_the_host_alone() -> None:
    ruleset = RuleSet([Rule.parse(".app.example", "deny")])
    for raw, says in (
        ("https://app.example/", False),
        ("https://a.app.example/", True),
        ("https://b.A.app.example/", True),
        ("https://evilapp.example/", False),
    ):
        assert bool(ruleset.decisions(parse_identifier(raw, IdentifierRules()))) is says


@pytest.mark.parametrize(
    ("subject", "decision"),
    [
        ("https://app.example/../c", "deny"),
        ("https://app.example/#x", "deny"),
        ("ftp://app.example/", "deny"),
        ("*", "allow"),
        ("", "allow"),
        ("app.example", "maybe"),
    ],
)
def test_a_rule_that_could_never_match_is_refused(subject: str, decision: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Rule.parse(subject, decision)


def test_an_allowance_without_limits_lets_everything_through_and_an_empty_one_nothing() -> None:
    assert Allowance().scopes_of(["a", "b"]) == ("a", "b")
    assert Allowance().refused_resources(["https://r.example/"]) == ()
    nothing = Allowance(scopes=frozenset(), resources=frozenset())
    assert nothing.scopes_of(["a"]) == ()
    assert nothing.refused_resources(["https://r.example/"]) == ("https://r.example/",)


@proves("C-127")
def test_a_service_host_is_told_apart() -> None:
    policy = Policy(service_hosts=patterns("cimd.example"))
    assert policy.is_in_the_making(parse_identifier("https://cimd.example/c/1", IdentifierRules()))
    assert not policy.is_in_the_making(parse_identifier("https://app.example/c", IdentifierRules()))
