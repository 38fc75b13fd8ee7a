"""Every ``CIMD_*`` setting: read once from the app's configuration, bounded, frozen."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from .core import setting_values as read
from .core.freshness import Bounds
from .core.identifier import IdentifierRules
from .core.legacy import LegacyRules
from .core.policy import HostPattern, Policy
from .core.rules import DocumentRules
from .core.urls import LOOPBACK_HOSTS
from .errors import ConfigurationError
from .fetch.fetcher import FetchSettings
from .fetch.limits import SiteLimits, site_finder

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Setting:
    """One configuration key.

    Attributes:
        key: the name in ``app.config``.
        default: its value when it is not set.
        note: one line for the README's table.
        read: turns the configured value into the used one; raises ``ValueError`` or ``TypeError``.
    """

    key: str
    default: object
    note: str
    read: Callable[[Any], Any]


SETTINGS: tuple[Setting, ...] = (
    Setting("CIMD_PROFILE", "draft", "named set of base rules: `draft`, or `strict` (no query, no bare `/`, no "
            "IndieAuth fallback)", read.one_of("draft", "strict")),
    Setting("CIMD_INDIEAUTH_FALLBACK", True, "h-app clients when the answer is HTML", read.flag),
    Setting("CIMD_FETCH_TIMEOUT", 5, "seconds for a whole fetch: look-up, connect, TLS, headers, body", read.seconds(0.1, 10)),
    Setting("CIMD_CONNECT_TIMEOUT", 2, "seconds for one connection attempt", read.seconds(0.1, 10)),
    Setting("CIMD_MAX_DOCUMENT_SIZE", 5120, "bytes of JSON; one more is refused", read.count(256, 1048576)),
    Setting("CIMD_MAX_HTML_SIZE", 262144, "bytes of HTML; one more is refused", read.count(256, 524288)),
    Setting("CIMD_CACHE_MIN", 60, "shortest lifetime in seconds; 0 follows the headers down", read.seconds(0, 86400)),
    Setting("CIMD_CACHE_DEFAULT", 3600, "lifetime without caching headers", read.seconds(0, 31536000)),
    Setting("CIMD_CACHE_MAX", 86400, "longest lifetime", read.seconds(0, 31536000)),
    Setting("CIMD_STALE_MAX", 86400, "seconds past its lifetime that a copy serves existing grants while a refetch fails", read.seconds(0, 86400)),
    Setting("CIMD_FAILURE_BACKOFF", 0, "seconds during which a URL that failed is not asked again", read.seconds(0, 10)),
    Setting("CIMD_CACHE_SIZE", None, "clients kept, in a shared store as many key sets and logos besides; the least recently used go first in memory, the first to expire in a shared store; "
            "`None` = 1000 in memory, a million in a shared store", read.optional_count(1, 100_000_000)),
    Setting("CIMD_ALLOWED_PORTS", None, "ports to connect to; `None` = any", read.ports),
    Setting("CIMD_ALLOWED_HOSTS", None, "host patterns let in (`app.example`, `.example.com`); `None` = any", read.optional_hosts),
    Setting("CIMD_DENIED_HOSTS", (), "host patterns turned away before any look-up", read.hosts),
    Setting("CIMD_TRUSTED_HOSTS", (), "host patterns of clients in the tier `trusted`", read.hosts),
    Setting("CIMD_SERVICE_HOSTS", (), "hosts where anybody can publish a document for an app in the making: consent pages say so", read.hosts),
    Setting("CIMD_REDIRECT_RELATION", "any", "how redirect URIs relate to the client's URL: `any`, `same-site` (that host, above or below it) or `same-origin`", read.one_of("any", "same-site", "same-origin")),
    Setting("CIMD_REDIRECT_EXEMPT_HOSTS", (), "document hosts that `CIMD_REDIRECT_RELATION` does not bind: services for developers", read.hosts),
    Setting("CIMD_AUTH_METHODS", ("none",), "client authentication methods this server has", read.methods),
    Setting("CIMD_ASSERTION_AUDIENCES", (), "accepted in assertions instead of the issuer, such as the token endpoint's URL for older clients", read.items),
    Setting("CIMD_REQUIRE_AUTH_METHOD", False, "refuse documents without `token_endpoint_auth_method`", read.flag),
    Setting("CIMD_ALLOW_ROOT_PATH", True, "accept the path `/`", read.flag),
    Setting("CIMD_ALLOW_QUERY", True, "accept a query in the client's URL", read.flag),
    Setting("CIMD_LENIENT_MEDIA_TYPE", False, "read `text/plain` as a JSON document, as raw Git hosting serves it", read.flag),
    Setting("CIMD_LOCALHOST_ANY_PORT", True, "let the port of a redirect to the name `localhost` differ, as for `127.0.0.1`", read.flag),
    Setting("CIMD_ALLOW_DOTLESS_SCHEMES", False, "accept redirect schemes such as `myapp:` from documents", read.flag),
    Setting("CIMD_ALLOW_HTTP_CLIENTS", False, "IndieAuth clients over plain http: anybody on the way can forge them", read.flag),
    Setting("CIMD_FOLLOW_PAGE_REDIRECTS", False, "follow at most 3 redirects within one host, to a page only", read.flag),
    Setting("CIMD_CONTINUE_WITHOUT_CLIENT_INFO", False, "let IndieAuth clients in whose page cannot be read, with redirects within their own origin", read.flag),
    Setting("CIMD_ALLOW_LOOPBACK_CLIENTS", False, "IndieAuth clients on `http://localhost`, never fetched", read.flag),
    Setting("CIMD_ALLOW_VIRTUAL_CLIENTS", False, "AT Protocol's `http://localhost?redirect_uri=…` clients for developers, never fetched", read.flag),
    Setting("CIMD_REQUIRE_PKCE", True, "off lets page and loopback clients come without PKCE; all others need it always", read.flag),
    Setting("CIMD_LEGACY_RESPONSE_TYPE", False, "page and loopback clients: `response_type=id`, or none, is a sign-in without access", read.flag),
    Setting("CIMD_LEGACY_ME", False, "page and loopback clients: add the person's address to the redirect", read.flag),
    Setting("CIMD_LEGACY_REDEEM", True, "take a code at the authorization endpoint without `grant_type`", read.flag),
    Setting("CIMD_LEGACY_TOKEN_VERIFICATION", True, "answer a GET at the token endpoint about the token it presents", read.flag),
    Setting("CIMD_LEGACY_REVOKE", True, "take `action=revoke` at the token endpoint", read.flag),
    Setting("CIMD_PUBLISH_ENDPOINT_RELS", True, "a profile page should name the endpoints themselves, for clients of before 2022", read.flag),
    Setting("CIMD_STORE", "memory", "`memory`, `sqlalchemy`, `redis`, or an object", read.store),
    Setting("CIMD_REDIS_URL", None, "for `CIMD_STORE = \"redis\"`: `redis://host:port/number`, `rediss://` or `unix://`", read.optional_text),
    Setting("CIMD_MAX_FETCHES", 4, "simultaneous fetches of one process, below its thread count", read.count(1, 1000)),
    Setting("CIMD_SITE_FETCHES", 30, "documents of one site, and again as many key sets and logos, that a process fetches within `CIMD_SITE_WINDOW`; hosts on this computer count only if it is set", read.count(1, 1_000_000)),
    Setting("CIMD_SITE_WINDOW", 60, "seconds", read.seconds(1, 86400)),
    Setting("CIMD_SHARED_DOMAINS", (), "domains whose subdomains belong to different people (`pages.example`), beside those of the extra `sites`", read.hosts),
    Setting("CIMD_LOGO_POLICY", "any", "where a logo may come from: `any` host, or `same-site` as the client's URL (that host, above or below it)", read.one_of("any", "same-site")),
    Setting("CIMD_LOGOS", False, "fetch, redraw and serve clients' logos; needs the extra `logo`", read.flag),
    Setting("CIMD_MAX_LOGO_SIZE", 524288, "bytes of a logo; one more and there is none", read.count(1024, 4194304)),
    Setting("CIMD_PROXY", None, "proxy URL for fetches; the proxy must then check addresses", read.optional_text),
    Setting("CIMD_CA_BUNDLE", None, "file of trusted certificates; `None` = certifi", read.optional_text),
    Setting("CIMD_USER_AGENT", None, "`None` = name, version and address of this package", read.text),
    Setting("CIMD_NAT64", False, "IPv6-only network: judge the IPv4 address inside `64:ff9b::/96`", read.flag),
    Setting("CIMD_ALLOW_LOOPBACK", False, "development only: https clients on this computer; logged at start", read.flag),
    Setting("CIMD_DEVELOPMENT_HOSTS", {}, "development only: `name=127.0.0.1:port`, honoured with `CIMD_ALLOW_LOOPBACK`", read.development_hosts),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of one app, as the rooms read them."""

    identifier_rules: IdentifierRules
    document_rules: DocumentRules
    fetch: FetchSettings
    bounds: Bounds
    assertion_audiences: tuple[str, ...]
    stale_max: timedelta
    failure_backoff: timedelta
    policy: Policy
    legacy: LegacyRules
    indieauth_fallback: bool
    lenient_media_type: bool
    follow_page_redirects: bool
    continue_without_client_info: bool
    max_document_size: int
    max_html_size: int
    max_fetches: int
    cache_size: int | None
    store: Any
    logos: bool
    max_logo_size: int
    redis_url: str | None
    site_fetches: int
    site_window: float
    shared_domains: tuple[HostPattern, ...]
    counts_loopback: bool

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Settings:
        """Read and check every ``CIMD_*`` key of an app's configuration.

        Unknown keys are logged with the nearest valid name.

        Raises:
            ConfigurationError: a value is out of bounds or of the wrong type.
        """
        _warn_about_unknown(config)
        strict = config.get("CIMD_PROFILE") == "strict"
        values = {s.key: _read(s, config, strict=strict) for s in SETTINGS}
        _check_together(values)
        return _assemble(values, counts_loopback="CIMD_SITE_FETCHES" in config)

    def site_limits(self) -> SiteLimits:
        """Return a fresh count of fetches by site."""
        local = set() if self.counts_loopback else LOOPBACK_HOSTS | set(self.fetch.development_hosts)
        return SiteLimits(
            self.site_fetches,
            self.site_window,
            site_of=site_finder(self.shared_domains),
            exempt=local.__contains__,
        )


