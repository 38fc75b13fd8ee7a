"""The owner's home page: who they are for people, and where to sign in for programs."""

from __future__ import annotations

from flask import Blueprint, Response, abort, make_response, render_template, request
from sqlalchemy import text

from demo.models import db
from demo.owner.login import is_logged_in
from demo.provider.wellknown import ENDPOINTS, METADATA_PATH
from demo.services import services
from demo.site import feed, micropub, posts
from demo.site.content import view

_MOST_DIGITS = 5

blueprint = Blueprint("home", __name__)


@blueprint.get("/")
def show() -> Response:
    """Show the profile with its discovery links, as elements and as headers (IndieAuth §4.1)."""
    here = services()
    base = here.configuration.base_url
    links = {
        "indieauth-metadata": base + METADATA_PATH,
        "authorization_endpoint": base + ENDPOINTS["authorization_endpoint"],
        "token_endpoint": base + ENDPOINTS["token_endpoint"],
        "micropub": base + micropub.PATH,
    }
    number = _page_number()
    shown, has_older = posts.published(number)
    if number > 1 and not shown:
        abort(404)
    page = render_template(
        "home.html",
        owner=here.configuration,
        links=links,
        is_owner=is_logged_in(),
        posts=[view(post) for post in shown],
        feed_url=base + feed.PATH,
        page=number,
        has_older=has_older,
    )
    answer = make_response(page)
    for relation, url in links.items():
        answer.headers.add("Link", f'<{url}>; rel="{relation}"')
    return answer


def _page_number() -> int:
    text = request.args.get("page", "1")
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS and int(text)):
        abort(404)
    return int(text)


@blueprint.get("/healthz")
def healthz() -> tuple[str, int]:
    """Say whether the site and its database answer."""
    db.session.execute(text("SELECT 1"))
    return "ok", 200
