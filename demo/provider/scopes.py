"""What an app can ask for, with the words of the consent page."""

from __future__ import annotations

SCOPES = {"profile": "Your name and the address of your site", "email": "Your e-mail address"}