#: What ``CIMD_PROFILE = "strict"`` changes; keys that are set explicitly win.
_STRICT = {"CIMD_ALLOW_ROOT_PATH": False, "CIMD_ALLOW_QUERY": False, "CIMD_INDIEAUTH_FALLBACK": False}


def _read(setting: Setting, config: Mapping[str, Any], *, strict: bool) -> Any:
    default = _STRICT.get(setting.key, setting.default) if strict else setting.default
    try:
        return setting.read(config.get(setting.key, default))
    except (ValueError, TypeError, AttributeError) as exc:
        raise ConfigurationError(f"{setting.key}: {exc}") from exc


def _warn_about_unknown(config: Mapping[str, Any]) -> None:
    known = [s.key for s in SETTINGS]
    for key in config:
        if key.startswith("CIMD_") and key not in known:
            nearest = difflib.get_close_matches(key, known, n=1)
            logger.warning("unknown setting %s%s", key, f"; did you mean {nearest[0]}?" if nearest else "")


def _check_together(values: Mapping[str, Any]) -> None:
    if not values["CIMD_CACHE_MIN"] <= values["CIMD_CACHE_DEFAULT"] <= values["CIMD_CACHE_MAX"]:
        raise ConfigurationError("CIMD_CACHE_MIN, CIMD_CACHE_DEFAULT and CIMD_CACHE_MAX must rise in this order")
    if values["CIMD_DEVELOPMENT_HOSTS"] and not values["CIMD_ALLOW_LOOPBACK"]:
        logger.warning("CIMD_DEVELOPMENT_HOSTS is ignored without CIMD_ALLOW_LOOPBACK")
    if values["CIMD_ALLOW_LOOPBACK"]:
        logger.warning("CIMD_ALLOW_LOOPBACK is on: clients on this computer are fetched; never use this in production")


