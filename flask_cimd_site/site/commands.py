"""Parsing of Micropub requests, in form and in JSON syntax (Micropub §3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flask_cimd_site.site import properties as mf2
from flask_cimd_site.site.properties import Properties, PropertyError, first_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Create:
    """A new post.

    Attributes:
        slug: the slug that the app suggests, or ``None``.
        photo_alts: alternative texts of the uploaded photos, in their order.
    """

    properties: Properties
    is_draft: bool
    published: datetime | None
    slug: str | None
    photo_alts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """Changes to a post, applied in the order replace, add, delete."""

    url: str
    replace: Properties = field(default_factory=dict)
    add: Properties = field(default_factory=dict)
    remove: tuple[str, ...] = ()
    remove_values: Mapping[str, list[Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """Deletion of a post."""

    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Undelete:
    """Undeletion of a post."""

    url: str


Command = Create | Update | Delete | Undelete


def from_form(form: Mapping[str, list[str]]) -> Command:
    """Parse a form; names may end in ``[]``, names that begin with ``mp-`` are for the server (Micropub §3.3.1).

    Raises:
        PropertyError: the request is invalid.
    """
    members: dict[str, list[Any]] = {}
    for name, values in form.items():
        members.setdefault(name.removesuffix("[]"), []).extend(values)
    if action := _only(members, "action"):
        if action == "update":
            raise PropertyError("An update must be sent as JSON.")
        return _on_existing(action, _only(members, "url"))
    kind = _only(members, "h") or "entry"
    # Forms cannot nest; apps use this name for content in HTML.
    if html := members.pop("content[html]", None):
        members["content"] = [{"html": text} for text in html]
    return _create(f"h-{kind}", members, members)


def from_json(body: Mapping[str, Any]) -> Command:
    """Parse a JSON object (Micropub §3.3.2, §3.4).

    Raises:
        PropertyError: the request is invalid.
    """
    if "action" in body:
        url = body.get("url")
        return _update(url, body) if body["action"] == "update" else _on_existing(body["action"], url)
    kinds = body.get("type")
    if not isinstance(kinds, list) or len(kinds) != 1 or not isinstance(kinds[0], str):
        raise PropertyError('type must be an array with one value, such as ["h-entry"].')
    properties = body.get("properties")
    if not isinstance(properties, dict):
        raise PropertyError("properties must be an object.")
    return _create(kinds[0], properties, {**body, **properties})


def _create(kind: str, properties: Mapping[str, Any], parameters: Mapping[str, Any]) -> Create:
    if kind != "h-entry":
        raise PropertyError("This site has posts of the type h-entry only.")
    known = mf2.read_known(properties)
    alts = parameters.get("mp-photo-alt") or ()
    published = first_text(known, "published")
    return Create(
        properties={name: values for name, values in known.items() if name not in mf2.APART},
        is_draft=first_text(known, "post-status") == "draft",
        published=mf2.parse_instant(published) if published else None,
        slug=_only(parameters, "mp-slug"),
        photo_alts=tuple(alt for alt in alts if isinstance(alt, str)) if isinstance(alts, list) else (),
    )


def _on_existing(action: Any, url: Any) -> Command:
    kinds: dict[Any, type[Delete] | type[Undelete]] = {"delete": Delete, "undelete": Undelete}
    kind = kinds.get(action) if isinstance(action, str) else None
    if kind is None:
        raise PropertyError("action must be update, delete or undelete.")
    return kind(url=_target(url))


def _target(url: Any) -> str:
    if not isinstance(url, str) or not url:
        raise PropertyError("url must be the address of the post.")
    return url


def _update(url: Any, body: Mapping[str, Any]) -> Update:
    replace, add, remove = (body.get(name) for name in ("replace", "add", "delete"))
    if replace is None and add is None and remove is None:
        raise PropertyError("An update needs replace, add or delete.")
    names, values = _removals(remove)
    return Update(
        url=_target(url),
        replace=_changes("replace", replace),
        add=_changes("add", add),
        remove=names,
        remove_values=values,
    )


def _changes(what: str, members: Any) -> Properties:
    """Unlike in a new post, a replaced property may have no values, which removes it."""
    if members is None:
        return {}
    if not isinstance(members, dict):
        raise PropertyError(f"{what} must be an object.")
    return {name: mf2.read(name, values) for name, values in members.items() if name in mf2.KNOWN}


def _removals(remove: Any) -> tuple[tuple[str, ...], Mapping[str, list[Any]]]:
    if isinstance(remove, list) and all(isinstance(name, str) for name in remove):
        return tuple(remove), {}
    if isinstance(remove, dict) and all(isinstance(values, list) for values in remove.values()):
        return (), remove
    if remove is None:
        return (), {}
    raise PropertyError("delete must be an array of names, or an object of arrays.")


def _only(members: Mapping[str, Any], name: str) -> str | None:
    """Return the one value of a parameter, given by itself or as an array of length one."""
    value = members.get(name)
    if isinstance(value, list):
        value = value[0] if len(value) == 1 else None
    return value if isinstance(value, str) and value else None
