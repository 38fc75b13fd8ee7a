"""Who may call what with which token."""

from __future__ import annotations

from demo.services import services
from flask_cimd.oauth import Access, BearerScheme, DPoP, DPoPScheme, ResourceProtector, stored_access


def find_access(secret: str) -> Access | None:
    """Return what one of the site's own tokens allows."""
    return stored_access(services().server, secret)


def read_dpop() -> DPoP:
    """Return the judge of the site's proofs."""
    return services().server.dpop


#: How tokens may be presented; without credentials, challenges come in this order.
SCHEMES = (BearerScheme(), DPoPScheme(read_dpop))
#: The site's endpoints without an identifier of their own: they take tokens that were asked for without ``resource``.
own_endpoints = ResourceProtector(find_access, audience=lambda: services().server.issuer, schemes=SCHEMES)

#: Micropub. The scope ``post`` is older than the others; who may create may bring pictures and leave drafts too.
posting = ResourceProtector(
    find_access,
    audience=lambda: services().server.issuer,
    implied={"create": {"draft", "media"}, "post": {"create", "update", "draft", "media"}},
    schemes=SCHEMES,
    accept_form=True,
)
