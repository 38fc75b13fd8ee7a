"""The links by which apps find this site's endpoints, on its own home page and on its owner's pages elsewhere."""

from __future__ import annotations

from demo.provider.wellknown import ENDPOINTS, METADATA_PATH
from demo.services import services
from demo.site import micropub


def site_links() -> dict[str, str]:
    """Return relation and absolute URL: for today's apps, for those of before 2022, and for apps that post."""
    here = services()
    older = ("authorization_endpoint", "token_endpoint") if here.server.legacy.endpoint_rels else ()
    paths = {
        "indieauth-metadata": METADATA_PATH,
        **{name: ENDPOINTS[name] for name in older},
        "micropub": micropub.PATH,
    }
    return {relation: here.configuration.base_url + path for relation, path in paths.items()}
