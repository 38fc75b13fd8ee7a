"""The form for the profile of the owner, which the home page and apps show."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from flask_cimd.clients import ImageError
from flask_cimd.core import NAME_LIMIT, safe_text
from flask_cimd.provider import translate
from flask_cimd_site import security
from flask_cimd_site.account.login import owner_only
from flask_cimd_site.identity import Owner
from flask_cimd_site.services import services
from flask_cimd_site.site import media, profiles
from flask_cimd_site.site.properties import PropertyError, is_web_url

blueprint = Blueprint("card", __name__)

_NOTE_LIMIT = 500
_MOST_LINES = 20
_ENVELOPE = 64 * 1024


@blueprint.get("/profile")
@owner_only
def show() -> str:
    """Show the form."""
    return _form(services().identity.owner())


@blueprint.post("/profile")
@owner_only
def save() -> Response | tuple[str, int]:
    """Save the form with its photo, or show what is wrong and save nothing."""
    security.protect_upload(media.LARGEST_FILE + _ENVELOPE)
    here = services()
    known = here.identity.owner()
    try:
        owner = _read(known)
        upload = request.files.get("photo")
        image = media.read_upload(upload) if upload and upload.filename else None
    except _FieldError as error:
        return _form(_as_typed(known), problem=str(error), problem_field=error.field), 400
    except ImageError as error:
        return _form(_as_typed(known), problem=translate(error.args[0]), problem_field="photo"), 400
    profiles.save(owner, image, here.clock())
    flash(_("Your profile is saved."))
    return redirect(url_for("home.show"), code=303)


class _FieldError(PropertyError):
    """One field of the form cannot be saved."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


def _form(owner: Owner, *, problem: str | None = None, problem_field: str = "") -> str:
    return render_template(
        "profile.html", person=owner, me=services().identity.me, problem=problem, problem_field=problem_field
    )


def _read(known: Owner) -> Owner:
    name = safe_text(request.form.get("name", ""), NAME_LIMIT)
    if not name:
        raise _FieldError("name", _("Enter a name."))
    return Owner(
        name=name,
        note=safe_text(request.form.get("note", ""), _NOTE_LIMIT),
        photo=None if "without_photo" in request.form else known.photo,
        links=_urls("links"),
        urls=_urls("urls"),
    )


def _as_typed(known: Owner) -> Owner:
    fields = {field: request.form.get(field, "") for field in ("name", "note", "links", "urls")}
    return Owner(
        name=fields["name"][:NAME_LIMIT],
        note=fields["note"][:_NOTE_LIMIT],
        photo=known.photo,
        links=tuple(fields["links"].split()[:_MOST_LINES]),
        urls=tuple(fields["urls"].split()[:_MOST_LINES]),
    )


def _urls(field: str) -> tuple[str, ...]:
    urls = tuple(dict.fromkeys(request.form.get(field, "").split()))
    if len(urls) > _MOST_LINES:
        raise _FieldError(field, _("Enter at most %(number)s addresses.", number=_MOST_LINES))
    if not all(is_web_url(url) for url in urls):
        raise _FieldError(field, _("Write each address in full, starting with https:// or http://."))
    return urls
