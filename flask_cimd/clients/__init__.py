"""Clients that identify themselves by URL: from the URL to validated metadata. Needs no Flask app::

    resolver = ClientResolver(Settings.from_config({"CIMD_DENIED_HOSTS": ["evil.example"]}))
    metadata = resolver.resolve("https://app.example/client.json")

`ClientResolver` takes a store, the app's own rules and a clock as keyword arguments.
"""

from typing import TYPE_CHECKING

from ..core.clock import Clock, utc_now
from ..core.identifier import ClientIdentifier, IdentifierRules, parse_identifier
from ..core.leases import Lease, Leases
from ..core.metadata import ClientMetadata
from ..core.on_first_use import on_first_use
from ..fetch.fetcher import MaxSize, Response
from ..settings import Settings
from ..stores import ClientStore, Entry, Fetched, FetchedStore, MemoryStore, StoreError
from .resolver import ClientResolver

if TYPE_CHECKING:
    from .html import UnreadablePageError, page_links
    from .images import ImageError, SafeImage, reencode

__all__ = [
    "ClientIdentifier",
    "ClientMetadata",
    "ClientResolver",
    "ClientStore",
    "Clock",
    "Entry",
    "Fetched",
    "FetchedStore",
    "IdentifierRules",
    "ImageError",
    "Lease",
    "Leases",
    "MaxSize",
    "MemoryStore",
    "Response",
    "SafeImage",
    "Settings",
    "StoreError",
    "UnreadablePageError",
    "page_links",
    "parse_identifier",
    "reencode",
    "utc_now",
]

#: Names whose modules import much: images need the extra ``logo``, pages take lxml, Beautiful Soup and mf2py.
__getattr__ = on_first_use(
    __name__,
    {
        "ImageError": ".images",
        "SafeImage": ".images",
        "UnreadablePageError": ".html",
        "page_links": ".html",
        "reencode": ".images",
    },
)
