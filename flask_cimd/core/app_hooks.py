"""Calls of the app's own functions: a failure ends in `HookError`, and the log has the traceback."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import NoReturn, TypeVar

from ..errors import HookError, UnavailableError

logger = logging.getLogger(__name__)

T = TypeVar("T")


def call_hook(name: str, work: Callable[[], T], answers: tuple[type[Exception], ...] = ()) -> T:
    """Return what a hook returns.

    Args:
        name: of the hook, for the log.
        work: calls the hook, and checks what it returns.
        answers: errors by which the hook ends the request on purpose, such as those of Flask's ``abort``.

    Raises:
        HookError: it failed.
        UnavailableError: it raised one itself.
    """
    try:
        return work()
    except UnavailableError:
        raise
    except Exception as exc:
        # request.form["x"] raises what is both an HTTPException and a KeyError: a mistake and no decision.
        if isinstance(exc, answers) and not isinstance(exc, KeyError):
            raise
        logger.exception("the hook %s failed", name)
        raise HookError("hook-failed", hint=name) from exc


def refuse_value(name: str, value: object, wanted: str) -> NoReturn:
    """Refuse what a hook returned; the log has its type, and not the value, which may be a secret.

    Raises:
        HookError: always.
    """
    logger.error("the hook %s returned a value of type %s; it must return %s", name, type(value).__name__, wanted)
    raise HookError("hook-failed", hint=name)
