"""The home page: the profile of the owner, their posts, and the discovery links of the site."""

from __future__ import annotations

from flask import Blueprint, Response, abort, make_response, render_template, url_for

from flask_cimd_site.account.login import is_logged_in
from flask_cimd_site.services import services
from flask_cimd_site.site import feed, posts
from flask_cimd_site.site.content import view
from flask_cimd_site.site.dates import ago
from flask_cimd_site.site.links import site_links
from flask_cimd_site.site.numbers import page_number

blueprint = Blueprint("home", __name__)
blueprint.add_app_template_filter(ago)


@blueprint.get("/")
def show() -> Response:
    """Show the page with its discovery links, as elements and as headers (IndieAuth §4.1)."""
    here = services()
    links = site_links()
    number = page_number()
    shown, has_older = posts.published(number)
    if number > 1 and not shown:
        abort(404)
    person = here.identity.owner()
    page = render_template(
        "home.html",
        person=person,
        me=here.identity.me,
        is_their_home=here.identity.me.startswith(here.configuration.base_url + "/"),
        links=links,
        is_owner=is_logged_in(),
        posts=[view(post) for post in shown],
        home_url=here.configuration.base_url + "/",
        photo_url=here.identity.photo_url(person),
        touch_icon_url=here.configuration.base_url + url_for("icon.show"),
        feed_url=here.configuration.base_url + feed.PATH,
        page=number,
        has_older=has_older,
    )
    answer = make_response(page)
    for relation, url in links.items():
        answer.headers.add("Link", f'<{url}>; rel="{relation}"')
    return answer
