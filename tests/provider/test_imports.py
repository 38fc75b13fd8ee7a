"""A server imports what its configuration needs: each worker holds every module in memory, and is slower to start."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from flask_cimd.testing import ClientOrigin
from tests.support.demo import ROOT

#: A sign-in at `examples/minimal.py` with refresh and resource, of a client with a document, without DPoP or keys.
_PROGRAM = """
import base64, hashlib, re, sys
from examples.minimal import create_app
uri, bundle, client_id = sys.argv[1:]
client = create_app(SQLALCHEMY_DATABASE_URI=uri, CIMD_CA_BUNDLE=bundle).test_client()
client.post("/login?next=/authorize/x", data={"password": "secret"})
verifier = "v" * 43
challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
shared = {"client_id": client_id, "redirect_uri": "http://127.0.0.1:7777/callback"}
page = client.get("/authorize", query_string={**shared, "response_type": "code", "scope": "profile", "state": "s",
    "code_challenge": challenge, "code_challenge_method": "S256"})
fields = dict(re.findall(r'<input type="hidden" name="(.+?)" value="(.+?)"', page.text))
decided = client.post("/consent", data={**fields, "decision": "approve", "scope": "profile"})
code = re.search("code=([^&]+)", decided.headers["Location"])[1]
form = {**shared, "grant_type": "authorization_code", "code": code, "code_verifier": verifier}
tokens = client.post("/token", data=form).get_json()
form = {"client_id": client_id, "grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
tokens = client.post("/token", data=form).get_json()
answer = client.get("/userinfo", headers={"Authorization": "Bearer " + tokens["access_token"]})
assert answer.status_code == 200, answer.text
print(*sys.modules)
"""

#: What other configurations, other clients and an app that is a client itself need.
_NEEDLESS = {
    "alembic": "migrations",
    "authlib.integrations.requests_client": "sessions of a client",
    "bs4": "web pages as clients",
    "flask_cimd.publish": "an app that is a client",
    "flask_cimd.testing": "tests",
    "html5lib": "nothing",
    "joserfc": "DPoP and private_key_jwt",
    "lxml": "web pages as clients",
    "mcp": "MCP servers",
    "mf2py": "web pages as clients",
    "PIL": "logos",
    "psycopg": "PostgreSQL",
    "redis": "the store in Redis",
    "requests": "sessions of a client, and introspection elsewhere",
    "sqlalchemy.dialects.postgresql": "PostgreSQL",
}


def test_a_sign_in_at_the_minimal_provider_imports_nothing_that_it_does_not_need(
    tmp_path: Path,
) -> None:
    with ClientOrigin(tmp_path) as origin:
        bundle, client_id = str(origin.config["CIMD_CA_BUNDLE"]), origin.publish().client_id
        command = [sys.executable, "-c", _PROGRAM, f"sqlite:///{tmp_path}/minimal.db", bundle, client_id]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    imported = set(done.stdout.split())
    assert "flask_cimd.provider" in imported
    assert {name: use for name, use in _NEEDLESS.items() if name in imported} == {}
