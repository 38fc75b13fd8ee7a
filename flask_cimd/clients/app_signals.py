"""Sends the signals of `flask_cimd.signals` from Flask's current app."""

from __future__ import annotations

import logging
from typing import Any

from blinker import Signal
from flask import current_app

logger = logging.getLogger(__name__)


def send_from_app(signal: Signal, **values: object) -> None:
    """Send a signal of the current app; a receiver that fails is logged and ends no request."""
    if not signal.receivers:
        return
    app: Any = current_app._get_current_object()  # type: ignore[attr-defined]  # typed as the app, is a LocalProxy
    try:
        signal.send(app, **values)  # type: ignore[arg-type]  # the keywords are the receivers'
    except Exception:  # a failing metric must not end a sign-in, nor those that wait for the same fetch
        logger.exception("a signal's receiver failed")
