"""Requests at a provider with 1,000 and with 1,000,000 grants and tokens, on both databases, in turn.

The app is `examples/minimal.py`, called in this process; one grant in four belongs to the person who signs in, and one
in ten to the app that they sign in to. ``BENCH_GROWTH`` is the larger number.
"""

from __future__ import annotations

import logging
import os
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from authlib.common.security import generate_token
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from flask import Flask
from sqlalchemy import Engine, text

from examples.minimal import create_app, db
from flask_cimd.testing import ClientOrigin
from tests.support.databases import private_postgres

from .foundation import Row
from .served import REDIRECT

FEW, MANY = 1_000, int(os.environ.get("BENCH_GROWTH", "1000000"))
LIMIT = 1.2
_ROUNDS, _WARM = 60, 10
_ISSUER = "http://127.0.0.1:5000"
_SERIES = "WITH RECURSIVE series(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < {rows})"
_GRANTS = (
    "INSERT INTO cimd_grant (id, issuer, client_id, fingerprint, subject, scope, resource, redirect_uri,"
    " access_seconds, auth_method, created_at, used_at, ends_at) SELECT 'grant' || n, :issuer,"
    # Few apps: the page of connected apps shows as much of each, whatever the number of grants.
    " CASE n % 10 WHEN 0 THEN :client ELSE 'https://app' || (n % 8) || '.example/c' END, 'f',"
    " CASE n % 4 WHEN 0 THEN :subject ELSE 'https://person' || (n % 5000) || '.example/' END, 'profile', '[]',"
    " :redirect, 900, 'none', :now - n, :now - n, :now + 9000000 FROM series"
)
_TOKENS = (
    "INSERT INTO cimd_token (digest, grant_id, kind, scope, resource, created_at, expires_at)"
    " SELECT 'token' || n, 'grant' || n, 'refresh', 'profile', '[]', :now - n, :now + 9000000 FROM series"
)


def run() -> list[Row]:
    """Measure every request on both databases."""
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        origin = stack.enter_context(ClientOrigin(folder))
        client = origin.publish(redirect_uris=[REDIRECT], grant_types=["authorization_code", "refresh_token"])
        found = []
        for kind in ("SQLite", "PostgreSQL"):
            urls = [
                f"sqlite:///{folder}/{rows}.db" if kind == "SQLite" else stack.enter_context(private_postgres())
                for rows in (FEW, MANY)
            ]
            few, many = (_person(url, n, client.client_id, origin) for url, n in zip(urls, (FEW, MANY), strict=True))
            found += _rows(kind, few, many)
        return found


def _rows(kind: str, few: _Person, many: _Person) -> list[Row]:
    people = (few, many)
    for number in range(_WARM + _ROUNDS):
        if number == _WARM:
            for person in people:
                person.seconds.clear()
        for person in people if number % 2 else reversed(people):
            person.sign_in()
    rows = []
    for part, theirs in few.seconds.items():
        mine, its = statistics.median(many.seconds[part]), statistics.median(theirs)
        name = f"{part} at {MANY:,} grants / {FEW:,}, {kind}"
        rows.append(Row(name=name, figure=mine / its, limit=LIMIT, note=f"{mine * 1e3:.2f} against {its * 1e3:.2f} ms"))
    return rows


def _person(url: str, rows: int, client_id: str, origin: ClientOrigin) -> _Person:
    app = create_app(SQLALCHEMY_DATABASE_URI=url, CIMD_CA_BUNDLE=origin.config["CIMD_CA_BUNDLE"], ISSUER=_ISSUER)
    with app.app_context():
        _fill(db.engine, rows, client_id)
    return _Person(app, client_id)


def _fill(engine: Engine, rows: int, client_id: str) -> None:
    values = {
        "issuer": _ISSUER,
        "client": client_id,
        "subject": _ISSUER + "/",
        "redirect": REDIRECT,
        "now": time.time(),
    }
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL session_replication_role = replica"))  # foreign keys need no check here
        for statement in (_GRANTS, _TOKENS):
            used = {name: value for name, value in values.items() if f":{name}" in statement}
            connection.execute(text(f"{_SERIES.format(rows=rows)} {statement}"), used)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE cimd_grant" if engine.dialect.name == "postgresql" else "ANALYZE"))


class _Person:
    """Signs in again and again; ``seconds`` holds the time of each request by its name."""

    def __init__(self, app: Flask, client_id: str) -> None:
        self.seconds: dict[str, list[float]] = {}
        self._browser, self._client_id = app.test_client(), client_id
        self._browser.post("/login?next=/authorize/x", data={"password": "secret"})

    @contextmanager
    def _timed(self, part: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.seconds.setdefault(part, []).append(time.perf_counter() - started)

    def _ask(self, part: str, call: Callable[..., Any], path: str, **given: Any) -> Any:
        with self._timed(part):
            answer = call(path, **given)
        assert answer.status_code in (200, 303), answer.text
        return answer

    def sign_in(self) -> None:
        """Go all the way once, and look at the connected apps."""
        browser, verifier = self._browser, generate_token(64)
        shared = {"client_id": self._client_id, "redirect_uri": REDIRECT}
        challenge = {"code_challenge": create_s256_code_challenge(verifier), "code_challenge_method": "S256"}
        query = {**shared, **challenge, "response_type": "code", "scope": "profile", "state": generate_token(16)}
        page = self._ask("GET authorize", browser.get, "/authorize", query_string=query)
        fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.text))
        form = {**fields, "decision": "approve", "scope": "profile"}
        decided = self._ask("POST consent", browser.post, "/consent", data=form)
        code = parse_qs(urlsplit(decided.headers["Location"]).query)["code"][0]
        form = {**shared, "grant_type": "authorization_code", "code": code, "code_verifier": verifier}
        tokens = self._ask("POST token", browser.post, "/token", data=form).get_json()
        form = {"client_id": self._client_id, "grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        tokens = self._ask("refresh", browser.post, "/token", data=form).get_json()
        bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
        self._ask("userinfo", browser.get, "/userinfo", headers=bearer)
        self._ask("introspect", browser.post, "/introspect", headers=bearer, data={"token": tokens["access_token"]})
        self._ask("connected apps", browser.get, "/apps")
        self._ask(
            "revoke", browser.post, "/revoke", data={"token": tokens["refresh_token"], "client_id": self._client_id}
        )
