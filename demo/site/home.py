"""The owner's home page: who they are for people, and where to sign in for programs."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, render_template
from sqlalchemy import text

from demo.models import db
from demo.owner.login import is_logged_in
from demo.provider.wellknown import ENDPOINTS, METADATA_PATH
from demo.services import services

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
    }
    page = render_template("home.html", owner=here.configuration, links=links, is_owner=is_logged_in())
    answer = make_response(page)
    for relation, url in links.items():
        answer.headers.add("Link", f'<{url}>; rel="{relation}"')
    return answer


@blueprint.get("/healthz")
def healthz() -> tuple[str, int]:
    """Say whether the site and its database answer."""
    db.session.execute(text("SELECT 1"))
    return "ok", 200
