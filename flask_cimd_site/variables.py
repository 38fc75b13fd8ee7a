"""Every ``DEMO_*`` variable of the environment, with its default and meaning, for the documentation."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable; default and meaning are Markdown."""

    topic: str
    name: str
    default: str
    meaning: str


_SITE, _OWNER, _MCP = "Address, secrets, database", "The owner", "Notes for MCP clients"
_APPS, _LIMITS = "Which apps", "Limits and proxies"

VARIABLES = (
    Variable(
        _SITE, "DEMO_BASE_URL", "the local address in development", "public origin without a trailing slash; the issuer"
    ),
    Variable(
        _SITE,
        "DEMO_OWNER_PASSWORD",
        "`let-me-in` in development only",
        "the password that a new site begins with, at least 12 characters (development takes shorter ones); it is "
        "later changed on the site, and a differing variable is named in the log",
    ),
    Variable(
        _SITE,
        "DEMO_OWNER_PASSWORD_HASH",
        "none",
        "in its place, a hash as `generate_password_hash` of Werkzeug returns it",
    ),
    Variable(_SITE, "DEMO_FIRST_RUN", "off", "in development: no default password, so that the first run can be tried"),
    Variable(
        _SITE,
        "DEMO_SECRET_KEY",
        "in development only",
        "signs cookies; at least 8 characters, better 32 random ones",
    ),
    Variable(
        _SITE,
        "DEMO_DATABASE_URL",
        "SQLite: `data/site.db` of the directory that `init` made, `instance/demo.db` of a checkout",
        "URL of SQLAlchemy; `postgresql://` means psycopg 3",
    ),
    Variable(_SITE, "DEMO_HOST", "`127.0.0.1`", "address to listen on"),
    Variable(_SITE, "DEMO_PORT", "`5000`", "port to listen on"),
    Variable(
        _SITE, "DEMO_LOG", "`text`", "`json` writes the log as one JSON object a line, for programs that collect it"
    ),
    Variable(
        _SITE,
        "DEMO_METRICS_TOKEN",
        "none: no metrics",
        "bearer token that `/metrics` asks for, at least 16 characters; needs the extra `metrics`",
    ),
    Variable(
        _SITE,
        "DEMO_DEVELOPMENT",
        "off",
        "http on this computer, default password, apps on loopback; loud in the log; never for others",
    ),
    Variable(_OWNER, "DEMO_ME", "`DEMO_BASE_URL` + `/`", "the owner's profile URL"),
    Variable(
        _OWNER,
        "DEMO_ZONE",
        "`UTC`",
        "time zone in which pages show instants, such as `Europe/Berlin`, until the owner chooses one on the site",
    ),
    Variable(_OWNER, "DEMO_OWNER_NAME", "`The owner`", "name on the home page, told to apps with the scope `profile`"),
    Variable(_OWNER, "DEMO_HANDLE", "the host; `owner.test` in development", "the owner's handle on the AT Protocol"),
    Variable(
        _OWNER, "DEMO_DID", "`did:web:` of the host", "DID that the handle stands for; an existing `did:plc` is fine"
    ),
    Variable(_OWNER, "DEMO_OWNER_EMAIL", "none", "told to apps with the scopes `profile email`"),
    Variable(_OWNER, "DEMO_OWNER_NOTE", "none", "a sentence about the owner, until the profile page says otherwise"),
    Variable(
        _OWNER,
        "DEMO_OWNER_LINKS",
        "none",
        "profiles elsewhere (`rel=me`), with blanks between them, until the profile page says otherwise",
    ),
    Variable(
        _APPS,
        "DEMO_LEGACY_CLIENTS",
        "off",
        "sets `CIMD_INDIEAUTH` to `2019`: page and loopback clients may leave out PKCE, use `response_type=id`, and "
        "find `me` in the redirect",
    ),
    Variable(
        _APPS,
        "DEMO_DYNAMIC_REGISTRATION",
        "off",
        "lets apps that have no URL of their own register themselves at `/register`",
    ),
    Variable(
        _APPS,
        "DEMO_PUBLIC_CHECK",
        "off",
        "lets strangers check apps at `/check`; they learn nothing about this site, its rules or its network",
    ),
    Variable(
        _LIMITS,
        "DEMO_CHECK_LIMIT",
        "`5 per 10 minutes`; none in development",
        "checks of one address by strangers; twelve times as many of everybody",
    ),
    Variable(_LIMITS, "DEMO_REGISTRATION_LIMIT", "`10 per hour`; none in development", "registrations of one address"),
    Variable(
        _LIMITS,
        "DEMO_FETCH_LIMIT",
        "`30 per hour`; none in development",
        "pushed requests of one address that make the site fetch a document",
    ),
    Variable(_LIMITS, "DEMO_PUSH_LIMIT", "`60 per minute`; none in development", "pushed requests of one address"),
    Variable(
        _LIMITS,
        "DEMO_LOGIN_LIMIT",
        "`10 per 15 minutes`; none in development",
        "failed log-ins of one address; four times as many of an IPv6 /48, twenty times as many of everybody. For all "
        "limits an IPv6 network (/64) counts as one address, and all workers count together, in Redis if `CIMD_STORE` "
        "names it, else in the database",
    ),
    Variable(
        _LIMITS,
        "DEMO_TRUSTED_PROXIES",
        "`1`, with a warning",
        "number of proxies in front of the site that add to `X-Forwarded-For`, or their networks, such as "
        "`127.0.0.1 10.0.0.0/8`",
    ),
    Variable(
        _MCP, "DEMO_MCP_URL", "none", "public address of the MCP endpoint; programs ask for tokens for exactly this URL"
    ),
    Variable(
        _MCP,
        "DEMO_MCP_ID",
        "none",
        "id with which the MCP endpoint introspects; read by `flask_cimd_site.site.mcp` alone",
    ),
    Variable(
        _MCP,
        "DEMO_MCP_SECRET",
        "none",
        "secret with which the MCP endpoint introspects; read by `flask_cimd_site.site.mcp` alone",
    ),
    Variable(
        _MCP,
        "DEMO_MCP_ORIGINS",
        "none",
        "origins of web apps whose scripts may call the MCP endpoint, with blanks between them",
    ),
    Variable(_MCP, "DEMO_MCP_PORT", "that of `DEMO_MCP_URL`, else `5008`", "port on which the MCP endpoint listens"),
)
