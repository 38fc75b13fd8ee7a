"""``Link`` header fields as strangers write them (RFC 8288 §3)."""

import pytest

from flask_cimd.core.links import link_targets
from tests.support.proves import proves


def targets(*fields: str, relation: str = "redirect_uri") -> list[str]:
    return list(link_targets(fields, relation))


@proves("IA-54")
@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("<https://app.example/cb>; rel=redirect_uri", ["https://app.example/cb"]),
        ('<https://app.example/cb>; rel="redirect_uri"', ["https://app.example/cb"]),
        ("</cb>;rel=redirect_uri", ["/cb"]),
        ("  < /cb > ; rel = redirect_uri", ["/cb"]),
        ("<>; rel=redirect_uri", [""]),
        ('</cb>; rel="other REDIRECT_URI more"', ["/cb"]),
        ("</cb>; REL=redirect_uri", ["/cb"]),
        ("</cb>; title=x; rel=redirect_uri; type=y", ["/cb"]),
        ("</cb>; crossorigin; rel=redirect_uri", ["/cb"]),
        ("</a>; rel=redirect_uri, </b>; rel=redirect_uri", ["/a", "/b"]),
        ("</a>; rel=redirect_uri,</b>;rel=me,</c>;rel=redirect_uri", ["/a", "/c"]),
        ("</a,b;c>; rel=redirect_uri", ["/a,b;c"]),
        ('</a>; title="x, </evil>; rel=redirect_uri"; rel=me', []),
        ('</a>; title="x\\", </evil>; rel=redirect_uri"; rel=me', []),
        ('</a>; title="a\\\\"; rel=redirect_uri', ["/a"]),
        ('</a>; rel="me"; rel="redirect_uri"', []),  # RFC 8288 §3.3: only the first counts
        ('</a>; rel=redirect_uri; anchor="#x"', []),
        ("</a>; rel=redirect_uris", []),
        ("</a>; rel=redirect_uri2", []),
        ("</a>; rev=redirect_uri", []),
        ("</a>; rel", []),
        ("</a>; rel=", []),
        ("</a>", []),
        ("/a; rel=redirect_uri", []),
        ("<a; rel=redirect_uri", []),
        ("rel=redirect_uri", []),
        ("", []),
        (",,, ,", []),
        ('</a>; rel="redirect_uri', []),
        ("</a>; ; rel=redirect_uri", []),
        ("<a<b>; rel=redirect_uri", []),
    ],
)
def test_targets_of_a_relation_in_order(field: str, expected: list[str]) -> None:
    assert targets(field) == expected


def test_fields_are_read_in_order_and_duplicates_stay() -> None:
    assert targets("</a>; rel=redirect_uri", "</b>; rel=redirect_uri", "</a>; rel=redirect_uri") == ["/a", "/b", "/a"]


@pytest.mark.parametrize(
    "piece", ["<", ",", " ", ";", "<a>", "<a>;", '<a>; x="', '<a>; x="\\', "<a>; x=y", '"', "\\", "<a>;" + " " * 50]
)
def test_a_long_field_is_read_in_linear_time(piece: str) -> None:
    # in quadratic time this would take hours
    targets(*["<a>; rel=me, " + piece * (1_000_000 // len(piece))] * 100)
