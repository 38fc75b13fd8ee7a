"""Help for an owner whose home page is on another server: the links that it needs, and a check of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from flask import Blueprint, render_template, request
from flask_babel import gettext
from flask_babel import lazy_gettext as _

from flask_cimd import CIMDError
from flask_cimd.clients import Response as Fetched
from flask_cimd.clients import UnreadablePageError, page_links
from flask_cimd_site.account.login import owner_only
from flask_cimd_site.services import services
from flask_cimd_site.site.links import site_links
from flask_cimd_site.site.properties import is_web_url

blueprint = Blueprint("setup", __name__)

_LARGEST_PAGE = 1024 * 1024
_PAGES = ("text/html", "application/xhtml+xml")
_PURPOSES = {
    "indieauth-metadata": _("Sign-in"),
    "authorization_endpoint": _("Sign-in with older apps"),
    "token_endpoint": _("Access for older apps"),
    "micropub": _("Posts"),
}
#: Sentences for the owner when the page cannot be fetched, by the slug of the error.
_FETCH_ERRORS = {
    "redirect": _("It redirects to another address. Enter the address that it redirects to."),
    "status": _("It does not answer with HTTP status 200."),
    "media-type": _("It is not an HTML page."),
    "content-coding": _("The server compresses the page although the request does not allow it."),
    "too-large": _("It is larger than 1 MiB."),
    "deadline": _("The server took too long to answer."),
    "name-not-found": _("The host name does not exist in DNS."),
    "tls-failed": _("The certificate of the server is not trusted."),
    "address-blocked": _("The host name resolves to a private or special address."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Result of one check; ``line`` is the HTML to add to the page."""

    name: str
    outcome: Literal["holds", "broken", "remark"]
    text: str
    line: str = ""


@blueprint.get("/setup")
@owner_only
def show() -> str:
    """Show the links; a GET request fetches nothing."""
    return _page(_suggestion(), ())


@blueprint.post("/setup")
@owner_only
def check() -> str:
    """Fetch the page once, with the guarded fetcher, and compare its links with those of this site."""
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
    """Return the first address of the owner that is not on this site."""
    here = services()
    own = here.configuration.base_url + "/"
    return next((url for url in (here.identity.me, *here.identity.owner().urls) if not url.startswith(own)), "")


def _look_at(url: str) -> Iterator[Step]:
    if not is_web_url(url) or urlsplit(url).scheme != "https":
        yield Step(
            name=gettext("Address"),
            outcome="broken",
            text=gettext("Enter the full https address of your page, without a user name."),
        )
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
        yield Step(
            name=gettext("Page"), outcome="broken", text=_FETCH_ERRORS.get(error.slug, gettext("It cannot be fetched."))
        )
        return
    except UnreadablePageError:
        yield Step(name=gettext("Page"), outcome="broken", text=gettext("It cannot be parsed as HTML."))
        return
    yield Step(name=gettext("Page"), outcome="holds", text=gettext("It was fetched."))
    for relation, expected in site_links().items():
        yield _compare(relation, expected, found[relation])
    yield _compare_me(url)


def _fetch(url: str) -> Fetched:
    return services().cimd.fetch(
        url, accept=", ".join(_PAGES), max_size_for=lambda kind: _LARGEST_PAGE if kind in _PAGES else 0
    )


def _compare(relation: str, expected: str, found: tuple[str, ...]) -> Step:
    """Compare as apps do: the first link of a relation counts (IndieAuth §4.1)."""
    name, line = _PURPOSES[relation], f'<link rel="{relation}" href="{expected}">'
    if not found:
        is_extra = relation == "micropub"
        text = gettext("The link is missing, so apps cannot post.") if is_extra else gettext("The link is missing.")
        return Step(name=name, outcome="remark" if is_extra else "broken", text=text, line=line)
    if found[0] == expected:
        return Step(name=name, outcome="holds", text=gettext("The link points to this site."))
    if expected in found:
        return Step(
            name=name, outcome="broken", text=gettext("Another link comes first, and apps use that one."), line=line
        )
    return Step(name=name, outcome="broken", text=gettext("The link points to another address."), line=line)


def _compare_me(url: str) -> Step:
    here = services()
    if url == here.identity.me:
        return Step(name=gettext("Your address"), outcome="holds", text=gettext("Apps know you by this address."))
    known = url in here.identity.owner().urls
    if known:
        text = gettext("Apps know you as %(me)s.", me=here.identity.me)
    else:
        text = gettext(
            "Apps know you as %(me)s. Set DEMO_ME to this address, or list it in your profile.", me=here.identity.me
        )
    return Step(name=gettext("Your address"), outcome="remark", text=text)
