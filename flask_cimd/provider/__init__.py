"""A complete provider: `Provider`, its storage in the app's database, and the arguments of its hooks and templates."""

from ..oauth.cors import allow_any_origin, preflight
from ..oauth.short_columns import short_columns, warn_of_short_columns
from .apps import AppConsent, AppGrant, ConnectedApp
from .authlib_models import URLClientCodeMixin, URLClientTokenMixin
from .consent import ConsentPage, ScopeChoice
from .hooks import AccessChange, ConsentRequest, Decision, Identity
from .models import Models, missing_tables, provider_models
from .provider import Provider
from .storage import SQLAlchemyStorage
from .sweep import Swept, sweep
from .texts import translate
from .upkeep import Upkeep

__all__ = [
    "AccessChange",
    "AppConsent",
    "AppGrant",
    "ConnectedApp",
    "ConsentPage",
    "ConsentRequest",
    "Decision",
    "Identity",
    "Models",
    "Provider",
    "SQLAlchemyStorage",
    "ScopeChoice",
    "Swept",
    "URLClientCodeMixin",
    "URLClientTokenMixin",
    "Upkeep",
    "allow_any_origin",
    "missing_tables",
    "preflight",
    "provider_models",
    "short_columns",
    "sweep",
    "translate",
    "warn_of_short_columns",
]
