"""The kinds of events in the activity log."""

from __future__ import annotations

from enum import StrEnum

from flask_cimd_site.language import lazy_gettext as _


class Kind(StrEnum):
    """What happened."""

    LOGIN = "login"
    LOGIN_FAILED = "login-failed"
    #: Written by the log itself, after ten failures in a row.
    LOGIN_FAILURES = "login-failures"
    LOGOUT = "logout"
    SESSION_ENDED = "session-ended"
    PASSKEY_ADDED = "passkey-added"
    PASSKEY_REMOVED = "passkey-removed"
    PASSWORD_CHANGED = "password-changed"  # noqa: S105  a name
    RECOVERY_CODES = "recovery-codes"
    RECOVERY_USED = "recovery-used"
    SET_UP = "set-up"
    APPROVED = "approved"
    REMEMBERED = "remembered"
    DENIED = "denied"
    REFUSED = "refused"
    REUSE = "reuse"
    REVOKED = "revoked"
    END_CHANGED = "end-changed"
    ASKS_AGAIN = "asks-again"
    EVERYTHING_ENDED = "everything-ended"
    BLOCKED = "blocked"
    UNREGISTERED = "unregistered"
    RULE_HIT = "rule-hit"
    RULE_CHANGED = "rule-changed"
    TOKEN_MADE = "token-made"  # noqa: S105  a name
    TOKEN_ENDED = "token-ended"  # noqa: S105  a name
    FEED_RENEWED = "feed-renewed"


#: One sentence for each kind, as the owner reads it.
TEXTS = {
    Kind.LOGIN: _("You logged in."),
    Kind.LOGIN_FAILED: _("Somebody tried to log in and failed."),
    Kind.LOGIN_FAILURES: _("Ten attempts to log in failed in a row."),
    Kind.LOGOUT: _("You logged out."),
    Kind.SESSION_ENDED: _("A login was ended."),
    Kind.PASSKEY_ADDED: _("A passkey was added."),
    Kind.PASSKEY_REMOVED: _("A passkey was removed."),
    Kind.PASSWORD_CHANGED: _("The password was changed."),
    Kind.RECOVERY_CODES: _("New recovery codes were made."),
    Kind.RECOVERY_USED: _("A recovery code or link was used to log in."),
    Kind.SET_UP: _("The site was set up."),
    Kind.APPROVED: _("You approved an app."),
    Kind.REMEMBERED: _("An app signed in again without asking, as you chose."),
    Kind.DENIED: _("You denied what an app asked for."),
    Kind.REFUSED: _("The site refused the request of an app."),
    Kind.REUSE: _("A code or token was used twice, so the access that it gave was ended."),
    Kind.REVOKED: _("You ended access of an app."),
    Kind.END_CHANGED: _("You changed when access of an app ends."),
    Kind.ASKS_AGAIN: _("You chose that an app asks you again."),
    Kind.EVERYTHING_ENDED: _("You ended the access of all apps."),
    Kind.BLOCKED: _("You blocked an app."),
    Kind.UNREGISTERED: _("You removed an app that had registered itself."),
    Kind.RULE_HIT: _("A rule blocked an app."),
    Kind.RULE_CHANGED: _("You changed a rule about apps."),
    Kind.TOKEN_MADE: _("A token for a script was made."),
    Kind.TOKEN_ENDED: _("A token for a script was ended."),
    Kind.FEED_RENEWED: _("The feed of this log got a new address."),
}
#: Kinds that every page of the owner tells of, until the owner has read it.
NOTABLE = frozenset({Kind.APPROVED, Kind.REUSE, Kind.LOGIN_FAILURES})
#: Kinds that strangers can cause as often as they like; fewer of them are kept.
BY_STRANGERS = frozenset({Kind.LOGIN_FAILED, Kind.REFUSED, Kind.RULE_HIT})
