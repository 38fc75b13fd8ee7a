"""A post at its permanent address, and the owner's list of drafts."""

from __future__ import annotations

from flask import Blueprint, abort, render_template

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
    return render_template("note.html", post=view(post), person=identity.owner(), me=identity.me, is_permalink=True)


@blueprint.get("/drafts")
@owner_only
def show_drafts() -> str:
    """List what apps left for the owner to publish."""
    return render_template("drafts.html", posts=[view(post) for post in posts.drafts()])
