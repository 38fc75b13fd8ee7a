"""The signature algorithms of client assertions, as joserfc takes them."""

from __future__ import annotations

from typing import Any

from joserfc.jws import JWSRegistry

#: Longest assertion in characters.
MAX_ASSERTION = 8192


class Algorithms(JWSRegistry):
    """joserfc's algorithms without its warning that ``EdDSA`` has a newer name; callers check the name before."""

    max_header_length = MAX_ASSERTION
    max_signature_length = 2048

    def get_alg(self, name: str) -> Any:
        """Return the algorithm of this name."""
        return self.algorithms[name]
