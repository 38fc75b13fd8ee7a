"""Paths of the site's endpoints for programs."""

from __future__ import annotations

#: The issuer has no path, so these paths are fixed.
METADATA_PATH = "/.well-known/oauth-authorization-server"
AUTHORIZATION_PATH, TOKEN_PATH, INTROSPECTION_PATH = "/authorize", "/token", "/introspect"
MACHINE_PATHS = frozenset({TOKEN_PATH, "/par", "/revoke", INTROSPECTION_PATH, "/userinfo"})
