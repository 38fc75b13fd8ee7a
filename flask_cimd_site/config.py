"""The environment of the site: read once, checked, frozen."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from limits import parse

from flask_cimd import ConfigurationError
from flask_cimd.core import WebURL, check_did, check_handle, did_web
from flask_cimd.oauth import Resource

DEVELOPMENT_PASSWORD = "let-me-in"  # noqa: S105  refused outside development
_DEVELOPMENT_KEY = "development"
#: Least number of characters of the owner's password, and of the key that signs cookies.
SHORTEST_PASSWORD, _SHORTEST_KEY = 12, 8
#: The same of the bearer token of the metrics, which nobody has to remember.
_SHORTEST_TOKEN = 16
_SCRYPT_HASH = re.compile(r"scrypt:(\d{1,8}):(\d{1,2}):(\d{1,2})\$[A-Za-z0-9./]{8,64}\$[0-9a-f]{128}")
#: Bounds of N · r of a given hash (128 bytes of memory each), and of N · r · p, which is its work.
_LARGEST_SCRYPT, _SMALLEST_SCRYPT = 2**20, 2**17
_DEVELOPMENT_HANDLE = "owner.test"
#: Largest number in ``DEMO_TRUSTED_PROXIES``.
_MOST_PROXIES = 16
_DEFAULT_LOGIN_LIMIT = "10 per 15 minutes"
_DEFAULT_FETCH_LIMIT = "30 per hour"
_DEFAULT_PUSH_LIMIT = "60 per minute"
_DEFAULT_REGISTRATION_LIMIT = "10 per hour"
_DEFAULT_CHECK_LIMIT = "5 per 10 minutes"
#: Folder of a checkout's database and, in development, of the sample apps' certificate.
INSTANCE = Path(__file__).resolve().parent.parent / "instance"

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """The configuration of one site.

    Attributes:
        base_url: public origin without a trailing slash; the issuer.
        me: the owner's canonical profile URL.
        owner_password: the password that a new site begins with; ``None`` if there is a hash, or neither.
        owner_password_hash: its scrypt hash as `werkzeug.security` writes it.
        handle: the owner's name on the AT Protocol.
        did: the owner's DID.
        mcp_url: URL of the MCP endpoint for the notes, and resource identifier of its tokens; or ``None``.
        mcp_origins: origins of web apps whose scripts may call the MCP endpoint.
        fetch_limit: rate limit by address of pushed requests that cause a fetch; ``None`` in development.
        push_limit: rate limit by address of all pushed requests; ``None`` in development.
        dynamic_registration: ``True`` lets apps without a URL of their own register themselves.
        registration_limit: rate limit by address of registrations; ``None`` in development.
        public_check: ``True`` lets strangers check apps at ``/check``.
        check_limit: rate limit by address of their checks; ``None`` in development.
        trusted_proxies: number of proxies in front of the site, or their networks; ``None`` is one proxy.
        metrics_token: bearer token that ``/metrics`` asks for; ``None`` if there are no metrics.
        zone: IANA name of the time zone in which pages show instants.
        login_limit: rate limit by address of failed logins; ``None`` in development.
        cimd: every ``CIMD_*`` setting under its own name.
    """

    base_url: str
    host: str
    port: int
    database_url: str
    owner_password: str | None
    secret_key: str
    me: str
    handle: str
    did: str
    owner_name: str
    owner_email: str | None
    owner_note: str
    owner_links: tuple[str, ...]
    development: bool
    login_limit: str | None
    fetch_limit: str | None
    push_limit: str | None
    registration_limit: str | None
    metrics_token: str | None = None
    zone: str = "UTC"
    trusted_proxies: int | tuple[Network, ...] | None = None
    dynamic_registration: bool = False
    public_check: bool = False
    check_limit: str | None = None
    owner_password_hash: str | None = None
    mcp_url: str | None = None
    mcp_origins: tuple[str, ...] = ()
    cimd: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_https(self) -> bool:
        """``True`` if the site has an https origin."""
        return self.base_url.startswith("https://")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Configuration:
        """Read the ``DEMO_*`` and ``CIMD_*`` variables.

        Raises:
            ConfigurationError: one is missing or unusable, or a default secret is used outside development.
        """
        development = _flag(environment, "DEMO_DEVELOPMENT")
        port = _port(environment.get("DEMO_PORT", "5000"))
        base_url = environment.get("DEMO_BASE_URL") or (f"http://127.0.0.1:{port}" if development else "")
        if not base_url:
            raise ConfigurationError("DEMO_BASE_URL is not set; it is the public origin, such as https://me.example")
        _check_origin(base_url, development=development)
        return cls(
            base_url=base_url,
            host=environment.get("DEMO_HOST", "127.0.0.1"),
            port=port,
            database_url=_database_url(environment.get("DEMO_DATABASE_URL")),
            owner_password=_password(environment, development=development),
            owner_password_hash=_password_hash(environment, development=development),
            secret_key=_secret_key(environment, development=development),
            me=_profile_url(environment.get("DEMO_ME") or base_url + "/", development=development),
            handle=_handle(environment.get("DEMO_HANDLE"), base_url, development=development),
            did=_did(environment.get("DEMO_DID"), base_url),
            owner_name=environment.get("DEMO_OWNER_NAME") or "The owner",
            owner_email=environment.get("DEMO_OWNER_EMAIL") or None,
            owner_note=environment.get("DEMO_OWNER_NOTE", ""),
            owner_links=_links(environment.get("DEMO_OWNER_LINKS", "")),
            development=development,
            fetch_limit=_limit(environment, "DEMO_FETCH_LIMIT", None if development else _DEFAULT_FETCH_LIMIT),
            push_limit=_limit(environment, "DEMO_PUSH_LIMIT", None if development else _DEFAULT_PUSH_LIMIT),
            login_limit=_limit(environment, "DEMO_LOGIN_LIMIT", None if development else _DEFAULT_LOGIN_LIMIT),
            registration_limit=_limit(
                environment, "DEMO_REGISTRATION_LIMIT", None if development else _DEFAULT_REGISTRATION_LIMIT
            ),
            metrics_token=_metrics_token(environment),
            zone=_zone(environment.get("DEMO_ZONE") or "UTC"),
            trusted_proxies=_proxies(environment.get("DEMO_TRUSTED_PROXIES", "")),
            dynamic_registration=_flag(environment, "DEMO_DYNAMIC_REGISTRATION"),
            public_check=_flag(environment, "DEMO_PUBLIC_CHECK"),
            check_limit=_limit(environment, "DEMO_CHECK_LIMIT", None if development else _DEFAULT_CHECK_LIMIT),
            mcp_url=_resource_url(environment.get("DEMO_MCP_URL"), development=development),
            mcp_origins=_origins(environment.get("DEMO_MCP_ORIGINS", "")),
            cimd=_cimd_settings(environment, development=development, legacy=_flag(environment, "DEMO_LEGACY_CLIENTS")),
        )


def _check_origin(url: str, *, development: bool) -> None:
    parsed = WebURL.parse(url)
    if parsed is None or (parsed.scheme == "http" and not (development and parsed.is_loopback)):
        raise ConfigurationError("DEMO_BASE_URL must be an https origin, such as https://me.example")
    if {"/", "?", "#"} & set(url.partition("://")[2]):
        raise ConfigurationError("DEMO_BASE_URL must be a bare origin, without path, query and fragment")
    if url != url.lower():  # it is the issuer, which clients compare as a string
        raise ConfigurationError(f"DEMO_BASE_URL must be written in lower case: {url.lower()}")


def _handle(text: str | None, base_url: str, *, development: bool) -> str:
    host = urlsplit(base_url).hostname or ""
    try:
        return check_handle(text or (_DEVELOPMENT_HANDLE if development else host))
    except ValueError as exc:
        raise ConfigurationError(f"DEMO_HANDLE: {exc}") from exc


def _did(text: str | None, base_url: str) -> str:
    try:
        return check_did(text or did_web(base_url))
    except ValueError as exc:
        raise ConfigurationError(f"DEMO_DID: {exc}") from exc


def _port(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise ConfigurationError("DEMO_PORT must be a port number")
    return int(text)


def _limit(environment: Mapping[str, str], name: str, default: str | None) -> str | None:
    """Flask-Limiter goes on without any limit where it cannot read one, so it is read here first."""
    text = environment.get(name) or default
    try:
        is_usable = text is None or parse(text).amount > 0
    except ValueError:
        is_usable = False
    if not is_usable:
        raise ConfigurationError(f"{name} must be a limit such as {_DEFAULT_LOGIN_LIMIT}")
    return text


def _proxies(text: str) -> int | tuple[Network, ...] | None:
    if not text.strip():
        return None
    try:
        if text.strip().isdecimal():
            return range(_MOST_PROXIES + 1)[int(text)]
        return tuple(ip_network(network) for network in text.replace(",", " ").split())
    except (ValueError, IndexError) as exc:
        raise ConfigurationError(
            "DEMO_TRUSTED_PROXIES must be the number of proxies, such as 1, or their networks, such as 10.0.0.0/8"
        ) from exc


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as exc:  # the name is looked up as a file
        raise ConfigurationError("DEMO_ZONE must be the IANA name of a time zone, such as Europe/Berlin") from exc
    return name


def _links(text: str) -> tuple[str, ...]:
    links = tuple(text.split())
    if not all(WebURL.parse(link) for link in links):
        raise ConfigurationError("DEMO_OWNER_LINKS must be http or https URLs without a user, with blanks between them")
    return links


def _text(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "")
    try:
        value.encode()
    except UnicodeEncodeError as exc:
        raise ConfigurationError(f"{name} must be text in UTF-8") from exc
    return value


def _secret_key(environment: Mapping[str, str], *, development: bool) -> str:
    value = _text(environment, "DEMO_SECRET_KEY")
    if development:
        return value or _DEVELOPMENT_KEY
    if value == _DEVELOPMENT_KEY or len(value) < _SHORTEST_KEY:
        raise ConfigurationError(
            f"DEMO_SECRET_KEY must be set to a value of your own with at least {_SHORTEST_KEY} characters"
        )
    return value


def _metrics_token(environment: Mapping[str, str]) -> str | None:
    value = _text(environment, "DEMO_METRICS_TOKEN")
    if value and (len(value) < _SHORTEST_TOKEN or value.split() != [value]):
        raise ConfigurationError(f"DEMO_METRICS_TOKEN must have at least {_SHORTEST_TOKEN} characters, without blanks")
    return value or None


def _password(environment: Mapping[str, str], *, development: bool) -> str | None:
    """Return the password of a new site; without one, its owner chooses it in the browser."""
    value = _text(environment, "DEMO_OWNER_PASSWORD")
    if environment.get("DEMO_OWNER_PASSWORD_HASH"):
        if value:
            raise ConfigurationError("set DEMO_OWNER_PASSWORD or DEMO_OWNER_PASSWORD_HASH, not both")
        return None
    if development:  # also shorter ones: this mode protects nothing
        return value or (None if _flag(environment, "DEMO_FIRST_RUN") else DEVELOPMENT_PASSWORD)
    if value and len(value) < SHORTEST_PASSWORD:  # longer than the default one, too
        raise ConfigurationError(f"DEMO_OWNER_PASSWORD must have at least {SHORTEST_PASSWORD} characters")
    return value or None


def _password_hash(environment: Mapping[str, str], *, development: bool) -> str | None:
    value = environment.get("DEMO_OWNER_PASSWORD_HASH") or None
    if value is None:
        return None
    found = _SCRYPT_HASH.fullmatch(value)
    cost, block, parallel = map(int, found.groups()) if found else (0, 0, 0)
    well_formed = (
        cost > 1 and cost & (cost - 1) == 0 and cost * block <= _LARGEST_SCRYPT and 0 < parallel <= block <= 32
    )
    if not well_formed or not (development or cost * block * parallel >= _SMALLEST_SCRYPT):
        raise ConfigurationError(
            "DEMO_OWNER_PASSWORD_HASH must be a scrypt hash as werkzeug.security.generate_password_hash returns it"
        )
    return value


def _profile_url(url: str, *, development: bool) -> str:
    """Return the URL, its host in lower case, if it can name a person (IndieAuth §3.2, §3.4).

    In development it may also be one on this computer.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError as exc:
        raise ConfigurationError("DEMO_ME is not a URL") from exc
    segments = parts.path.lower().replace("%2e", ".").split("/")
    well_formed = parts.scheme in ("https", "http") and parts.path.startswith("/") and url.isascii()
    if not well_formed or "#" in url or "@" in parts.netloc or {".", ".."} & set(segments):
        raise ConfigurationError("DEMO_ME must be a URL with a path, such as https://me.example/; letters as xn--")
    named = "." in host and not host.endswith(".") and not host.replace(".", "").isdigit() and ":" not in parts.netloc
    if not named and not development:
        raise ConfigurationError("DEMO_ME must have a domain name and no port")
    return url.replace(parts.netloc, parts.netloc.lower(), 1)


