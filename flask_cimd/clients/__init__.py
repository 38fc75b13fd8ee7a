"""Resolution of client identifier URLs to validated metadata, without a Flask app::

    resolver = ClientResolver(Settings.from_config({"CIMD_DENIED_HOSTS": ["evil.example"]}))
    metadata = resolver.resolve("https://app.example/client.json")

`ClientResolver` accepts a store, the app's rules and a clock as keyword arguments.
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
    from .explanation import Explanation, Step
    from .html import UnreadablePageError, page_links
    from .images import ImageError, SafeImage, reencode
    from .packed import pack_explanation, unpack_explanation
    from .requests_named import RequestIdFilter, add_request_id, request_id

__all__ = [
    "ClientIdentifier",
    "ClientMetadata",
    "ClientResolver",
    "ClientStore",
    "Clock",
    "Entry",
    "Explanation",
    "Fetched",
    "FetchedStore",
    "IdentifierRules",
    "ImageError",
    "Lease",
    "Leases",
    "MaxSize",
    "MemoryStore",
    "RequestIdFilter",
    "Response",
    "SafeImage",
    "Settings",
    "Step",
    "StoreError",
    "UnreadablePageError",
    "add_request_id",
    "pack_explanation",
    "page_links",
    "parse_identifier",
    "reencode",
    "request_id",
    "unpack_explanation",
    "utc_now",
]

#: Names imported on first use: images need the extra ``logo``, pages need lxml, Beautiful Soup and mf2py, and some
#: names need Flask.
__getattr__ = on_first_use(
    __name__,
    {
        "Explanation": ".explanation",
        "ImageError": ".images",
        "RequestIdFilter": ".requests_named",
        "SafeImage": ".images",
        "Step": ".explanation",
        "UnreadablePageError": ".html",
        "add_request_id": ".requests_named",
        "pack_explanation": ".packed",
        "page_links": ".html",
        "reencode": ".images",
        "request_id": ".requests_named",
        "unpack_explanation": ".packed",
    },
)
