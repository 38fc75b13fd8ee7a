"""Language and time zone of the pages, by Flask-Babel.

English sentences are the message ids. ``flask_cimd_site/translations`` has the one catalogue of the
site and of `flask_cimd`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, tzinfo
from functools import cached_property, lru_cache
from typing import Any

from babel import Locale
from babel.dates import DateTimePattern, parse_pattern
from flask import Flask, current_app, g, request
from flask_babel import Babel, get_timezone, get_translations
from flask_babel.speaklater import LazyString
from markupsafe import Markup, escape

from flask_cimd.core import Sentence
from flask_cimd.provider import translate

#: Languages of the catalogue; the first one is that of the message ids.
LANGUAGES = ("en", "de")
#: British order: the day comes before the month, as in the other languages.
_DAY: dict[str, DateTimePattern] = {"en": parse_pattern("d MMMM y"), "de": parse_pattern("d. MMMM y")}
_CATALOGUES = "site_catalogues"


def init_app(app: Flask, zone: Callable[[], tzinfo] = lambda: UTC) -> None:
    """Set up translations, the template filters ``moment`` and ``day`` for aware instants, and ``said`` for `Sentence`.

    Args:
        app: an app whose folder has ``translations``.
        zone: returns the time zone in which pages show instants.
    """
    Babel(app, locale_selector=language, timezone_selector=zone)
    app.extensions[_CATALOGUES] = {}
    app.jinja_env.globals["_"] = _sentence
    app.add_template_filter(moment)
    app.add_template_filter(day)
    app.context_processor(lambda: {"language": language(), "said": _said})


def language() -> str:
    """Return the language of the page: ``en`` or ``de``."""
    return _reader().language


def lazy_gettext(text: str) -> LazyString:
    """Return a sentence that is translated where it is shown."""
    return LazyString(_sentence, text)


def moment(instant: datetime, css: str = "") -> Markup:
    """Return a ``time`` element with day, minute and zone.

    Args:
        instant: an aware instant.
        css: classes of the element.
    """
    reader = _reader()
    local = instant.astimezone(reader.zone)
    return _element(instant, f"{_day_of(local.date(), reader.language)}, {local:%H:%M} {local.tzname()}", css)


def day(instant: datetime, css: str = "") -> Markup:
    """Return a ``time`` element with the day alone; arguments as of `moment`."""
    reader = _reader()
    return _element(instant, _day_of(instant.astimezone(reader.zone).date(), reader.language), css)


@lru_cache(maxsize=1024)
def _day_of(local: date, language: str) -> str:
    return _DAY[language].apply(local, Locale(language))


def _element(instant: datetime, text: str, css: str) -> Markup:
    attribute = f' class="{escape(css)}"' if css else ""
    return Markup(f'<time{attribute} datetime="{instant.isoformat(timespec="seconds")}">{escape(text)}</time>')  # noqa: S704  all parts are escaped


def _sentence(text: str, **values: Any) -> str:
    found: str = _reader().catalogue.ugettext(text)
    return found % values if values else found


def _said(text: str, **values: Any) -> str:
    if isinstance(text, Sentence) and text.values:
        return translate(text, **values)  # its values may be sentences, too
    return _sentence(getattr(text, "template", text), **values)


class _Reader:
    """Language, catalogue and zone of one request; Flask-Babel looks them up for every sentence and every date."""

    def __init__(self) -> None:
        self.language: str = request.accept_languages.best_match(LANGUAGES) or LANGUAGES[0]

    @cached_property
    def catalogue(self) -> Any:
        known = current_app.extensions[_CATALOGUES]
        if self.language not in known:
            known[self.language] = get_translations()
        return known[self.language]

    @cached_property
    def zone(self) -> tzinfo:
        found: tzinfo = get_timezone()
        return found


def _reader() -> _Reader:
    try:
        found: _Reader = g.reader
    except AttributeError:
        g.reader = found = _Reader()
    return found
