"""The catalogue of texts: complete in every language, and up to date with the sources."""

from __future__ import annotations

import re
from io import BytesIO

import pytest
from babel.messages.pofile import read_po

from flask_cimd.core import sentence
from flask_cimd.provider import translate
from tests.support.browser import Site, soup
from tools import catalogue

_PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|<[^>]+>")
LANGUAGES = pytest.mark.parametrize("language", catalogue.LANGUAGES)


def pairs(language: str) -> list[tuple[str, str]]:
    """Return every form of every message with its translation."""
    found = []
    for message in catalogue.merged(language):
        if message.id:
            ids, strings = (value if isinstance(value, tuple) else (value,) for value in (message.id, message.string))
            found += [(one, strings[number] if number < len(strings) else "") for number, one in enumerate(ids)]
    return found


@LANGUAGES
def test_every_text_is_translated(language: str) -> None:
    assert [text for text, translation in pairs(language) if not translation] == []
    assert len(pairs(language)) > 200


@LANGUAGES
def test_translations_keep_placeholders_and_markup(language: str) -> None:
    for text, translation in pairs(language):
        assert sorted(_PLACEHOLDER.findall(translation)) == sorted(_PLACEHOLDER.findall(text)), text


@LANGUAGES
def test_the_files_hold_the_texts_of_today(language: str) -> None:
    # `make catalogue` brings them up to date.
    file = catalogue.TRANSLATIONS / language / "LC_MESSAGES" / "messages.po"
    kept = {message.id for message in read_po(BytesIO(file.read_bytes())) if message.id}
    assert kept == {message.id for message in catalogue.extracted() if message.id}
    assert file.with_suffix(".mo").read_bytes() == catalogue.compiled(catalogue.merged(language))


@pytest.mark.parametrize(
    ("accepted", "language", "heading"),
    [
        ("de-AT,de;q=0.9,en;q=0.5", "de", "App prüfen"),
        ("fr", "en", "Check an app"),
        ("en,de;q=0.5", "en", "Check an app"),
        ("", "en", "Check an app"),
    ],
)
def test_the_browser_chooses_the_language(site: Site, accepted: str, language: str, heading: str) -> None:
    page = soup(site.owner().get("/explain", headers={"Accept-Language": accepted}))
    assert page.html is not None
    assert page.html["lang"] == language
    assert page.h1 is not None
    assert page.h1.get_text() == heading


def test_a_sentence_is_translated_with_its_values(site: Site) -> None:
    more = sentence("%(hosts)s and %(number)s more", hosts="a.example", number=2)
    text = sentence("It can now also send you to %(hosts)s.", hosts=more)
    assert text == "It can now also send you to a.example and 2 more."
    with site.app.test_request_context(headers={"Accept-Language": "de"}):
        assert translate(text) == "Sie kann dich jetzt auch zu a.example und 2 weiteren schicken."
