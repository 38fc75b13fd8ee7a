"""The page of errors: every slug with cause and cure from ``slugs.txt``, and every rule of documents from the code."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from flask_cimd import CIMDError, errors
from flask_cimd.core.redirects import REFUSED
from flask_cimd.publish import DiscoveryError, IdentityError, UnsupportedServerError

from .markdown import code, sentence, table

ROOT = Path(__file__).parents[2]
SLUGS = ROOT / "docs/slugs.txt"
_CLIENT_SIDE = (DiscoveryError, UnsupportedServerError, IdentityError)


@dataclass(frozen=True, slots=True)
class Described:
    """One slug of one class."""

    error: str
    slug: str
    cause: str
    cure: str


def described() -> list[Described]:
    """Return every line of ``slugs.txt``."""
    lines = SLUGS.read_text(encoding="utf-8").splitlines()
    return [Described(*(part.strip() for part in line.split(" | "))) for line in lines if line and line[0] != "#"]


def page() -> str:
    """Return the tables by class, then the rules of documents."""
    return "\n".join((*_classes(), "## Rules of documents\n", _RULES, _rules()))


_RULES = """An `invalid-document` error lists each broken rule as a `Problem` with the JSON pointer of the member; so do
`flask cimd explain` and `python -m flask_cimd check`. The message says what the member must be.
"""


def _classes() -> Iterator[str]:
    mine = defaultdict(list)
    for one in described():
        mine[one.error].append(one)
    for name, slugs in mine.items():
        kind = {error.__name__: error for error in _CLIENT_SIDE}.get(name) or getattr(errors, name, None)
        yield f"## {name}\n"
        if kind is not None:
            yield _summary(kind)
        yield table(("slug", "cause", "cure"), [(code(one.slug), one.cause, one.cure) for one in slugs])


def _summary(kind: type[CIMDError]) -> str:
    told = sentence(kind.__doc__)
    repeats = "the same request may succeed later" if kind.temporary else "the same request fails again"
    return (
        f"{told} Status {kind.status}, error code `{kind.oauth_error}`; {repeats}.\n\nShown: “{kind.public_message}”\n"
    )


def _rules() -> str:
    found = sorted(rules())
    return table(
        ("rule", "member", "message"), [(code(rule), code(member), message) for rule, member, message in found]
    )


def rules() -> set[tuple[str, str, str]]:
    """Return rule, member and message of every problem that the code can report."""
    found: set[tuple[str, str, str]] = set()
    for path in sorted((ROOT / "flask_cimd").rglob("*.py")):
        is_atproto = path.name == "atproto.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (one := _rule(node, is_atproto)) is not None:
                found.add((f"atproto-{one[0]}" if is_atproto else one[0], one[1], one[2]))
    return found | {(rule, "redirect_uris", message) for rule, message in REFUSED.items()}


def _rule(node: ast.AST, is_atproto: bool) -> tuple[str, str, str] | None:
    match node:
        case ast.Call(func=ast.Name(id="Problem"), args=[member, ast.Constant(value=rule), message]):
            pass
        case ast.Call(
            func=ast.Attribute(value=ast.Name(id="given" | "self"), attr="add"), args=[member, rule_, message]
        ):
            rule = rule_.value if isinstance(rule_, ast.Constant) else None
        case ast.Call(func=ast.Name(id="add"), args=[member, ast.Constant(value=rule), message]) if is_atproto:
            pass
        case ast.Call(func=ast.Name(id="StrictJSONError"), args=[ast.Constant(value=rule), message]):
            member = ast.Constant("")
        case _:
            return None
    pointer = _text(member).lstrip("/") if isinstance(member, ast.Constant) else ""
    return (str(rule), pointer, _text(message)) if rule else None


def _text(node: ast.expr) -> str:
    """Return a string of the code, with `…` in place of what is known at run time."""
    match node:
        case ast.Constant(value=str(value)):
            return value
        case ast.JoinedStr(values=values):
            return "".join(_text(value) for value in values)
        case ast.BinOp(left=left, right=right):
            return _text(left) + _text(right)
    return "…"
