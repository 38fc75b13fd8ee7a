"""Limits and algorithms of the signed JWTs that this project verifies, as a registry of joserfc.

joserfc is imported where a signature is made or verified: the core imports without any third-party package.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from typing import Any

#: Longest assertion or proof in characters; also the longest header in bytes.
MAX_ASSERTION = 8192
_MAX_SIGNATURE = 2048  # bytes


@lru_cache(maxsize=16)
def signature_registry(algorithms: Collection[str], *, strict: bool = False) -> Any:
    """Return a joserfc registry that accepts these algorithms alone.

    joserfc's own registry warns that ``EdDSA`` has a newer name, and warnings may be errors in the host application.

    Args:
        algorithms: a hashable collection of ``alg`` names.
        strict: refuse header members that joserfc does not know.
    """
    from joserfc.errors import UnsupportedAlgorithmError
    from joserfc.jws import JWSRegistry

    class Registry(JWSRegistry):
        max_header_length = MAX_ASSERTION
        max_signature_length = _MAX_SIGNATURE

        def get_alg(self, name: str) -> Any:
            if name not in algorithms:
                raise UnsupportedAlgorithmError(f"Algorithm of '{name}' is not allowed")
            return self.algorithms[name]

    return Registry(algorithms=list(algorithms), strict_check_header=strict)
