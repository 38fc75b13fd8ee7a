"""The rules: pure functions and frozen values, on the standard library alone.

Nothing here opens a socket, imports a framework, or reads the environment; bytes, headers and ``now`` are arguments.
The one exception, `flask_cimd.core.proof`, imports joserfc when a signature is verified. The names below are public;
those that every app needs are in `flask_cimd`.
"""

from .addresses import network_of
from .atproto import asks_for_atproto
from .clock import Clock, utc_now
from .did import check_did, check_handle, did_document, did_web
from .digests import digest_of
from .display import NAME_LIMIT, safe_description, safe_for_log, safe_text, shown_host
from .document import parse_document
from .identifier import IdentifierKind, IdentifierRules, parse_identifier
from .redirects import match_redirect, redirect_host
from .rules import DocumentRules
from .sentences import Sentence, sentence
from .strict_json import StrictJSONError, read_object
from .urls import LOOPBACK_HOSTS, WebURL

__all__ = [
    "LOOPBACK_HOSTS",
    "NAME_LIMIT",
    "Clock",
    "DocumentRules",
    "IdentifierKind",
    "IdentifierRules",
    "Sentence",
    "StrictJSONError",
    "WebURL",
    "asks_for_atproto",
    "check_did",
    "check_handle",
    "did_document",
    "did_web",
    "digest_of",
    "match_redirect",
    "network_of",
    "parse_document",
    "parse_identifier",
    "read_object",
    "redirect_host",
    "safe_description",
    "safe_for_log",
    "safe_text",
    "sentence",
    "shown_host",
    "utc_now",
]
