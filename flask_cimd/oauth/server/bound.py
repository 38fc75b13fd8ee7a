"""Grants and endpoints of Authlib that are bound to a `ServerContext`."""

from __future__ import annotations

from typing import Self

from .context import ServerContext


class Bound:
    """Base of classes that Authlib instantiates with only a request and a server as arguments."""

    context: ServerContext

    @classmethod
    def bind(cls, context: ServerContext) -> type[Self]:
        """Return a subclass for one server; register it with Authlib."""
        return type(cls.__name__, (cls,), {"context": context, "__module__": cls.__module__, "__doc__": cls.__doc__})
