"""A post at its permanent address, the owner's list of drafts, and what the owner can do without an app."""

from __future__ import annotations

from dataclasses import replace

from flask import Blueprint, abort, redirect, render_template, url_for
from werkzeug.wrappers import Response

from demo.owner.login import is_logged_in, owner_only
from demo.services import services
from demo.site import posts
from demo.site.content import view

blueprint = Blueprint("notes", __name__)


@blueprint.get("/notes/<slug>")
def show(slug: str) -> str:
    """Show one post; drafts to the owner alone."""
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
    """List what apps left for the owner to publish."""
    return render_template("drafts.html", posts=[view(post) for post in posts.drafts()], is_owner=True)


@blueprint.post("/notes/<slug>/publish")
@owner_only
def publish(slug: str) -> Response:
    """Show a draft to everybody from now on."""
    now = services().clock()
    return _changed(slug, lambda post: replace(post, is_draft=False, published_at=now) if post.is_draft else post)


@blueprint.post("/notes/<slug>/delete")
@owner_only
def delete(slug: str) -> Response:
    """Take a post away; apps with the scope ``undelete`` can bring it back."""
    now = services().clock()
    return _changed(slug, lambda post: replace(post, deleted_at=post.deleted_at or now))


def _changed(slug: str, edit: posts.Edit) -> Response:
    if posts.change(slug, edit) is None:
        abort(404)
    return redirect(url_for("home.show"), code=303)
