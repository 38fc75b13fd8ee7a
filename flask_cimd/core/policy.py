"""Which clients an operator lets in: host patterns, decided before a fetch and again on every use."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import PolicyDeniedError
from .identifier import ClientIdentifier

_PATTERN = re.compile(r"\.?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:]+\]")


@dataclass(frozen=True, slots=True)
class HostPattern:
    """A host name, or all names below one.

    ``app.example`` matches that host alone; ``.example.com`` matches ``a.example.com`` and ``b.a.example.com``,
    but neither ``example.com`` nor ``evilexample.com`` (CIMD §8.9).
    """

    text: str

    @classmethod
    def parse(cls, text: str) -> HostPattern:
        """Read a pattern.

        Raises:
            ValueError: it is no host name; a scheme, port or ``*`` would never match anything.
        """
        lowered = text.strip().lower()
        if not _PATTERN.fullmatch(lowered):
            raise ValueError(f"{text!r} is not a host pattern; write app.example or .example.com")
        return cls(lowered)

    def matches(self, host: str) -> bool:
        """Say whether a host is covered; case does not matter."""
        lowered = host.lower()
        return lowered.endswith(self.text) if self.text.startswith(".") else lowered == self.text.strip("[]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """An operator's static rules; denial wins over permission.

    Attributes:
        allowed_hosts: ``None`` lets any host in; an empty tuple lets none in.
        denied_hosts: turned away whatever else holds.
    """

    allowed_hosts: tuple[HostPattern, ...] | None = None
    denied_hosts: tuple[HostPattern, ...] = ()

    def is_denied(self, host: str) -> bool:
        """Say whether nothing may be fetched from a host, whoever asks."""
        return any(pattern.matches(host) for pattern in self.denied_hosts)

    def require(self, identifier: ClientIdentifier) -> None:
        """Let the client pass, or raise.

        Raises:
            PolicyDeniedError: slug ``host-denied`` or ``host-not-allowed``.
        """
        if self.is_denied(identifier.host):
            raise PolicyDeniedError("host-denied", identifier.raw, hint="the host is on this server's deny list")
        if self.allowed_hosts is not None and not any(p.matches(identifier.host) for p in self.allowed_hosts):
            raise PolicyDeniedError(
                "host-not-allowed", identifier.raw, hint="the host is not on this server's allow list"
            )
