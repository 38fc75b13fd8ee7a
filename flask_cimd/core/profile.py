"""Named profiles: rules for client identifier URLs and documents."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, get_args

from .policy import HostPattern
from .setting_values import flag

RedirectRelation = Literal["any", "same-site", "same-origin"]
LogoPolicy = Literal["any", "same-site"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Rules for client identifier URLs, documents and redirect URIs; the setting ``CIMD_PROFILE``.

    The defaults are the named profile ``draft``. `named` returns the others, `parse` reads text.

    Attributes:
        allow_root_path: accept the path ``/`` (CIMD §3: NOT RECOMMENDED).
        allow_query: accept a query in the client identifier URL (CIMD §3: SHOULD NOT).
        allow_loopback_clients: accept IndieAuth clients on ``http://localhost``; they are never fetched.
        allow_virtual_clients: accept the AT Protocol's development clients, ``http://localhost?redirect_uri=…``; they
            are never fetched.
        require_auth_method: deprecated; refuse documents without ``token_endpoint_auth_method``. CIMD §6 demands that
            it then means ``none``.
        require_assertion_typ: refuse client assertions whose ``typ`` is missing or ``JWT``; older clients send those.
        lenient_media_type: read ``text/plain`` as a JSON document; raw files of Git hosts are served as such.
        localhost_any_port: ignore the port of a redirect URI on the name ``localhost``, as for ``127.0.0.1``.
        allow_dotless_schemes: accept private-use redirect schemes without a dot, such as ``myapp:``, in documents.
        follow_page_redirects: follow at most 3 redirects within one host, to a web page only.
        redirect_relation: how redirect URIs relate to the client's URL: ``any``, ``same-site`` (https on its host, a
            parent or a subdomain of it) or ``same-origin``.
        redirect_exempt_hosts: host patterns of documents to which ``redirect_relation`` does not apply.
        logo_policy: where a logo may come from: ``any`` host, or ``same-site`` as the client's URL.

    Raises:
        ValueError: a field holds another value than listed here, or a host pattern is malformed.
    """

    allow_root_path: bool = True
    allow_query: bool = True
    allow_loopback_clients: bool = False
    allow_virtual_clients: bool = False
    require_auth_method: bool = False
    require_assertion_typ: bool = False
    lenient_media_type: bool = False
    localhost_any_port: bool = True
    allow_dotless_schemes: bool = False
    follow_page_redirects: bool = False
    redirect_relation: RedirectRelation = "any"
    redirect_exempt_hosts: tuple[str, ...] = ()
    logo_policy: LogoPolicy = "any"

    def __post_init__(self) -> None:
        """Check the fields that are not booleans."""
        for name, words in _WORDS.items():
            if getattr(self, name) not in words:
                raise ValueError(f"{name} must be one of {', '.join(words)}")
        for host in self.redirect_exempt_hosts:
            HostPattern.parse(host)

    @classmethod
    def named(cls, name: str) -> Profile:
        """Return ``draft``, or ``strict``: no query and no bare ``/``.

        Raises:
            ValueError: there is no such profile.
        """
        if name not in _NAMED:
            raise ValueError(f"the profile must be one of {', '.join(_NAMED)}")
        return cls(**_NAMED[name])

    @classmethod
    def parse(cls, text: str) -> Profile:
        """Read a profile from text, as environment variables hold it.

        The text is a list with commas: a name, and fields that differ from it. A field alone means true; other values
        follow ``=``, several hosts are separated by blanks. Without a name it is ``draft``; the last of repeated fields
        counts. ``draft, lenient_media_type, allow_query=no, redirect_relation=same-site`` is an example.

        Raises:
            ValueError: unknown name or field, or an unusable value.
        """
        items = [item.strip() for item in text.split(",") if item.strip()]
        names = [item for item in items if item in _NAMED]
        changes = dict(_read_field(item) for item in items if item not in _NAMED)
        return replace(cls.named(names[-1] if names else "draft"), **changes)


def read_profile(value: Any) -> Profile:
    """Return a profile from the object itself or from text."""
    if isinstance(value, Profile):
        return value
    if not isinstance(value, str):
        raise TypeError("must be a Profile or text")
    return Profile.parse(value)


_NAMED: dict[str, dict[str, Any]] = {"draft": {}, "strict": {"allow_root_path": False, "allow_query": False}}
_WORDS = {"redirect_relation": get_args(RedirectRelation), "logo_policy": get_args(LogoPolicy)}


def _read_field(item: str) -> tuple[str, Any]:
    name, mark, value = (part.strip() for part in item.partition("="))
    known = [field.name for field in fields(Profile)]
    if name not in known:
        nearest = difflib.get_close_matches(name, [*known, *_NAMED], n=1)
        raise ValueError(f"{name!r} is not a profile or field" + (f"; did you mean {nearest[0]}?" if nearest else ""))
    if name in _WORDS:
        return name, value
    if name == "redirect_exempt_hosts":
        return name, tuple(value.split())
    return name, flag(value) if mark else True
