"""Rules for the metadata of clients."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from .policy import HostPattern


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentRules:
    """Rules for client metadata, whether it comes from a document, a web page or a registration request.

    Attributes:
        auth_methods: enabled client authentication methods, of ``none`` and ``private_key_jwt``.
        grant_types: enabled grant types; others in a document are ignored (CIMD §4, RFC 7591 §2).
        max_redirect_uris: number of redirect URIs that one client may list.
        allow_dotless_schemes: accept private-use redirect schemes without a dot, such as ``myapp:``.
        require_auth_method: refuse documents without ``token_endpoint_auth_method``.
        localhost_any_port: ignore the port of a redirect URI on the name ``localhost``, as for loopback addresses.
        allow_loopback: development: accept https loopback URLs as ``jwks_uri`` and ``logo_uri``.
        indieauth: a document without ``redirect_uris`` may redirect within its own origin (IndieAuth §4.2.2).
        redirect_relation: ``any``, ``same-site`` (https on the client's host, a parent or a subdomain of it) or
            ``same-origin``.
        logo_policy: ``any``, or ``same-site``: a logo on an unrelated host is ignored.
        redirect_exempt_hosts: document hosts to which ``redirect_relation`` does not apply (CIMD appendix A).
        digest: identifies exactly these rules; metadata that was validated under other rules is validated again.
    """

    auth_methods: tuple[str, ...] = ("none",)
    grant_types: tuple[str, ...] = ("authorization_code", "refresh_token")
    max_redirect_uris: int = 50
    allow_dotless_schemes: bool = False
    require_auth_method: bool = False
    localhost_any_port: bool = True
    allow_loopback: bool = False
    indieauth: bool = True
    redirect_relation: str = "any"
    logo_policy: str = "any"
    redirect_exempt_hosts: tuple[HostPattern, ...] = ()
    digest: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Compute the digest once; every lookup in the cache compares it."""
        object.__setattr__(self, "digest", hashlib.sha256(repr(self).encode()).hexdigest()[:16])
