"""The Micropub endpoint: apps with a token create, update, delete and undelete posts (W3C Micropub)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from flask import Blueprint, Response, jsonify, request
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import RequestEntityTooLarge

from flask_cimd.clients import ImageError
from flask_cimd.core import StrictJSONError, read_object
from flask_cimd.oauth import TokenRefused, current_access
from flask_cimd.provider import allow_any_origin, preflight
from flask_cimd_site.models import db
from flask_cimd_site.provider.protection import posting
from flask_cimd_site.services import services
from flask_cimd_site.site import commands, media, posts
from flask_cimd_site.site import properties as mf2
from flask_cimd_site.site.commands import Command, Create, Delete, Undelete, Update
from flask_cimd_site.site.content import permalink
from flask_cimd_site.site.posts import Post
from flask_cimd_site.site.properties import Properties, PropertyError, Value, first_text

PATH, MEDIA_PATH = "/micropub", "/media"
MACHINE_PATHS = frozenset({PATH, MEDIA_PATH})
#: Bytes of a request without files.
_LARGEST_TEXT = 512 * 1024
#: Bytes of a multipart request besides its files.
_ENVELOPE = 64 * 1024
_DELETED = "The post is deleted; undelete it first."

blueprint = Blueprint("micropub", __name__)
blueprint.after_request(allow_any_origin)
for _name, _path in (("preflight", PATH), ("media_preflight", MEDIA_PATH)):
    blueprint.add_url_rule(_path, _name, preflight, methods=["OPTIONS"])


@blueprint.before_request
def bound() -> None:
    """Bound the body before the token is read, because the token may be in a form."""
    if request.mimetype == "multipart/form-data":
        files = media.LARGEST_REQUEST if request.path == PATH else media.LARGEST_FILE
        request.max_content_length = files + _ENVELOPE
        return
    request.max_content_length = _LARGEST_TEXT
    # Without Content-Length, Werkzeug truncates a body that is too long; a truncated body must not become a post.
    if request.content_length is None and len(request.get_data()) >= _LARGEST_TEXT:
        raise RequestEntityTooLarge


@blueprint.get(PATH)
@posting()
def query() -> Response:
    """Answer a query of an app (Micropub §3.7)."""
    match request.args.get("q"):
        case None | "config":  # apps send no q to see whether their token is valid
            return jsonify(_configuration())
        case "syndicate-to":
            return jsonify({"syndicate-to": []})
        case "source":
            return _source()
    raise PropertyError("q must be config, source or syndicate-to.")


@blueprint.post(PATH)
@posting()
def act() -> Response:
    """Create, update, delete or undelete a post."""
    command = _read_command()
    match command:
        case Create():
            return _create(command)
        case Update():
            posting.require(current_access, "update")
            _change(command.url, lambda post: _updated(post, command, services().clock()))
        case Delete():
            posting.require(current_access, "delete")
            _change(command.url, lambda post: replace(post, deleted_at=post.deleted_at or services().clock()))
        case Undelete():
            posting.require(current_access, "undelete")
            _change(command.url, posts.undeleted)
    return Response(status=204)


@blueprint.post(MEDIA_PATH)
@posting("media")
def upload() -> Response:
    """Store one image and answer with its URL (Micropub §3.6)."""
    uploads = request.files.getlist("file")
    if len(uploads) != 1 or len(request.files) != 1:
        raise PropertyError("Send one file, in a part named file.")
    stored = media.read_upload(uploads[0])
    with db.engine.begin() as connection:
        media.add(connection, stored, services().clock())
    return Response(status=201, headers={"Location": stored.url})


MACHINE_VIEWS = (act, upload)


@blueprint.errorhandler(PropertyError)
@blueprint.errorhandler(ImageError)
@blueprint.errorhandler(StrictJSONError)
def _explain(error: ValueError) -> tuple[Response, int]:
    description = error.message if isinstance(error, StrictJSONError) else str(error)
    return jsonify(error="invalid_request", error_description=description), 400


def _read_command() -> Command:
    if request.is_json:
        return commands.from_json(read_object(request.get_data()))
    if request.mimetype in ("application/x-www-form-urlencoded", "multipart/form-data"):
        return commands.from_form(request.form.to_dict(flat=False))
    raise PropertyError("Send a form or JSON.")


def _create(command: Create) -> Response:
    may_publish = _may("create")
    if not _may("draft"):
        posting.require(current_access, "create")
    images = [media.read_upload(file) for file in _uploads()]
    properties = mf2.merged(command.properties, {"photo": _described([i.url for i in images], command.photo_alts)})
    mf2.require_substance(properties)
    now = services().clock()
    post = posts.add(
        properties,
        # A token with the scope draft only never publishes, whatever the app asks for.
        is_draft=command.is_draft or not may_publish,
        published_at=command.published or now,
        slug=command.slug,
        images=images,
        now=now,
    )
    return Response(status=201, headers={"Location": permalink(post.slug)})


def _may(scope: str) -> bool:
    """Return whether the token has a scope, itself or implied by another."""
    try:
        posting.require(current_access, scope)
    except TokenRefused:
        return False
    return True


def _uploads() -> list[FileStorage]:
    files = [file for _, file in request.files.items(multi=True) if file.filename]
    if len(files) > media.MOST_FILES or {name.removesuffix("[]") for name in request.files} - {"photo"}:
        raise PropertyError(f"A post can have up to {media.MOST_FILES} files, each in a part named photo.")
    return files


def _described(urls: list[str], alts: tuple[str, ...]) -> list[Value]:
    padded = [*alts, *[""] * len(urls)]
    return mf2.read("photo", [{"value": url, "alt": alt} for url, alt in zip(urls, padded, strict=False)])


def _find(url: str) -> Post:
    """Return the post at a URL, also if it is deleted; the URL must be exactly that of the post."""
    slug = url.rpartition("/")[2]
    post = posts.find(slug) if url == permalink(slug) else None
    if post is None:
        raise PropertyError("There is no post at this url.")
    return post


def _change(url: str, edit: posts.Edit) -> None:
    posts.change(_find(url).slug, edit)


def _updated(post: Post, command: Update, now: datetime) -> Post:
    if post.deleted_at is not None:
        raise PropertyError(_DELETED)
    properties = _applied(_with_settings(post), command)
    status, published = first_text(properties, "post-status"), first_text(properties, "published")
    is_draft = status == "draft" if status else post.is_draft
    is_published = post.is_draft and not is_draft
    if is_published:
        # Publishing a draft needs more than the right to update posts.
        posting.require(current_access, "create")
    kept = {name: values for name, values in properties.items() if values and name not in mf2.APART}
    mf2.require_substance(kept)
    is_dated = bool(published) and "published" in (*command.replace, *command.add)
    at = mf2.parse_instant(published) if is_dated else now if is_published else post.published_at
    return replace(post, properties=kept, is_draft=is_draft, published_at=at, updated_at=now)


def _applied(properties: Properties, command: Update) -> Properties:
    """Return the properties after the changes; properties with columns of their own have one value."""
    result = {**properties, **command.replace}
    result = mf2.merged(result, {name: values for name, values in command.add.items() if name not in mf2.APART})
    result |= {name: values for name, values in command.add.items() if name in mf2.APART}
    for name in command.remove:
        result.pop(name, None)
    for name, values in command.remove_values.items():
        result = mf2.without(result, name, values)
    return result


def _with_settings(post: Post) -> Properties:
    """Return the properties as apps see them, with ``published`` and ``post-status``."""
    return {
        **post.properties,
        "published": [post.published_at.isoformat(timespec="seconds")],
        "post-status": ["draft" if post.is_draft else "published"],
    }


def _configuration() -> dict[str, object]:
    return {
        "media-endpoint": services().configuration.base_url + MEDIA_PATH,
        "syndicate-to": [],
        "q": ["config", "source", "syndicate-to"],
        "post-types": [
            {"type": "note", "name": "Note"},
            {"type": "article", "name": "Article"},
            {"type": "photo", "name": "Photo"},
            {"type": "reply", "name": "Reply"},
            {"type": "like", "name": "Like"},
            {"type": "repost", "name": "Repost"},
            {"type": "bookmark", "name": "Bookmark"},
        ],
    }


def _source() -> Response:
    """Answer with a post as its app sent it, or with the newest posts if no ``url`` is given.

    Every app that can post may read published posts; drafts need the scope ``update``.
    """
    reads_drafts = _may("update")
    if not reads_drafts and not _may("draft"):
        posting.require(current_access, "update")
    url = request.args.get("url")
    if url is None:
        newest = posts.editable() if reads_drafts else posts.published()[0]
        return jsonify(items=[_as_item(post) for post in newest])
    post = _find(url)
    if post.deleted_at is not None:
        raise PropertyError(_DELETED)
    if post.is_draft:
        posting.require(current_access, "update")
    wanted = request.args.getlist("properties[]") or request.args.getlist("properties")
    properties = _with_settings(post)
    if not wanted:
        return jsonify(type=["h-entry"], properties=properties)
    return jsonify(properties={name: properties[name] for name in wanted if name in properties})


def _as_item(post: Post) -> dict[str, object]:
    return {"type": ["h-entry"], "properties": _with_settings(post) | {"url": [permalink(post.slug)]}}
