"""The objects that views need, built once per app."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from flask import current_app

from flask_cimd import CIMD
from flask_cimd.oauth import AuthorizationServer
from flask_cimd.provider import SQLAlchemyStorage
from flask_cimd_site.config import Configuration
from flask_cimd_site.identity import Identity


@dataclass(frozen=True, slots=True)
class Services:
    """Objects that `create_app` builds."""

    configuration: Configuration
    cimd: CIMD
    server: AuthorizationServer
    storage: SQLAlchemyStorage
    identity: Identity
    clock: Callable[[], datetime]


def services() -> Services:
    """Return the objects of the current app."""
    found: Services = current_app.extensions["flask_cimd_site"]
    return found
