"""Who the owner is, as apps are told."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from demo.config import Configuration
from flask_cimd.oauth import Grant


class Identity:
    """The owner's address and profile."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration

    @property
    def me(self) -> str:
        """The owner's canonical profile URL."""
        return self._configuration.me

    def profile(self, scope: Collection[str]) -> dict[str, str] | None:
        """Return what these scopes show of the owner, or ``None``; e-mail never alone (IndieAuth §5.3.4)."""
        if "profile" not in scope:
            return None
        shown = {"name": self._configuration.owner_name, "url": self.me}
        if "email" in scope and self._configuration.owner_email:
            shown["email"] = self._configuration.owner_email
        return shown

    def members(self, scope: Collection[str]) -> dict[str, Any]:
        """Return ``me`` and, if granted, ``profile``."""
        profile = self.profile(scope)
        return {"me": self.me, **({"profile": profile} if profile else {})}

    def token_members(self, grant: Grant) -> dict[str, Any]:
        """Return what a token answer holds besides the token (IndieAuth §5.3.3)."""
        return self.members(grant.scope.split())
