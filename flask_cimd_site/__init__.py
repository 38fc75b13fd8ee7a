"""A personal site that lets its owner sign in to other sites: the worked example of `flask_cimd`."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from datetime import datetime
from urllib.parse import urlsplit

from flask import Flask

try:
    from flask_migrate import Migrate
except ImportError as exc:
    raise ImportError('the personal site needs more packages: pip install "flask-cimd[site]"') from exc

from flask_cimd import CIMD
from flask_cimd.core import utc_now
from flask_cimd.oauth import RegistrationEndpoint
from flask_cimd.provider import SQLAlchemyStorage
from flask_cimd_site import addresses, assets, errors, frame, language, limits, metrics, schema, security, upkeep
from flask_cimd_site.account import (
    account_page,
    attempts,
    commands,
    first_run,
    fresh,
    login,
    passwords,
    sessions,
    zones,
)
from flask_cimd_site.activity import pages as activity_pages
from flask_cimd_site.activity import sweep as activity_sweep
from flask_cimd_site.check import pages as check
from flask_cimd_site.check import results
from flask_cimd_site.config import Configuration
from flask_cimd_site.counters import shared_counters
from flask_cimd_site.identity import Identity
from flask_cimd_site.models import db, set_up_sqlite
from flask_cimd_site.owner import card, clients, registered, script_tokens, scripts, setup
from flask_cimd_site.provider import recording, registration, resource_servers
from flask_cimd_site.provider.setup import create_provider
from flask_cimd_site.services import Services
from flask_cimd_site.site import did, feed, health, home, icon, media, micropub, notes, profile, profiles, writing, xrpc
from flask_cimd_site.site import upkeep as site_upkeep

logger = logging.getLogger(__name__)

#: Modules with a blueprint of pages or endpoints.
_MODULES = (
    home,
    health,
    notes,
    did,
    xrpc,
    feed,
    media,
    micropub,
    login,
    fresh,
    account_page,
    first_run,
    clients,
    check,
    card,
    setup,
    profile,
    activity_pages,
    writing,
    icon,
    scripts,
    registered,
)


def create_app(environment: Mapping[str, str] | None = None, *, clock: Callable[[], datetime] = utc_now) -> Flask:
    """Build the site and bring its database up to date.

    Args:
        environment: the ``DEMO_*`` and ``CIMD_*`` variables; by default, the environment of the process.
        clock: returns the current time as an aware `datetime`.

    Raises:
        ConfigurationError: a variable is missing or invalid.
    """
    configuration = Configuration.from_environment(os.environ if environment is None else environment)
    if configuration.development:
        logger.warning("DEMO_DEVELOPMENT is on: default password, loopback clients; never use it in production")
    if urlsplit(configuration.me).hostname != urlsplit(configuration.base_url).hostname:
        # The page is not fetched here: the site must start while that page is down.
        logger.warning(
            "DEMO_ME (%s) is on another host than this site: that page must link to this site, or the site "
            "claims an address that it does not control; check it at %s/setup",
            configuration.me,
            configuration.base_url,
        )
    app = Flask(__name__)
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    app.config.update(
        SECRET_KEY=configuration.secret_key,
        SQLALCHEMY_DATABASE_URI=configuration.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=_engine_options(configuration.database_url),
        **configuration.cimd,
    )
    _set_up_database(app)
    cimd, storage = CIMD(clock=clock), SQLAlchemyStorage(db)
    registrar = RegistrationEndpoint(cimd, storage, clock=clock)
    cimd.init_app(app, db=db, registered=registrar.find if configuration.dynamic_registration else None)
    provider = create_provider(configuration, clock)
    recording.init_app(app, provider)
    server = provider.init_app(
        app, cimd=cimd, storage=storage, issuer=configuration.base_url, development=configuration.development
    ).server
    identity = Identity(configuration, profiles.load)
    app.extensions["flask_cimd_site"] = Services(configuration, cimd, server, storage, identity, clock)
    language.init_app(app, zones.current)
    frame.init_app(app, configuration)
    security.init_app(app, configuration)
    assets.init_app(app)
    addresses.init_app(app)
    sessions.init_app(app)
    for module in _MODULES:
        app.register_blueprint(module.blueprint)
    security.exempt(app, *micropub.MACHINE_VIEWS, card.save, first_run.set_up, writing.create, writing.edit, xrpc.other)
    if configuration.dynamic_registration:
        registration.init_app(app, registrar)
    resource_servers.init_app(app)
    commands.init_app(app)
    activity_pages.init_app(app)
    upkeep.init_app(app, clock, (activity_sweep.sweep, site_upkeep.sweep, script_tokens.sweep, results.sweep))
    metrics.init_app(app, configuration.metrics_token)
    counters = shared_counters(app, configuration.cimd["CIMD_STORE"], clock)
    limits.init_app(app, configuration, cimd, counters)
    check.init_app(app, counters)
    errors.init_app(app)
    with app.app_context():
        attempts.init_app(app)
        passwords.seed(configuration, clock())
        first_run.announce(configuration, clock())
    return app


def _engine_options(url: str) -> dict[str, bool]:
    # Parameters of statements are data of people: they stand in no log. The first statement of a request after a
    # restart of the database server must not meet a dead connection.
    return {"hide_parameters": True, "pool_pre_ping": url.startswith("postgresql")}


def _set_up_database(app: Flask) -> None:
    db.init_app(app)
    Migrate(app, db, directory=str(schema.MIGRATIONS))
    with app.app_context():
        set_up_sqlite(db.engine)
        schema.upgrade(db.engine)
