"""Scopes that an app can request, with the sentences of the consent page."""

from __future__ import annotations

SCOPES = {
    "atproto": "Know your handle and your DID on the AT Protocol",
    "profile": "See your name and the address of your site",
    "email": "See your e-mail address",
    "create": "Publish new posts on your site",
    "draft": "Leave drafts on your site, unpublished",
    "update": "Change posts on your site, and read drafts",
    "delete": "Take posts off your site",
    "undelete": "Bring back posts that were taken off",
    "media": "Put pictures on your site",
    "post": "Publish new posts on your site, change those that are there, and read drafts",
}
#: Available only if MCP clients can use the notes.
NOTES_SCOPES = {"notes:read": "Read your notes, and drafts", "notes:write": "Write, change and delete your notes"}
SCOPE_TEXTS = SCOPES | NOTES_SCOPES
