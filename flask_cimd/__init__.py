"""OAuth clients that identify themselves by URL, for Flask and Authlib servers."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .core.changes import Change, changes
from .core.display import Acquaintance, ConsentView, ConsentWarning, consent_view
from .core.identifier import ClientIdentifier
from .core.metadata import ClientMetadata
from .core.policy import Allowance, Decision, HostPattern, Rule, Tier
from .core.profile import Profile
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
    UnexpectedResponseError,
)

if TYPE_CHECKING:
    from .extension import CIMD
    from .request_id import RequestIdFilter, add_request_id, request_id

__version__ = "0.1.0"

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
    "HostPattern",
    "IdentifierError",
    "OutdatedRequestError",
    "PolicyDeniedError",
    "Problem",
    "Profile",
    "RedirectMismatchError",
    "RegistrationEndedError",
    "RequestError",
    "RequestIdFilter",
    "ResponseTooLargeError",
    "Rule",
    "StorageError",
    "Tier",
    "TooManyFetchesError",
    "UnexpectedResponseError",
    "add_request_id",
    "changes",
    "consent_view",
    "request_id",
    "signals",
]


def __getattr__(name: str) -> Any:
    """Import what needs third-party packages on first use."""
    if name == "CIMD":
        return import_module(".extension", __name__).CIMD
    if name == "signals":
        return import_module(".signals", __name__)
    if name in ("RequestIdFilter", "add_request_id", "request_id"):
        module = import_module(".request_id", __name__)
        globals().update({each: getattr(module, each) for each in ("RequestIdFilter", "add_request_id", "request_id")})
        return globals()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
