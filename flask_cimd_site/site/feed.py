"""The Atom feed of the posts (RFC 4287)."""

from __future__ import annotations

from datetime import datetime

from flask import Blueprint, render_template, request, url_for
from lxml import etree
from lxml.builder import ElementMaker
from werkzeug.wrappers import Response

from flask_cimd_site.services import services
from flask_cimd_site.site import posts
from flask_cimd_site.site.content import PostView, view

PATH = "/feed.atom"
_ATOM = ElementMaker(namespace="http://www.w3.org/2005/Atom", nsmap={None: "http://www.w3.org/2005/Atom"})

blueprint = Blueprint("feed", __name__)


@blueprint.get(PATH)
def show() -> Response:
    """Serve the newest posts."""
    here = services()
    home = here.configuration.base_url + "/"
    person = here.identity.owner()
    shown = [view(post) for post in posts.published()[0]]
    newest = posts.last_change()
    feed = _ATOM.feed(
        _ATOM.title(person.name),
        _ATOM.id(home),
        _ATOM.link(rel="self", href=here.configuration.base_url + url_for("feed.show")),
        _ATOM.link(rel="alternate", href=home),
        _ATOM.updated(_stamp(newest or datetime.fromtimestamp(0, here.clock().tzinfo))),
        _ATOM.author(_ATOM.name(person.name), _ATOM.uri(here.identity.me)),
        *(_entry(post) for post in shown),
    )
    body = etree.tostring(feed, xml_declaration=True, encoding="utf-8")
    answer = Response(body, content_type="application/atom+xml; charset=utf-8")
    answer.headers["Cache-Control"] = "public, max-age=300"
    answer.add_etag()
    return answer.make_conditional(request)


def _entry(post: PostView) -> etree._Element:
    entry = _ATOM.entry(
        _ATOM.title(post.title),
        _ATOM.id(post.url),
        _ATOM.link(rel="alternate", href=post.url),
        _ATOM.published(_stamp(post.published)),
        _ATOM.updated(_stamp(post.updated or post.published)),
        # The content is HTML as text: lxml escapes it, and readers parse it.
        _ATOM.content(render_template("_post_body.html", post=post), type="html"),
        *(_ATOM.category(term=word) for word in post.categories),
    )
    if post.summary:
        entry.append(_ATOM.summary(post.summary))
    return entry


def _stamp(instant: datetime) -> str:
    return instant.isoformat(timespec="seconds")
