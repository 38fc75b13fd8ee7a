"""The page of a post, the list of drafts, and the owner's buttons that publish and delete posts."""

from __future__ import annotations

from dataclasses import replace

from flask import Blueprint, abort, redirect, render_template, url_for
from werkzeug.wrappers import Response

from demo.account.login import is_logged_in, owner_only
from demo.services import services
from demo.site import posts
from demo.site.content import view

blueprint = Blueprint("notes", __name__)


@blueprint.get("/notes/<slug>")
def show(slug: str) -> str:
    """Show one post; a draft only to the owner."""
    post = posts.find(slug)
    if post is None or (post.is_draft and not is_logged_in()):
        abort(404)
    if post.deleted_at is not None:
        abort(410)
    identity = services().identity
    return render_template(
        "note.html",
        post=view(post),
        person=identity.owner(),
        me=identity.me,
        is_permalink=True,
        is_owner=is_logged_in(),
    )


@blueprint.get("/drafts")
@owner_only
def show_drafts() -> str:
    """List the drafts."""
    return render_template("drafts.html", posts=[view(post) for post in posts.drafts()], is_owner=True)


@blueprint.post("/notes/<slug>/publish")
@owner_only
def publish(slug: str) -> Response:
    """Publish a draft."""
    now = services().clock()
    return _changed(slug, lambda post: replace(post, is_draft=False, published_at=now) if post.is_draft else post)


@blueprint.post("/notes/<slug>/delete")
@owner_only
def delete(slug: str) -> Response:
    """Delete a post; apps with the scope ``undelete`` can undelete it."""
    now = services().clock()
    return _changed(slug, lambda post: replace(post, deleted_at=post.deleted_at or now))


def _changed(slug: str, edit: posts.Edit) -> Response:
    if posts.change(slug, edit) is None:
        abort(404)
    return redirect(url_for("home.show"), code=303)
