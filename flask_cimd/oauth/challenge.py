"""``WWW-Authenticate``: what a resource tells a client that it does not let in (RFC 6750 §3, RFC 9728 §5.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ..core.display import safe_description

#: RFC 6750 §3: no attribute holds anything else, so quoting never needs an escape.
_VALUE = re.compile(r"[\x20\x21\x23-\x5B\x5D-\x7E]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """One scheme that a client may try, with what it needs to know.

    Attributes:
        scheme: ``Bearer`` or ``DPoP``.
        error: a code of RFC 6750 §3.1 or RFC 9449 §7.1; ``None`` where no credentials came, as §3.1 demands.
        description: a sentence for the client's developer; what does not fit the grammar is replaced.
        scope: every scope that the operation needs, at once (MCP scope challenge).
        resource_metadata: URL of the resource's RFC 9728 document.
        more: further attributes, such as ``algs``.
    """

    scheme: str
    error: str | None = None
    description: str | None = None
    scope: Iterable[str] = ()
    resource_metadata: str | None = None
    more: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """Return the challenge as header text; all values are quoted, since clients search for ``name="value"``.

        Raises:
            ValueError: a value holds ``"``, ``\\`` or something that is not printable ASCII.
        """
        attributes = {
            "error": self.error,
            "error_description": safe_description(self.description) if self.description else None,
            "scope": " ".join(self.scope),
            "resource_metadata": self.resource_metadata,
            **self.more,
        }
        return f"{self.scheme} " + ", ".join(_quoted(name, value) for name, value in attributes.items() if value)


def challenge_header(challenges: Iterable[Challenge]) -> str:
    """Return the value of ``WWW-Authenticate``; the first is what clients that read only one word will try."""
    return ", ".join(str(challenge).rstrip() for challenge in challenges)


def _quoted(name: str, value: str) -> str:
    if not _VALUE.fullmatch(value):
        raise ValueError(f"{name} holds a character that a challenge cannot carry")
    return f'{name}="{value}"'
