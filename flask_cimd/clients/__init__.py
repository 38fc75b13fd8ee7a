"""Clients that identify themselves by URL: from the URL to validated metadata. Needs no Flask app::

resolver = ClientResolver(Settings.from_config({"CIMD_DENIED_HOSTS": ["evil.example"]}))
metadata = resolver.resolve("https://app.example/client.json")
"""

from ..settings import Settings
from ..stores import ClientStore, Entry, MemoryStore, StoreError
from .resolver import ClientResolver

__all__ = ["ClientResolver", "ClientStore", "Entry", "MemoryStore", "Settings", "StoreError"]
