"""OAuth clients that identify themselves by URL, for Flask and Authlib servers."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .core.changes import Change, changes
from .core.display import Acquaintance, ConsentView, ConsentWarning, consent_view
from .core.identifier import ClientIdentifier
from .core.metadata import ClientMetadata
from .core.policy import Allowance, Decision, HostPattern, Rule, Tier
from .core.profile import Profile
from .core.version import __version__ as __version__
from .errors import (
    AddressBlockedError,
    CIMDError,
    ClientNotAuthenticatedError,
    ConfigurationError,
    DeadlineExceededError,
    DocumentError,
    FetchError,
    FetchLimitError,
    GoneError,
    HookError,
    IdentifierError,
    OutdatedRequestError,
    PolicyDeniedError,
    Problem,
    RedirectMismatchError,
    RegistrationEndedError,
    RequestError,
    ResponseTooLargeError,
    StorageError,
    TooManyFetchesError,
    UnavailableError,
    UnexpectedResponseError,
)

if TYPE_CHECKING:
    from .extension import CIMD

__all__ = [
    "CIMD",
    "Acquaintance",
    "AddressBlockedError",
    "Allowance",
    "CIMDError",
    "Change",
    "ClientIdentifier",
    "ClientMetadata",
    "ClientNotAuthenticatedError",
    "ConfigurationError",
    "ConsentView",
    "ConsentWarning",
    "DeadlineExceededError",
    "Decision",
    "DocumentError",
    "FetchError",
    "FetchLimitError",
    "GoneError",
    "HookError",
    "HostPattern",
    "IdentifierError",
    "OutdatedRequestError",
    "PolicyDeniedError",
    "Problem",
    "Profile",
    "RedirectMismatchError",
    "RegistrationEndedError",
    "RequestError",
    "ResponseTooLargeError",
    "Rule",
    "StorageError",
    "Tier",
    "TooManyFetchesError",
    "UnavailableError",
    "UnexpectedResponseError",
    "changes",
    "consent_view",
    "signals",
]


def __getattr__(name: str) -> Any:
    """Import the extension and the signals on first use: the rest needs no third-party package."""
    if name == "CIMD":
        return import_module(".extension", __name__).CIMD
    if name == "signals":
        return import_module(".signals", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
