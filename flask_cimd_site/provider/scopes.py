"""Scopes that an app can request, with the sentences of the consent page."""

from __future__ import annotations

from flask_cimd.core import sentence

SCOPES = {
    "atproto": sentence("See your handle and your DID on the AT Protocol"),
    "profile": sentence("See your name and the address of your site"),
    "email": sentence("See your e-mail address"),
    "create": sentence("Publish new posts on your site"),
    "draft": sentence("Save drafts on your site, unpublished"),
    "update": sentence("Change posts on your site, and read drafts"),
    "delete": sentence("Delete posts on your site"),
    "undelete": sentence("Bring back deleted posts"),
    "media": sentence("Upload pictures to your site"),
    "post": sentence("Publish and change posts on your site, and read drafts"),
}
#: Available only if MCP clients can use the notes.
NOTES_SCOPES = {
    "notes:read": sentence("Read your notes and drafts"),
    "notes:write": sentence("Write, change and delete your notes"),
}
SCOPE_TEXTS = SCOPES | NOTES_SCOPES
