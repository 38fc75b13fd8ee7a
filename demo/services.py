"""The parts of one site, for its views."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from flask import current_app

from demo.config import Configuration
from demo.identity import Identity
from demo.storage import DatabaseStorage
from flask_cimd import CIMD
from flask_cimd.oauth import AuthorizationServer, IntrospectionEndpoint


@dataclass(frozen=True, slots=True)
class Services:
    """What `create_app` built."""

    configuration: Configuration
    cimd: CIMD
    server: AuthorizationServer
    introspection: IntrospectionEndpoint
    storage: DatabaseStorage
    identity: Identity
    clock: Callable[[], datetime]


def services() -> Services:
    """Return the current app's parts."""
    found: Services = current_app.extensions["demo"]
    return found
