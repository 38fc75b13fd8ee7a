"""Help for an owner whose home page lies elsewhere: which links it needs, and whether they are there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from flask import Blueprint, render_template, request

from demo.owner.login import owner_only
from demo.services import services
from demo.site.links import site_links
from demo.site.properties import is_web_url
from flask_cimd import CIMDError
from flask_cimd.clients.html import UnreadablePageError, page_links
from flask_cimd.fetch.fetcher import Response as Fetched

blueprint = Blueprint("setup", __name__)

_LARGEST_PAGE = 1024 * 1024
_PAGES = ("text/html", "application/xhtml+xml")
_PURPOSES = {
    "indieauth-metadata": "Signing in",
    "authorization_endpoint": "Signing in with older apps",
    "token_endpoint": "Giving access to older apps",
    "micropub": "Posting",
}
#: Our words for what kept us from reading the page, by slug.
_TROUBLE = {
    "redirect": "It sends visitors on to another address. Give the address where they end.",
    "status": "It does not answer with status 200.",
    "media-type": "What it serves is no HTML page.",
    "content-coding": "It compresses its answer although it was asked not to.",
    "too-large": "It is larger than 1 MB.",
    "deadline": "It took too long to answer.",
    "name-not-found": "Its name leads nowhere.",
    "tls-failed": "Its certificate is not trusted.",
    "address-blocked": "Its name leads to a private or special address.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that was looked at; ``line`` is what to put into the page."""

    name: str
    outcome: Literal["holds", "broken", "remark"]
    text: str
    line: str = ""


@blueprint.get("/setup")
@owner_only
def show() -> str:
    """Show the links; nothing is fetched by following a link here."""
    return _page(_suggestion(), ())


@blueprint.post("/setup")
@owner_only
def check() -> str:
    """Fetch the owner's page once, under guard, and compare its links with this site's."""
    url = request.form.get("url", "").strip()
    return _page(url[:2048], tuple(_look_at(url)))


def _page(url: str, steps: tuple[Step, ...]) -> str:
    return render_template(
        "setup.html",
        links=site_links(),
        url=url,
        steps=steps,
        holds=all(step.outcome != "broken" for step in steps),
        me=services().identity.me,
    )


def _suggestion() -> str:
    """Return the first of the owner's addresses that is not on this site."""
    here = services()
    own = here.configuration.base_url + "/"
    return next((url for url in (here.identity.me, *here.identity.owner().urls) if not url.startswith(own)), "")


def _look_at(url: str) -> Iterator[Step]:
    if not is_web_url(url) or urlsplit(url).scheme != "https":
        yield Step(name="Address", outcome="broken", text="Give the whole https address of your page.")
        return
    try:
        fetched = _fetch(url)
        found = page_links(
            fetched.body,
            url=fetched.url,
            charset=fetched.charset,
            link_headers=fetched.link_headers,
            relations=site_links(),
        )
    except CIMDError as error:
        yield Step(name="Page", outcome="broken", text=_TROUBLE.get(error.slug, "It could not be read."))
        return
    except UnreadablePageError:
        yield Step(name="Page", outcome="broken", text="It cannot be read as HTML.")
        return
    yield Step(name="Page", outcome="holds", text="It could be read.")
    for relation, expected in site_links().items():
        yield _compare(relation, expected, found[relation])
    yield _compare_me(url)


def _fetch(url: str) -> Fetched:
    return services().cimd.fetch(
        url, accept=", ".join(_PAGES), max_size_for=lambda kind: _LARGEST_PAGE if kind in _PAGES else 0
    )


def _compare(relation: str, expected: str, found: tuple[str, ...]) -> Step:
    """Compare as apps do: the first link counts (IndieAuth §4.1)."""
    name, line = _PURPOSES[relation], f'<link rel="{relation}" href="{expected}">'
    if not found:
        is_extra = relation == "micropub"
        text = "There is no link; apps cannot post." if is_extra else "The link is missing."
        return Step(name=name, outcome="remark" if is_extra else "broken", text=text, line=line)
    if found[0] == expected:
        return Step(name=name, outcome="holds", text="The link leads here.")
    if expected in found:
        return Step(name=name, outcome="broken", text="Another link comes first, and apps follow that one.", line=line)
    return Step(name=name, outcome="broken", text="The link leads to another address than this site’s.", line=line)


def _compare_me(url: str) -> Step:
    here = services()
    if url == here.identity.me:
        return Step(name="Your address", outcome="holds", text="Apps will know you by this very address.")
    known = url in here.identity.owner().urls
    advice = "" if known else " Set DEMO_ME to this address, or list it in your profile."
    return Step(name="Your address", outcome="remark", text=f"Apps will know you as {here.identity.me}.{advice}")