def _resource_url(url: str | None, *, development: bool) -> str | None:
    if not url:
        return None
    parts = urlsplit(url)
    local = development and parts.hostname in ("127.0.0.1", "localhost", "::1")
    if not Resource.is_identifier(url) or not (parts.scheme == "https" or (parts.scheme == "http" and local)):
        raise ConfigurationError("DEMO_MCP_URL must be an https URL, such as https://me.example/mcp")
    return url


def _origins(text: str) -> tuple[str, ...]:
    """Read origins with blanks or commas between them; browsers compare them character by character."""
    origins = tuple(text.replace(",", " ").split())
    for origin in origins:
        url = WebURL.parse(origin)
        if url is None or url.origin != origin or (url.scheme == "http" and not url.is_loopback):
            raise ConfigurationError("DEMO_MCP_ORIGINS must hold https origins, such as https://app.example")
    return origins


def _database_url(url: str | None) -> str:
    if not url:
        if not (INSTANCE.parent / "pyproject.toml").is_file():  # nobody's data belong beside installed packages
            raise ConfigurationError(
                "DEMO_DATABASE_URL is not set; run flask-cimd-site in the directory that `flask-cimd-site init` made"
            )
        INSTANCE.mkdir(mode=0o700, exist_ok=True)
        return f"sqlite:///{INSTANCE / 'demo.db'}"
    for scheme in ("postgresql://", "postgres://"):
        if url.startswith(scheme):
            return "postgresql+psycopg://" + url.removeprefix(scheme)
    return url


def _flag(environment: Mapping[str, str], name: str) -> bool:
    return environment.get(name, "").strip().lower() not in ("", "0", "false", "no", "off")


def _cimd_settings(environment: Mapping[str, str], *, development: bool, legacy: bool) -> dict[str, str]:
    given = {key: value for key, value in environment.items() if key.startswith("CIMD_")}
    # The store of the site is its database, so that all workers share what one of them fetched.
    defaults = {
        "CIMD_STORE": "sqlalchemy",
        "CIMD_LOGOS": "1",
        "CIMD_AUTH_METHODS": "none,private_key_jwt",
    }
    if development:
        defaults |= {"CIMD_ALLOW_LOOPBACK": "1"}
    if legacy:
        defaults |= {"CIMD_INDIEAUTH": "2019"}
    # The last of repeated fields counts, so that the environment may turn these clients off.
    profile = "allow_loopback_clients, allow_virtual_clients, " + given.get("CIMD_PROFILE", "draft")
    return {**defaults, **given, "CIMD_PROFILE": profile}
