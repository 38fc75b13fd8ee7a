"""Call a provider's hooks and check their return values; every failure raises `HookError`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any

from flask import Response, current_app, make_response
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from ..core.app_hooks import call_hook, refuse_value
from ..errors import CIMDError, ConfigurationError
from ..oauth import Grant, Resource
from .hooks import AccessChange, ConsentRequest, Decision, Hooks, Identity, Verdict
from .login import login_at

logger = logging.getLogger(__name__)

_LONGEST_SUBJECT = 2048
#: Exceptions that a hook may raise to answer the request.
_ANSWERS = (CIMDError, HTTPException)


class HookCalls:
    """The hooks of one provider.

    Args:
        hooks: the app's own functions.

    Raises:
        HookError: from every method except `note`: a hook failed, or its return value is invalid.
    """

    def __init__(self, hooks: Hooks) -> None:
        self.hooks = hooks

    def subject(self) -> str | None:
        """Return the subject who is logged in: ``None``, or a text of 1 to 2048 printable characters."""

        def work() -> str | None:
            found = self.hooks.subject()
            is_usable = isinstance(found, str) and found.isprintable() and 0 < len(found) <= _LONGEST_SUBJECT
            if found is not None and not is_usable:
                refuse_value("subject", found, "a stable text of 1 to 2048 printable characters, or None")
            return found

        return call_hook("subject", work)

    def log_in(self, target: str, *, again: bool) -> Response:
        """Return the response that starts the app's log-in."""
        return call_hook(
            "login",
            lambda: make_response(self.hooks.login(target, again)),
            # Without a log-in, the app's configuration is incomplete; its developer sees the message at the first try.
            answers=(CIMDError, ConfigurationError, HTTPException),
        )

    def auth_time(self) -> datetime | None:
        """Return the time of the log-in as an aware `datetime`, or ``None`` if the app does not state it."""
        hook = self.hooks.auth_time
        if hook is None:
            return login_at()

        def work() -> datetime | None:
            found = hook()
            if found is not None and (not isinstance(found, datetime) or found.utcoffset() is None):
                refuse_value("auth_time", found, "a datetime with a time zone, or None")
            return found

        return call_hook("auth_time", work)

    def identity(self, subject: str) -> Identity:
        """Return the names of an account; without a hook, an https URL is its own profile URL."""
        hook = self.hooks.identity
        if hook is None:
            return Identity(me=subject if subject.startswith(("https://", "http://")) else None)

        def work() -> Identity:
            found = hook(subject)
            if not isinstance(found, Identity):
                refuse_value("identity", found, "an Identity")
            for name in (found.me, found.did, found.handle):
                if name is not None and not isinstance(name, str):
                    refuse_value("identity", name, "an Identity with texts or None")
            return found

        return call_hook("identity", work)

    def claims(self, subject: str, scope: Collection[str]) -> dict[str, Any]:
        """Return the claims of an account as JSON values; empty without a hook."""
        hook = self.hooks.claims
        return {} if hook is None else call_hook("claims", lambda: _members("claims", hook(subject, frozenset(scope))))

    def resource_metadata(self, resource: Resource) -> dict[str, Any] | None:
        """Return further members of a resource's metadata document; ``None`` without a hook."""
        hook = self.hooks.resource_metadata
        if hook is None:
            return None
        return call_hook("resource_metadata", lambda: _members("resource_metadata", hook(resource)))

    def before_consent(self, asked: ConsentRequest) -> Verdict:
        """Return the app's decision, or ``None`` for the consent page."""
        hook = self.hooks.before_consent
        if hook is None:
            return None

        def work() -> Verdict:
            found: Any = hook(asked)
            # Accept nothing else: Flask would show a misspelled string as a page.
            if not (found is None or isinstance(found, AnyResponse) or found in ("deny", "skip")):
                refuse_value("before_consent", found, '"deny", "skip", a response object or None')
            return found  # type: ignore[no-any-return]  # as was looked at

        return call_hook("before_consent", work, _ANSWERS)

    def redirects_error(self, client_id: str, redirect_uri: str, error: str, *, default: bool) -> bool:
        """Return whether an error is redirected to the client without a click."""
        hook = self.hooks.redirect_errors
        if hook is None:
            return default
        return call_hook("redirect_errors", lambda: bool(hook(client_id, redirect_uri, error, default)))

    def available_scopes(self, subject: str) -> frozenset[str] | None:
        """Return the scopes that an account can honour; ``None`` without a hook."""
        hook = self.hooks.available_scopes
        return None if hook is None else call_hook("available_scopes", lambda: frozenset(hook(subject)))

    def fresh_log_in(self, target: str) -> Response | None:
        """Return the response of the app's new check of the person; ``None`` if they have passed a recent one."""
        hook = self.hooks.fresh_log_in
        if hook is None:
            return None

        def work() -> Response | None:
            found = hook(target)
            return None if found is None else make_response(found)

        return call_hook("fresh_log_in", work, _ANSWERS)

    def note_reuse(self, grant: Grant) -> None:
        """Notify the app of a grant that ended after reuse; a failure of the hook does not change the response."""
        _tell("on_reuse", self.hooks.on_reuse, grant)

    def note_access_change(self, change: AccessChange) -> None:
        """Notify the app of a person's change of access; a failure of the hook does not change the response."""
        _tell("on_access_change", self.hooks.on_access_change, change)

    def note(self, decision: Decision) -> None:
        """Notify the app of a decision; a failure of the hook does not end the sign-in."""
        _tell("on_decision", self.hooks.on_decision, decision)


def _tell(name: str, hook: Callable[[Any], None] | None, news: object) -> None:
    if hook is None:
        return
    try:
        hook(news)
    except Exception:
        logger.exception("the hook %s failed", name)


def _members(name: str, found: Any) -> dict[str, Any]:
    """Return a mapping as JSON values, encoded by the app's own JSON provider."""
    if not isinstance(found, Mapping) or not all(isinstance(key, str) for key in found):
        refuse_value(name, found, "a mapping of names")
    members: dict[str, Any] = current_app.json.loads(current_app.json.dumps(dict(found)))
    return members
