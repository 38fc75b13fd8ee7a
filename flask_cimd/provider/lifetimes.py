"""The lifetime of a client's access: the person's choices, or the reason for having none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from ..core.atproto import asks_for_atproto
from ..core.metadata import ClientMetadata
from ..core.sentences import sentence
from ..oauth import AuthorizationRequest
from ..oauth.server.atproto import PUBLIC_SESSION
from ..oauth.server.client_authentication import KEY_METHOD
from ..oauth.server.context import ServerContext

#: Lifetimes of access by key: sentence, and duration or ``None`` for access without an end.
LIFETIMES: Mapping[str, tuple[str, timedelta | None]] = {
    "hour": ("1 hour", timedelta(hours=1)),
    "day": ("1 day", timedelta(days=1)),
    "fortnight": ("2 weeks", timedelta(days=14)),
    "month": ("30 days", timedelta(days=30)),
    "year": ("1 year", timedelta(days=365)),
    "use": ("180 days without use", None),
}
_USUAL = ("hour", "day", "month", "year")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetimes:
    """The lifetimes that a person may choose for one request.

    Attributes:
        keys: keys of `LIFETIMES`; empty without a choice.
        preset: key of the preselected lifetime; empty without a choice.
        reason: a sentence about the end of access without a choice; empty for an identity-only sign-in.
        is_of_tokens: ``True`` if the client cannot renew its access, so that the choice sets the token lifetime.
    """

    keys: tuple[str, ...] = ()
    preset: str = ""
    reason: str = ""
    is_of_tokens: bool = False

    @property
    def texts(self) -> dict[str, str]:
        """The sentences by key."""
        return {key: LIFETIMES[key][0] for key in self.keys}

    def chosen(self, key: str | None) -> str:
        """Return the key in a form's field, or the preset for an unknown key."""
        return key if key and key in self.keys else self.preset

    def of(self, key: str) -> tuple[timedelta | None, timedelta | None]:
        """Return the lifetimes of access tokens and of the grant for a key; ``None`` for the server's default."""
        duration = LIFETIMES[key][1] if key else None
        return (duration if self.is_of_tokens else None), duration


def lifetimes_of(context: ServerContext, asked: AuthorizationRequest, client: ClientMetadata | None) -> Lifetimes:
    """Return the lifetimes to choose from.

    Access without a refresh token, to a resource or with ``atproto``, ends with its token. A public AT Protocol client
    has access for at most 14 days; an AT Protocol client with a key, as long as it uses the access.
    """
    if not asked.scope:
        return Lifetimes()
    renews = client is None or "refresh_token" in client.grant_types
    if asks_for_atproto(asked.scope):
        if not renews:
            return _without_choice(context)
        if asked.auth_method == KEY_METHOD:
            return Lifetimes(keys=("day", "month", "year", "use"), preset="use")
        return Lifetimes(keys=_within(PUBLIC_SESSION, ("hour", "day", "fortnight")), preset="fortnight")
    if renews and (client is None or asked.resource or client.source in ("document", "virtual", "registered")):
        keys = _within(context.refresh_absolute, _USUAL)
        return Lifetimes(keys=keys, preset=keys[-1] if keys else "")
    if asked.resource:
        return _without_choice(context)
    return Lifetimes(keys=_USUAL, preset="month", is_of_tokens=True)


def _within(longest: timedelta, keys: tuple[str, ...]) -> tuple[str, ...]:
    durations = {key: LIFETIMES[key][1] for key in keys}
    return tuple(key for key, duration in durations.items() if duration is not None and duration <= longest)


def _without_choice(context: ServerContext) -> Lifetimes:
    minutes = max(1, round(context.access_lifetime.total_seconds() / 60))
    text = "Access ends after %(minutes)s minutes, because the app cannot renew it by itself."
    return Lifetimes(reason=sentence(text, minutes=minutes))
