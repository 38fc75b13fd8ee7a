"""Mutants of the checks in front of Authlib's own server."""

from __future__ import annotations

from .mutant import mutants

PLAIN = mutants(
    "flask_cimd/oauth/server/plain.py",
    "tests/test_readme.py",
    [
        ("if again := repeated(values):", "if again := []:"),
        ('_ECHOED = ("response_type", ', "_ECHOED = ("),
        ('"redirect_uri", "scope")', '"scope")'),
        ('"redirect_uri", "scope")', '"redirect_uri",)'),
        ("[ !#-\\[\\]-~]*", "[ -~]*"),
        ("    check_authorization_parameters(values)\n", ""),
        ("    clients.check_identifier(client_id)\n", ""),
        ('    if values.get("response_type") != "code":\n', "    if False:\n"),
        ("check_challenge(values, required=True)", "check_challenge(values, required=False)"),
        ("        check_challenge(values, required=True)\n", "        pass\n"),
    ],
)
