"""The client side: an app publishes its own client metadata document and signs in at other servers."""

from ..fetch.fetcher import FetchSettings
from .client import PublishedClient, publish
from .errors import DiscoveryError, IdentityError, SessionEndedError, UnsupportedServerError
from .key_file import KeyEntry, KeyFile
from .login_blueprint import LoginBlueprint, SignedIn
from .server import Server
from .session import ClientSession

__all__ = [
    "ClientSession",
    "DiscoveryError",
    "FetchSettings",
    "IdentityError",
    "KeyEntry",
    "KeyFile",
    "LoginBlueprint",
    "PublishedClient",
    "Server",
    "SessionEndedError",
    "SignedIn",
    "UnsupportedServerError",
    "publish",
]
