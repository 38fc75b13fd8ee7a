"""Language and time zone of the pages, by Flask-Babel.

English sentences are the message ids. ``flask_cimd_site/translations`` has the one catalogue of the
site and of `flask_cimd`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from babel import Locale
from flask import Flask, request
from flask_babel import Babel, format_date, format_datetime, get_locale, to_user_timezone
from markupsafe import Markup

from flask_cimd.provider import translate

#: Languages of the catalogue; the first one is that of the message ids.
LANGUAGES = ("en", "de")
#: British order: the day comes before the month, as in the other languages.
_DAY = {"en": "d MMMM y", "de": "d. MMMM y"}


def init_app(app: Flask, zone: Callable[[], str] = lambda: "UTC") -> None:
    """Set up translations, the template filters ``moment`` and ``day`` for aware instants, and ``said`` for `Sentence`.

    Args:
        app: an app whose folder has ``translations``.
        zone: returns the IANA name of the time zone in which pages show instants.
    """
    Babel(app, locale_selector=_language, timezone_selector=zone)
    app.add_template_filter(moment)
    app.add_template_filter(day)
    app.context_processor(lambda: {"language": language(), "said": translate})


def language() -> str:
    """Return the language of the page: ``en`` or ``de``."""
    locale: Locale | None = get_locale()
    return LANGUAGES[0] if locale is None else str(locale.language)


def moment(instant: datetime, css: str = "") -> Markup:
    """Return a ``time`` element with day, minute and zone.

    Args:
        instant: an aware instant.
        css: classes of the element.
    """
    text = f"{format_datetime(instant, _DAY[language()] + ', HH:mm')} {to_user_timezone(instant).tzname()}"
    return _element(instant, text, css)


def day(instant: datetime, css: str = "") -> Markup:
    """Return a ``time`` element with the day alone; arguments as of `moment`."""
    return _element(instant, format_date(instant, _DAY[language()]), css)


def _element(instant: datetime, text: str, css: str) -> Markup:
    # Markup escapes the values that it is formatted with.
    start = Markup('<time class="{}"').format(css) if css else Markup("<time")
    return Markup('{} datetime="{}">{}</time>').format(start, instant.isoformat(timespec="seconds"), text)


def _language() -> str:
    return request.accept_languages.best_match(LANGUAGES) or LANGUAGES[0]
