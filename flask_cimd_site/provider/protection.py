"""Protection of the site's own resources."""

from __future__ import annotations

from flask_cimd.oauth import Access, BearerScheme, DPoP, DPoPScheme, ResourceProtector, stored_access
from flask_cimd_site.services import services


def find_access(secret: str) -> Access | None:
    """Return the rights of one of the site's own tokens."""
    return stored_access(services().server, secret)


def read_dpop() -> DPoP:
    """Return the object that checks DPoP proofs of the site's requests."""
    return services().server.dpop


#: Accepted ways to present tokens, in the order of the challenges to a request without credentials.
SCHEMES = (BearerScheme(), DPoPScheme(read_dpop))
#: The site's endpoints without an identifier of their own: they accept tokens for the issuer.
own_endpoints = ResourceProtector(find_access, audience=lambda: services().server.issuer, schemes=SCHEMES)

#: Micropub. The scope ``post`` is older than the others; who may create may bring pictures and leave drafts too.
posting = ResourceProtector(
    find_access,
    audience=lambda: services().server.issuer,
    implied={"create": {"draft", "media"}, "post": {"create", "update", "draft", "media"}},
    schemes=SCHEMES,
    accept_form=True,
)
