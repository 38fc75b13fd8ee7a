"""Mutants of the checks in front of Authlib's own server."""

from __future__ import annotations

from .mutant import mutants

_CHECKS = mutants(
    "flask_cimd/oauth/server/plain.py",
    "tests/test_readme.py",
    [
        ("if again := repeated(request.values):", "if again := []:"),
        ('_ECHOED = ("response_type", ', "_ECHOED = ("),
        ('"redirect_uri", "scope")', '"scope")'),
        ('"redirect_uri", "scope")', '"redirect_uri",)'),
        ("[ !#-\\[\\]-~]*", "[ -~]*"),
        ("    check_authorization_parameters(request.values)\n", ""),
        ("    clients.check_identifier(client_id)\n", ""),
        ('    if values.get("response_type") != "code":\n', "    if False:\n"),
        ("check_challenge(values, required=True)", "check_challenge(values, required=False)"),
        ("        check_challenge(values, required=True)\n", "        pass\n"),
    ],
)

_PAGES = mutants(
    "flask_cimd/extension.py",
    "tests/test_extension.py",
    [("        if OAuth2Error not in app.error_handler_spec[None][None]:\n", "        if True:\n")],
) + mutants(
    "flask_cimd/oauth/errors.py",
    "tests/test_extension.py",
    [
        (
            'RequestError("request-refused", hint=error.error or "")',
            'RequestError("request-ended", hint=error.error or "")',
        )
    ],
)

PLAIN = [*_CHECKS, *_PAGES]
