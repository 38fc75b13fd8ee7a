"""The page of an error that ends a sign-in before anybody knows where its answer may go."""

from __future__ import annotations

from flask import render_template

from ..errors import CIMDError, StorageError, TooManyFetchesError


def show_error(error: CIMDError) -> tuple[str, int, dict[str, str]]:
    """Render an error as a page of this server: never a redirect, never remote text (CIMD §6, RFC 6749 §4.1.2.1).

    Apps replace it with ``app.register_error_handler(CIMDError, ...)``.
    """
    headers = {"Cache-Control": "no-store", "X-Frame-Options": "DENY"}
    if isinstance(error, TooManyFetchesError | StorageError):
        headers["Retry-After"] = str(error.retry_after)
    return render_template("flask_cimd/error.html", error=error), error.status, headers
