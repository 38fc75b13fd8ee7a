"""Any Micropub request is understood or refused, and whatever is understood can be shown."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from lxml import etree

from flask_cimd_site.site import commands
from flask_cimd_site.site import properties as mf2
from flask_cimd_site.site.commands import Create, Update
from flask_cimd_site.site.content import sanitise
from flask_cimd_site.site.posts import make_slug
from flask_cimd_site.site.properties import PropertyError

IMAGES = "https://me.example/media/"
text = st.text(max_size=40) | st.sampled_from(["entry", "delete", "draft", "2026-11-25", "https://a.example/", "-", ""])
names = st.sampled_from([*mf2.KNOWN, "h", "type", "action", "url", "replace", "add", "delete", "properties", "mp-slug"])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | text | st.just("h-entry"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names | text, inner, max_size=4),
    max_leaves=12,
)
members = st.dictionaries(names, values | st.lists(text | st.dictionaries(st.sampled_from(["html", "value"]), text)))
creations = st.fixed_dictionaries({"type": st.just(["h-entry"]), "properties": members})
updates = st.fixed_dictionaries(
    {"action": st.just("update"), "url": text},
    optional={"replace": members, "add": members, "delete": members | values},
)


@given(st.dictionaries(names | text, values) | creations | updates)
def test_any_object_is_a_command_or_refused(body: dict[str, Any]) -> None:
    try:
        command = commands.from_json(body)
    except PropertyError:
        return
    if isinstance(command, Create):
        assert_kept(command.properties)
    if isinstance(command, Update):
        assert_kept({**command.replace, **command.add})


@given(st.dictionaries(names | text | st.just("category[]") | st.just("content[html]"), st.lists(text, min_size=1)))
def test_any_form_is_a_command_or_refused(form: dict[str, list[str]]) -> None:
    try:
        command = commands.from_form(form)
    except PropertyError:
        return
    if isinstance(command, Create):
        assert_kept(command.properties)


def assert_kept(properties: mf2.Properties) -> None:
    assert set(properties) <= set(mf2.KNOWN)
    assert json.loads(json.dumps(properties)) == properties
    for values_ in properties.values():
        for value in values_:
            for shown in value.values() if isinstance(value, dict) else [value]:
                etree.Element("x").text = shown  # raises on what XML cannot hold
                shown.encode()
                assert "\0" not in shown


@given(st.text())
def test_any_text_makes_a_slug_that_is_stable(words: str) -> None:
    slug = make_slug(words)
    assert make_slug(slug) == slug
    assert len(slug) <= 60
    assert set(slug) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


tags = st.sampled_from(["a", "p", "img", "b", "script", "svg", "style", "math", "table", "template", "noscript", "li"])
attributes = st.sampled_from(["href", "src", "onclick", "style", "class", "rel", "id", "srcset", "xlink:href"])
targets = text | st.sampled_from(
    ["javascript:alert(1)", "//evil.example/", f"{IMAGES}{'a' * 32}.png", "data:,x", "&#106;avascript:x"]
)
pieces = st.one_of(
    st.builds("<{} {}={}>".format, tags, attributes, targets),
    st.builds('<{} {}="{}">'.format, tags, attributes, targets),
    st.builds("</{}>".format, tags),
    st.sampled_from(["<!--", "-->", "<![CDATA[", "]]>", "<", ">", '"', "'", "&lt;"]),
    text,
)


@example("<a href=><table href=><a href=>")
@given(st.lists(pieces, max_size=12).map("".join))
def test_sanitised_markup_stays_as_it_is_and_has_nothing_but_text_and_links(html: str) -> None:
    kept = sanitise(html, IMAGES)
    assert sanitise(str(kept), IMAGES) == kept
    for element in etree.HTML(f"<html><body><div>{kept}</div></body></html>").iter():
        assert isinstance(element.tag, str)  # no comment, no processing instruction
        assert element.tag not in {"script", "svg", "style", "math", "template", "noscript"}
        assert set(element.attrib) <= {"href", "src", "rel", "title", "alt", "start", "colspan"}
        assert element.get("href", "https://").startswith(("https://", "http://", "mailto:"))
        assert element.get("src", IMAGES).startswith(IMAGES)
