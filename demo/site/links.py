"""The links by which apps find the endpoints, for the home page and for the owner's pages on other servers."""

from __future__ import annotations

from demo.provider.wellknown import ENDPOINTS, METADATA_PATH
from demo.services import services
from demo.site import micropub


def site_links() -> dict[str, str]:
    """Return absolute URLs by link relation: for current apps, for apps from before 2022, and for apps that post."""
    here = services()
    older = ("authorization_endpoint", "token_endpoint") if here.server.legacy.endpoint_rels else ()
    paths = {
        "indieauth-metadata": METADATA_PATH,
        **{name: ENDPOINTS[name] for name in older},
        "micropub": micropub.PATH,
    }
    return {relation: here.configuration.base_url + path for relation, path in paths.items()}
