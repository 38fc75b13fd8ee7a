"""The sentences of the pages, translated if the app uses Flask-Babel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import current_app

from ..core.sentences import Sentence


def translate(text: str, **values: Any) -> str:
    """Return a sentence in the language of the request, with its values filled in.

    With Flask-Babel, the translation comes from the app's own catalogue; the English sentences are the message ids. A
    sentence of this package contains its own values, which may also be sentences.
    """
    finish: Callable[[str], str] = str
    if isinstance(text, Sentence):
        finish, values = text.finish, {**text.values, **values}
        text = text.template
    values = {name: translate(value) if isinstance(value, Sentence) else value for name, value in values.items()}
    if "babel" in current_app.extensions:
        from flask_babel import gettext

        return finish(gettext(text, **values))
    return finish(text % values if values else text)
