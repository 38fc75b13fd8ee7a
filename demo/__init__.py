"""The personal site of `flask_cimd_site` with its sample apps, run from a checkout."""

from flask_cimd_site import create_app

__all__ = ["create_app"]
