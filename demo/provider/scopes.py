"""What an app can ask for, with the words of the consent page."""

from __future__ import annotations

SCOPES = {"profile": "Your name and the address of your site", "email": "Your e-mail address"}
#: Known only where the notes are offered to programs that speak MCP.
NOTES_SCOPES = {"notes:read": "Read your notes", "notes:write": "Write, change and delete your notes"}
SCOPE_TEXTS = SCOPES | NOTES_SCOPES
