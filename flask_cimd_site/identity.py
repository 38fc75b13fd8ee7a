"""The identity of the owner, as apps learn it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from flask_cimd_site.config import Configuration


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """The profile that the owner wrote.

    Attributes:
        photo: file name of an image on this site.
        links: profiles on other sites, shown with ``rel=me``.
        urls: other home pages of the owner.
    """

    name: str
    note: str = ""
    photo: str | None = None
    links: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()


class Identity:
    """The address and the profile of the owner.

    Args:
        load: returns the profile saved on the site, or ``None`` to use the one of the environment.
    """

    def __init__(self, configuration: Configuration, load: Callable[[], Owner | None]) -> None:
        self._configuration = configuration
        self._load = load

    def owner(self) -> Owner:
        """Return the public profile."""
        given = self._configuration
        return self._load() or Owner(name=given.owner_name, note=given.owner_note, links=given.owner_links)

    def photo_url(self, owner: Owner) -> str | None:
        """Return the absolute URL of the photo."""
        return f"{self._configuration.base_url}/media/{owner.photo}" if owner.photo else None

    @property
    def me(self) -> str:
        """The owner's canonical profile URL."""
        return self._configuration.me

    def profile(self, scope: Collection[str]) -> dict[str, str] | None:
        """Return the profile that these scopes give, or ``None``; ``email`` needs ``profile`` (IndieAuth §5.3.4)."""
        if "profile" not in scope:
            return None
        owner = self.owner()
        photo = self.photo_url(owner)
        shown = {"name": owner.name, "url": self.me, **({"photo": photo} if photo else {})}
        if "email" in scope and self._configuration.owner_email:
            shown["email"] = self._configuration.owner_email
        return shown

    def members(self, scope: Collection[str]) -> dict[str, Any]:
        """Return ``me`` and, if the scopes allow it, ``profile``."""
        profile = self.profile(scope)
        return {"me": self.me, **({"profile": profile} if profile else {})}
