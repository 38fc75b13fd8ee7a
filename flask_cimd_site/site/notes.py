"""The page of a post, the owner's list of notes, and the buttons that publish, delete and undelete them."""

from __future__ import annotations

from dataclasses import replace

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from flask_cimd_site.account.login import is_logged_in, owner_only
from flask_cimd_site.services import services
from flask_cimd_site.site import posts
from flask_cimd_site.site.content import listed, view
from flask_cimd_site.site.numbers import page_number
from flask_cimd_site.site.properties import PropertyError

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
    person = identity.owner()
    return render_template(
        "note.html",
        post=view(post),
        person=person,
        photo_url=identity.photo_url(person),
        me=identity.me,
        is_permalink=True,
        is_owner=is_logged_in(),
    )


@blueprint.get("/notes")
@owner_only
def index() -> str:
    """List drafts, published notes, and those that were deleted; the query's ``deleted`` names the last one."""
    number = page_number()
    shown, has_older = posts.published(number)
    last = posts.find(request.args.get("deleted", ""))
    return render_template(
        "notes.html",
        drafts=[listed(post) for post in posts.drafts()],
        posts=[listed(post) for post in shown],
        deleted=[listed(post) for post in posts.deleted()],
        undoable=listed(last) if last and last.deleted_at and last.properties else None,
        page=number,
        has_older=has_older,
    )


@blueprint.post("/notes/<slug>/publish")
@owner_only
def publish(slug: str) -> Response:
    """Publish a draft."""
    now = services().clock()
    _change(slug, lambda post: replace(post, is_draft=False, published_at=now) if post.is_draft else post)
    flash(_("Published."))
    return redirect(url_for("notes.show", slug=slug), code=303)


@blueprint.post("/notes/<slug>/delete")
@owner_only
def delete(slug: str) -> Response:
    """Delete a post; for 30 days, the owner and apps with the scope ``undelete`` can undelete it."""
    now = services().clock()
    _change(slug, lambda post: replace(post, deleted_at=post.deleted_at or now))
    return redirect(url_for("notes.index", deleted=slug), code=303)


@blueprint.post("/notes/<slug>/undelete")
@owner_only
def undelete(slug: str) -> Response:
    """Bring a deleted post back, as it was."""
    try:
        _change(slug, posts.undeleted)
    except PropertyError:
        abort(410)
    flash(_("The note is back."))
    return redirect(url_for("notes.show", slug=slug), code=303)


def _change(slug: str, edit: posts.Edit) -> None:
    if posts.change(slug, edit) is None:
        abort(404)
