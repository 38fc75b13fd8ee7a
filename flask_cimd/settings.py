"""The ``CIMD_*`` settings: each declared once, read once from the app's configuration, checked and frozen."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from functools import cached_property
from typing import Any, Literal

from .core import setting_values as read
from .core.addresses import Network
from .core.freshness import Bounds
from .core.identifier import IdentifierRules
from .core.legacy import LegacyRules
from .core.policy import HostPattern, Policy
from .core.profile import Profile, read_profile
from .core.rules import DocumentRules
from .core.setting_values import Setting, declare, declared_settings
from .errors import ConfigurationError

logger = logging.getLogger(__name__)

_MOST_DAY, _MOST_YEAR = 86_400, 31_536_000  # seconds
_SITE_WINDOW = 60  # seconds


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of one app.

    Each field is the configuration key ``CIMD_`` and its name in capitals; the properties group them for the modules
    that use them.

    Attributes:
        counts_loopback: whether fetches from hosts on this computer count towards ``CIMD_SITE_FETCHES``.
    """

    profile: Profile = declare(
        "clients",
        "draft",
        "rules for URLs and documents: `draft`, `strict`, a `Profile`, or text such as `draft, lenient_media_type, "
        "allow_query=no`",
        read_profile,
    )
    indieauth: str | Literal[False] = declare(
        "clients",
        "2024",
        "accept clients without a JSON document, as old as IndieAuth's version of `2024`, `2022` or `2019`; `False` "
        "accepts none and is the default with `strict`",
        read.indieauth,
    )
    allow_http_clients: bool = declare(
        "clients",
        False,
        "accept IndieAuth clients over plain http, which anyone on the network path can forge",
        read.flag,
    )
    continue_without_client_info: bool = declare(
        "clients",
        False,
        "accept IndieAuth clients whose page cannot be read; they redirect within their own origin",
        read.flag,
    )
    auth_methods: tuple[str, ...] = declare(
        "clients", ("none",), "client authentication methods, of `none` and `private_key_jwt`", read.methods
    )
    assertion_audiences: tuple[str, ...] = declare(
        "clients",
        (),
        "audiences of client assertions that are accepted besides the issuer, such as the token endpoint's URL",
        read.items,
    )
    allowed_hosts: tuple[HostPattern, ...] | None = declare(
        "hosts",
        None,
        "host patterns that are accepted (`app.example`, `.example.com`); `None` accepts any",
        read.optional_hosts,
    )
    denied_hosts: tuple[HostPattern, ...] = declare(
        "hosts", (), "host patterns that are refused before any name look-up", read.hosts
    )
    trusted_hosts: tuple[HostPattern, ...] = declare(
        "hosts", (), "host patterns of clients in the tier `trusted`", read.hosts
    )
    service_hosts: tuple[HostPattern, ...] = declare(
        "hosts",
        (),
        "host patterns of services that publish documents for apps under development; the consent page warns",
        read.hosts,
    )
    private_hosts: Mapping[str, tuple[Network, ...]] = declare(
        "hosts",
        {},
        "clients in your own network: `host=network network,…`; exact names, with addresses in these networks only",
        read.private_hosts,
    )
    shared_domains: tuple[HostPattern, ...] = declare(
        "hosts",
        (),
        "domains whose subdomains belong to different owners (`pages.example`), besides those of the extra `sites`",
        read.hosts,
    )
    fetch_timeout: float = declare(
        "fetches",
        5,
        "deadline of a whole fetch: name look-up, connection, TLS, headers and body",
        read.seconds(0.1, 10),
        unit="seconds",
    )
    connect_timeout: float = declare(
        "fetches", 2, "timeout of one connection attempt", read.seconds(0.1, 10), unit="seconds"
    )
    max_document_size: int = declare("fetches", 5120, "largest JSON document", read.count(256, 1_048_576), unit="bytes")
    max_html_size: int = declare("fetches", 262_144, "largest web page", read.count(256, 524_288), unit="bytes")
    allowed_ports: tuple[int, ...] | None = declare(
        "fetches", None, "ports that may be connected to; `None` allows any", read.ports
    )
    max_fetches: int = declare(
        "fetches",
        4,
        "simultaneous fetches of one process, apart for people, for strangers, and for clients with a grant; "
        "keep it below a third of the number of threads",
        read.count(1, 1000),
        unit="fetches",
    )
    site_fetches: int = declare(
        "fetches",
        30,
        "documents of one site that a process fetches, and again as many key sets and logos; hosts on this computer "
        "count only if the key is set",
        read.count(1, 1_000_000),
        unit="fetches a minute",
    )
    failure_backoff: timedelta = declare(
        "fetches",
        0,
        "time during which a URL is not fetched again after a failure",
        read.duration(0, 10),
        unit="seconds",
    )
    proxy: str | None = declare("fetches", None, "proxy URL; the proxy must then check addresses", read.optional_text)
    ca_bundle: str | None = declare("fetches", None, "trusted certificates; `None` uses certifi", read.optional_text)
    user_agent: str = declare(
        "fetches", None, "`User-Agent` header; `None` sends name and version of this package", read.user_agent
    )
    nat64: bool = declare("fetches", False, "on IPv6-only networks: check the IPv4 in `64:ff9b::/96`", read.flag)
    store: Any = declare(
        "cache",
        "memory",
        "`memory`, `sqlalchemy`, a Redis URL (`redis://host:port/number`, `rediss://…`, `unix://…`) or a store object",
        read.store,
    )
    cache_size: int | None = declare(
        "cache",
        None,
        "clients that are kept, and in a shared store as many key sets and logos; memory drops the least recently "
        "used, a shared store the first to expire; `None` keeps 1000 in memory, a million in a shared store",
        read.optional_count(1, 100_000_000),
        unit="clients",
    )
    cache_min: timedelta = declare(
        "cache", 60, "shortest lifetime; 0 follows the response headers", read.duration(0, _MOST_DAY), unit="seconds"
    )
    cache_default: timedelta = declare(
        "cache", 3600, "lifetime without caching headers", read.duration(0, _MOST_YEAR), unit="seconds"
    )
    cache_max: timedelta = declare("cache", 86_400, "longest lifetime", read.duration(0, _MOST_YEAR), unit="seconds")
    stale_max: timedelta = declare(
        "cache",
        86_400,
        "time after its lifetime during which a stale copy serves existing grants while fetches fail",
        read.duration(0, _MOST_DAY),
        unit="seconds",
    )
    logos: bool = declare(
        "logos", False, "fetch, re-encode and serve the logos of clients; needs the extra `logo`", read.flag
    )
    max_logo_size: int = declare("logos", 524_288, "largest logo", read.count(1024, 4_194_304), unit="bytes")
    allow_loopback: bool = declare(
        "development", False, "accept https clients on this computer; never in production; logged at start", read.flag
    )
    development_hosts: Mapping[str, tuple[str, int]] = declare(
        "development", {}, "`name=127.0.0.1:port,…`; needs `CIMD_ALLOW_LOOPBACK`", read.development_hosts
    )
    counts_loopback: bool = False

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Settings:
        """Read and check every ``CIMD_*`` key of an app's configuration.

        Unknown keys are logged with the nearest valid name.

        Raises:
            ConfigurationError: a value is out of bounds or of the wrong type.
        """
        _warn_about_unknown(config)
        defaults = {"CIMD_INDIEAUTH": False} if read.is_strict(config.get("CIMD_PROFILE")) else {}
        values = {s.name: _read(s, config.get(s.key, defaults.get(s.key, s.default))) for s in SETTINGS}
        settings = cls(**values, counts_loopback="CIMD_SITE_FETCHES" in config)
        _check_together(settings)
        return settings._without_unused()

    def _without_unused(self) -> Settings:
        """Return the settings without those that need another setting, which is off."""
        changes: dict[str, Any] = {}
        if not self.indieauth:
            profile = replace(self.profile, follow_page_redirects=False)
            changes |= {"profile": profile, "allow_http_clients": False, "continue_without_client_info": False}
        if not self.allow_loopback:
            changes["development_hosts"] = {}
        return replace(self, **changes)

    @cached_property
    def identifier_rules(self) -> IdentifierRules:
        """Rules for client identifier URLs."""
        return IdentifierRules(
            allow_root_path=self.profile.allow_root_path,
            allow_query=self.profile.allow_query,
            allow_loopback=self.allow_loopback,
            indieauth=bool(self.indieauth),
            allow_http_clients=self.allow_http_clients,
            allow_loopback_clients=self.profile.allow_loopback_clients,
            allow_virtual_clients=self.profile.allow_virtual_clients,
        )

    @cached_property
    def document_rules(self) -> DocumentRules:
        """Rules for the metadata of clients."""
        return DocumentRules(
            auth_methods=self.auth_methods,
            allow_dotless_schemes=self.profile.allow_dotless_schemes,
            require_auth_method=self.profile.require_auth_method,
            localhost_any_port=self.profile.localhost_any_port,
            logo_policy=self.profile.logo_policy,
            allow_loopback=self.allow_loopback,
            indieauth=bool(self.indieauth),
            redirect_relation=self.profile.redirect_relation,
            redirect_exempt_hosts=tuple(HostPattern.parse(host) for host in self.profile.redirect_exempt_hosts),
        )

    @cached_property
    def legacy(self) -> LegacyRules:
        """Rules for requests of older IndieAuth clients."""
        return LegacyRules.of_version(self.indieauth)

    @cached_property
    def bounds(self) -> Bounds:
        """The limits on lifetimes."""
        return Bounds(minimum=self.cache_min, default=self.cache_default, maximum=self.cache_max)

    @cached_property
    def policy(self) -> Policy:
        """The static rules about hosts."""
        return Policy(
            allowed_hosts=self.allowed_hosts,
            denied_hosts=self.denied_hosts,
            trusted_hosts=self.trusted_hosts,
            service_hosts=self.service_hosts,
        )


