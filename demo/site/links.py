"""The links by which apps find this site's endpoints, on its own home page and on its owner's pages elsewhere."""

from __future__ import annotations

from demo.provider.wellknown import ENDPOINTS, METADATA_PATH
from demo.services import services
from demo.site import micropub


def site_links() -> dict[str, str]:
    """Return relation and absolute URL: for today's apps, for those of before 2022, and for apps that post."""
    base = services().configuration.base_url
    return {
        "indieauth-metadata": base + METADATA_PATH,
        "authorization_endpoint": base + ENDPOINTS["authorization_endpoint"],
        "token_endpoint": base + ENDPOINTS["token_endpoint"],
        "micropub": base + micropub.PATH,
    }
