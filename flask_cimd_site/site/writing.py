"""The owner's editor: new posts and changes, with photos, as forms without JavaScript."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.datastructures import FileStorage
from werkzeug.wrappers import Response

from flask_cimd.clients import ImageError
from flask_cimd.provider import translate
from flask_cimd_site import security
from flask_cimd_site.account.login import owner_only
from flask_cimd_site.services import services
from flask_cimd_site.site import media, posts
from flask_cimd_site.site import properties as mf2
from flask_cimd_site.site.content import Photo, photos_of
from flask_cimd_site.site.markdown import as_html
from flask_cimd_site.site.media import StoredImage
from flask_cimd_site.site.posts import Post
from flask_cimd_site.site.properties import Properties, PropertyError, Value, first_text

blueprint = Blueprint("writing", __name__)

#: New photos of one form.
NEW_PHOTOS = 3
_ENVELOPE = 1024 * 1024
_LONGEST_TITLE = 200
_LONGEST_TEXT = 50_000
_LONGEST_ALT = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """The fields of the form.

    Attributes:
        is_html: the text is HTML that an app wrote.
        version: the version of the post that the form was made from.
        alts: descriptions of the photos that the post has, in their order.
        removed: positions of those that are taken away.
    """

    name: str = ""
    text: str = ""
    is_html: bool = False
    version: int = 0
    alts: tuple[str, ...] = ()
    removed: frozenset[int] = frozenset()

    @classmethod
    def of(cls, post: Post) -> Typed:
        """Return the fields for a post as it is."""
        contents = post.properties.get("content", ())
        content = contents[0] if contents else ""
        is_html = post.markdown is None and isinstance(content, dict)
        text = post.markdown if post.markdown is not None else first_text_or_html(content)
        alts = tuple(photo.alt for photo in photos_of(post))
        name = first_text(post.properties, "name")
        return cls(name=name, text=text, is_html=is_html, version=post.version, alts=alts)

    @classmethod
    def read(cls, form: Mapping[str, str], photos: int) -> Typed:
        """Read the form of a post that has so many photos."""
        version = form.get("version", "")
        return cls(
            name=" ".join(mf2.clean_block(form.get("name", "")).split()),
            text=mf2.clean_block(form.get("text", "")),
            is_html=form.get("format") == "html",
            version=int(version) if version.isascii() and version.isdigit() and len(version) < 10 else -1,
            alts=tuple(form.get(f"alt-{number}", "") for number in range(photos)),
            removed=frozenset(number for number in range(photos) if f"remove-{number}" in form),
        )


def first_text_or_html(content: Value) -> str:
    """Return content as the text that an editor shows."""
    return content if isinstance(content, str) else content.get("html", "")


@blueprint.get("/write")
@owner_only
def show_new() -> str:
    """Show an empty form."""
    return _form(Typed())


@blueprint.post("/write")
@owner_only
def create() -> Response | tuple[str, int]:
    """Store a new post, or show what is wrong and store nothing."""
    security.protect_upload(media.LARGEST_REQUEST + _ENVELOPE)
    typed = Typed.read(request.form, 0)
    try:
        images, added = _uploads()
        properties = _properties({}, typed, added)
    except (PropertyError, ImageError) as error:
        return _form(typed, problem=translate(error.args[0])), 400
    now = services().clock()
    post = posts.add(
        properties,
        is_draft="draft" in request.form,
        published_at=now,
        slug=None,
        images=images,
        now=now,
        markdown=typed.text or None,
    )
    flash(_("Saved as a draft.") if post.is_draft else _("Published."))
    return redirect(url_for("notes.show", slug=post.slug), code=303)


@blueprint.get("/notes/<slug>/edit")
@owner_only
def show_edit(slug: str) -> str:
    """Show the form of a post."""
    post = _existing(slug)
    return _form(Typed.of(post), post)


@blueprint.post("/notes/<slug>/edit")
@owner_only
def edit(slug: str) -> Response | tuple[str, int]:
    """Change a post, or show what is wrong and change nothing."""
    security.protect_upload(media.LARGEST_REQUEST + _ENVELOPE)
    post = _existing(slug)
    typed = Typed.read(request.form, len(post.properties.get("photo", ())))
    try:
        images, added = _uploads()
        properties = _properties(post.properties, typed, added)
    except (PropertyError, ImageError) as error:
        return _form(typed, post, problem=translate(error.args[0])), 400
    now, markdown = services().clock(), None if typed.is_html else typed.text or None

    def changed(newest: Post) -> Post:
        if newest.version != typed.version or newest.deleted_at is not None:
            raise _ChangedMeanwhile
        return replace(newest, properties=properties, markdown=markdown, updated_at=now)

    try:
        posts.change(slug, changed, images=images, now=now)
    except _ChangedMeanwhile:
        newest = _existing(slug)
        problem = _("This note was changed meanwhile, in another window or by an app. Save again to replace that.")
        return _form(replace(typed, version=newest.version, alts=(), removed=frozenset()), newest, problem=problem), 409
    flash(_("Saved."))
    return redirect(url_for("notes.show", slug=slug), code=303)


class _ChangedMeanwhile(Exception):  # noqa: N818  no error of the program
    """The post has another version than the one that the form was made from."""


def _existing(slug: str) -> Post:
    post = posts.find(slug)
    if post is None:
        abort(404)
    if post.deleted_at is not None:
        abort(410)
    return post


def _form(typed: Typed, post: Post | None = None, problem: str | None = None) -> str:
    photos: list[Photo] = photos_of(post) if post else []
    alts = typed.alts or tuple(photo.alt for photo in photos)
    return render_template(
        "write.html",
        typed=typed,
        post=post,
        photos=list(zip(photos, alts, strict=False)),
        new_photos=range(1, NEW_PHOTOS + 1),
        problem=problem,
        longest_title=_LONGEST_TITLE,
        longest_text=_LONGEST_TEXT,
        longest_alt=_LONGEST_ALT,
    )


def _uploads() -> tuple[list[StoredImage], list[Value]]:
    """Return the uploaded images, and the values of ``photo`` for them.

    Raises:
        ImageError: a file is no image.
        PropertyError: a description is too long.
    """
    images, described = [], []
    for number in range(1, NEW_PHOTOS + 1):
        upload: FileStorage | None = request.files.get(f"photo-{number}")
        if upload and upload.filename:
            stored = media.read_upload(upload)
            images.append(stored)
            described.append(_photo(stored.url, request.form.get(f"new-alt-{number}", "")))
    return images, described


def _photo(url: str, alt: str) -> Value:
    if len(alt) > _LONGEST_ALT:
        raise PropertyError(_("The description of a photo is longer than %(most)d characters.", most=_LONGEST_ALT))
    (value,) = mf2.read("photo", [{"value": url, "alt": alt}])
    return value


def _properties(known: Properties, typed: Typed, added: list[Value]) -> Properties:
    """Return the properties with what was typed; those that the form does not show stay.

    Raises:
        PropertyError: something is too long, or the post would be empty.
    """
    if len(typed.name) > _LONGEST_TITLE:
        raise PropertyError(_("The title is longer than %(most)d characters.", most=_LONGEST_TITLE))
    if len(typed.text) > _LONGEST_TEXT and not typed.is_html:
        raise PropertyError(_("The text is longer than %(most)d characters.", most=_LONGEST_TEXT))
    html = typed.text if typed.is_html else as_html(typed.text)
    kept = [
        _photo(mf2.first_text({"photo": [value]}, "photo"), alt)
        for number, (value, alt) in enumerate(zip(known.get("photo", ()), typed.alts, strict=True))
        if number not in typed.removed
    ]
    shown: Mapping[str, list[object]] = {"name": [typed.name], "content": [{"html": html}]}
    written = mf2.read_known(shown)
    photos: Properties = {"photo": [*kept, *added]} if kept or added else {}
    rest = {name: values for name, values in known.items() if name not in ("name", "content", "photo")}
    properties = {**rest, **written, **photos}
    if not properties:
        raise PropertyError(_("Write something, or add a photo."))
    mf2.require_substance(properties)
    return properties