#: Every setting, in the order of the documentation.
SETTINGS = declared_settings(Settings)

#: Replacements of keys of earlier versions.
_MOVED = {
    **{f"CIMD_{declared.name.upper()}": f"{declared.name} in CIMD_PROFILE" for declared in fields(Profile)},
    "CIMD_REQUIRE_PKCE": "CIMD_INDIEAUTH",
    "CIMD_PUBLISH_ENDPOINT_RELS": "CIMD_INDIEAUTH",
    "CIMD_REDIS_URL": "CIMD_STORE",
    "CIMD_SITE_WINDOW": "CIMD_SITE_FETCHES",
}


def _read(setting: Setting, value: Any) -> Any:
    try:
        return setting.read(value)
    except (ValueError, TypeError, AttributeError) as exc:
        raise ConfigurationError(f"{setting.key}: {exc}") from exc


def _warn_about_unknown(config: Mapping[str, Any]) -> None:
    known = [setting.key for setting in SETTINGS]
    for key in config:
        if key.startswith("CIMD_") and key not in known:
            nearest = _nearest(key, known)
            logger.warning("unknown setting %s%s", key, f"; did you mean {nearest}?" if nearest else "")


def _nearest(key: str, known: list[str]) -> str | None:
    if key.startswith("CIMD_LEGACY_"):
        return "CIMD_INDIEAUTH"
    found = difflib.get_close_matches(key, [*known, *_MOVED], n=1)
    return _MOVED.get(found[0], found[0]) if found else None


def _check_together(settings: Settings) -> None:
    if not settings.cache_min <= settings.cache_default <= settings.cache_max:
        raise ConfigurationError("CIMD_CACHE_MIN, CIMD_CACHE_DEFAULT and CIMD_CACHE_MAX must rise in this order")
    if settings.development_hosts and not settings.allow_loopback:
        logger.warning("CIMD_DEVELOPMENT_HOSTS is ignored without CIMD_ALLOW_LOOPBACK")
    if settings.profile.require_auth_method:
        logger.warning("require_auth_method in CIMD_PROFILE is deprecated: CIMD -03 reads an omitted method as none")
    for host, networks in settings.private_hosts.items():
        logger.warning("CIMD_PRIVATE_HOSTS: clients on %s are fetched inside %s", host, ", ".join(map(str, networks)))
    if settings.allow_loopback:
        logger.warning("CIMD_ALLOW_LOOPBACK is on: clients on this computer are fetched; never use this in production")
