"""The sentences of the pages, translated where the app uses Flask-Babel."""

from __future__ import annotations

from flask import current_app


def translate(text: str, **values: object) -> str:
    """Return a sentence in the language of the request, with its values filled in.

    With Flask-Babel the app's own catalogue is asked; the English sentences are the message ids.
    """
    if "babel" in current_app.extensions:
        from flask_babel import gettext

        found: str = gettext(text, **values)
        return found
    return text % values if values else text
