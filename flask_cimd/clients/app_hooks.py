"""Calls of the app's own functions: a failure ends in `HookError`, and the log has the traceback."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import NoReturn, TypeVar

from werkzeug.exceptions import HTTPException

from ..errors import CIMDError, HookError, UnavailableError

logger = logging.getLogger(__name__)

T = TypeVar("T")


def call_hook(name: str, work: Callable[[], T], *, may_answer: bool = False) -> T:
    """Return what a hook returns.

    Args:
        name: of the hook, for the log.
        work: calls the hook, and checks what it returns.
        may_answer: the hook may end the request on purpose, with a `CIMDError` or with ``abort`` of Flask.

    Raises:
        HookError: it failed.
        UnavailableError: it raised one itself.
    """
    try:
        return work()
    except UnavailableError:
        raise
    except Exception as exc:
        if may_answer and _is_answer(exc):
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


def _is_answer(error: Exception) -> bool:
    # request.form["x"] raises both an HTTPException and a KeyError: a mistake and no decision.
    return isinstance(error, CIMDError | HTTPException) and not isinstance(error, KeyError)
