"""``WWW-Authenticate``: challenges of a resource to a client that it refuses (RFC 6750 §3, RFC 9728 §5.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ..core.display import safe_description

#: Characters of an attribute (RFC 6750 §3); a quoted string of them needs no escape.
_VALUE = re.compile(r"[\x20\x21\x23-\x5B\x5D-\x7E]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """One authentication scheme that a client may use, with its attributes.

    Attributes:
        scheme: ``Bearer`` or ``DPoP``.
        error: a code of RFC 6750 §3.1 or RFC 9449 §7.1; ``None`` if the request had no credentials (§3.1).
        description: a sentence for the client's developer; spaces replace characters outside the grammar.
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
        """Return the challenge as header text with every value quoted, because clients search for ``name="value"``.

        Raises:
            ValueError: a value contains ``"``, ``\\`` or a character that is not printable ASCII.
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
    """Return the challenges as the value of ``WWW-Authenticate``; some clients read only the first one."""
    return ", ".join(str(challenge).rstrip() for challenge in challenges)


def _quoted(name: str, value: str) -> str:
    if not _VALUE.fullmatch(value):
        raise ValueError(f"{name} contains a character that a challenge cannot contain")
    return f'{name}="{value}"'
