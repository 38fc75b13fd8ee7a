"""The links by which apps find the endpoints, for the home page and for the owner's pages on other servers."""

from __future__ import annotations

from flask_cimd_site.provider.endpoints import AUTHORIZATION_PATH, METADATA_PATH, TOKEN_PATH
from flask_cimd_site.services import services
from flask_cimd_site.site import micropub


def site_links() -> dict[str, str]:
    """Return absolute URLs by link relation: for current apps, for apps from before 2022, and for apps that post."""
    here = services()
    older = {"authorization_endpoint": AUTHORIZATION_PATH, "token_endpoint": TOKEN_PATH}
    paths = {
        "indieauth-metadata": METADATA_PATH,
        **(older if here.server.legacy.endpoint_rels else {}),
        "micropub": micropub.PATH,
    }
    return {relation: here.configuration.base_url + path for relation, path in paths.items()}
