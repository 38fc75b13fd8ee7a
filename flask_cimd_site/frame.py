"""The frame of the owner's pages: one navigation, and notices.

Templates extend ``owner.html`` and fill its blocks ``title`` and ``main``. A sentence about something that was done is
passed to `flask.flash`; the next page shows it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from flask import Flask, current_app, request
from markupsafe import Markup

from flask_cimd_site.addresses import path_of
from flask_cimd_site.config import Configuration
from flask_cimd_site.language import lazy_gettext as _

_KEY = "site_notices"


@dataclass(frozen=True, slots=True)
class Place:
    """One entry of the navigation.

    Attributes:
        text: its words.
        endpoint: the view that it leads to; without this view in the app there is no entry.
        blueprints: names of the blueprints whose pages belong to the entry, too.
    """

    text: str
    endpoint: str
    blueprints: tuple[str, ...] = ()


#: The navigation, in order.
PLACES = (
    Place(_("Notes"), "notes.index", ("notes", "writing")),
    Place(_("Apps"), "cimd_provider.apps", ("scripts", "registered")),
    Place(_("Rules"), "clients.show", ("clients",)),
    Place(_("Activity"), "activity.show", ("activity",)),
    Place(_("Account"), "account.show", ("account", "card", "setup")),
    Place(_("Check an app"), "explain.show", ("explain",)),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A place as a page shows it."""

    text: str
    address: str
    is_current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something that the owner has to see on every page until it is over.

    Attributes:
        text: one sentence.
        address: path of the page about it.
        link: words of the link to that page.
    """

    text: str
    address: str
    link: str


def init_app(app: Flask, configuration: Configuration) -> None:
    """Give templates ``navigation()``, ``notices()``, ``site_host`` and the filter ``breakable``."""
    host = urlsplit(configuration.base_url).netloc
    app.extensions[_KEY] = []
    app.add_template_filter(breakable)
    app.context_processor(lambda: {"navigation": navigation, "notices": notices, "site_host": host})


def add_notices(app: Flask, find: Callable[[], Iterable[Notice]]) -> None:
    """Let a function say which notices every page of the owner has at this moment."""
    app.extensions[_KEY].append(find)


def notices() -> list[Notice]:
    """Return the notices of all functions."""
    return [notice for find in current_app.extensions[_KEY] for notice in find()]


def breakable(host: str) -> Markup:
    """Return a host that breaks behind its dots alone, so that no part of it looks like a whole on a narrow page."""
    return Markup(".<wbr>").join(host.split("."))


def navigation() -> list[Entry]:
    """Return the entries whose views exist in this app."""
    return [
        Entry(str(place.text), path_of(place.endpoint), _is_current(place))
        for place in PLACES
        if place.endpoint in current_app.view_functions
    ]


def _is_current(place: Place) -> bool:
    return request.endpoint == place.endpoint or request.blueprint in place.blueprints