def _assemble(v: Mapping[str, Any], *, counts_loopback: bool) -> Settings:
    loopback = v["CIMD_ALLOW_LOOPBACK"]
    fallback = v["CIMD_INDIEAUTH_FALLBACK"]
    return Settings(
        identifier_rules=IdentifierRules(
            allow_root_path=v["CIMD_ALLOW_ROOT_PATH"],
            allow_query=v["CIMD_ALLOW_QUERY"],
            allow_loopback=loopback,
            indieauth=fallback,
            allow_http_clients=v["CIMD_ALLOW_HTTP_CLIENTS"],
            allow_loopback_clients=v["CIMD_ALLOW_LOOPBACK_CLIENTS"],
            allow_virtual_clients=v["CIMD_ALLOW_VIRTUAL_CLIENTS"],
        ),
        document_rules=DocumentRules(
            auth_methods=v["CIMD_AUTH_METHODS"],
            allow_dotless_schemes=v["CIMD_ALLOW_DOTLESS_SCHEMES"],
            require_auth_method=v["CIMD_REQUIRE_AUTH_METHOD"],
            localhost_any_port=v["CIMD_LOCALHOST_ANY_PORT"],
            logo_policy=v["CIMD_LOGO_POLICY"],
            allow_loopback=loopback,
            indieauth=fallback,
            redirect_relation=v["CIMD_REDIRECT_RELATION"],
            redirect_exempt_hosts=v["CIMD_REDIRECT_EXEMPT_HOSTS"],
        ),
        fetch=FetchSettings(
            timeout=v["CIMD_FETCH_TIMEOUT"],
            connect_timeout=v["CIMD_CONNECT_TIMEOUT"],
            allowed_ports=v["CIMD_ALLOWED_PORTS"],
            allow_loopback=loopback,
            development_hosts=v["CIMD_DEVELOPMENT_HOSTS"] if loopback else {},
            proxy=v["CIMD_PROXY"],
            ca_bundle=v["CIMD_CA_BUNDLE"],
            user_agent=v["CIMD_USER_AGENT"],
            nat64=v["CIMD_NAT64"],
            allow_http=fallback and v["CIMD_ALLOW_HTTP_CLIENTS"],
        ),
        bounds=Bounds(
            minimum=timedelta(seconds=v["CIMD_CACHE_MIN"]),
            default=timedelta(seconds=v["CIMD_CACHE_DEFAULT"]),
            maximum=timedelta(seconds=v["CIMD_CACHE_MAX"]),
        ),
        assertion_audiences=v["CIMD_ASSERTION_AUDIENCES"],
        stale_max=timedelta(seconds=v["CIMD_STALE_MAX"]),
        failure_backoff=timedelta(seconds=v["CIMD_FAILURE_BACKOFF"]),
        policy=Policy(
            allowed_hosts=v["CIMD_ALLOWED_HOSTS"],
            denied_hosts=v["CIMD_DENIED_HOSTS"],
            trusted_hosts=v["CIMD_TRUSTED_HOSTS"],
            service_hosts=v["CIMD_SERVICE_HOSTS"],
        ),
        legacy=LegacyRules(
            require_pkce=v["CIMD_REQUIRE_PKCE"],
            response_type=v["CIMD_LEGACY_RESPONSE_TYPE"],
            me=v["CIMD_LEGACY_ME"],
            redeem=v["CIMD_LEGACY_REDEEM"],
            token_verification=v["CIMD_LEGACY_TOKEN_VERIFICATION"],
            revoke=v["CIMD_LEGACY_REVOKE"],
            endpoint_rels=v["CIMD_PUBLISH_ENDPOINT_RELS"],
        ),
        indieauth_fallback=fallback,
        lenient_media_type=v["CIMD_LENIENT_MEDIA_TYPE"],
        follow_page_redirects=fallback and v["CIMD_FOLLOW_PAGE_REDIRECTS"],
        continue_without_client_info=fallback and v["CIMD_CONTINUE_WITHOUT_CLIENT_INFO"],
        max_document_size=v["CIMD_MAX_DOCUMENT_SIZE"],
        max_html_size=v["CIMD_MAX_HTML_SIZE"],
        max_fetches=v["CIMD_MAX_FETCHES"],
        cache_size=v["CIMD_CACHE_SIZE"],
        store=v["CIMD_STORE"],
        logos=v["CIMD_LOGOS"],
        max_logo_size=v["CIMD_MAX_LOGO_SIZE"],
        redis_url=v["CIMD_REDIS_URL"],
        site_fetches=v["CIMD_SITE_FETCHES"],
        site_window=v["CIMD_SITE_WINDOW"],
        shared_domains=v["CIMD_SHARED_DOMAINS"],
        counts_loopback=counts_loopback,
    )
