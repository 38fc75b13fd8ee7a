"""Reads a response with bounds on all its parts, including those outside the body (RFC 9112).

Each line of a head, a chunk or a trailer takes some microseconds of CPU. Without bounds, a server that sends endless
interim responses or trailers would occupy a core until the deadline.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from typing import Any

from ..core.sentences import Sentence, sentence
from ..errors import UnexpectedResponseError

#: Maximum size of interim responses, status lines and header fields together, in bytes.
MOST_HEAD = 32 * 1024
#: Maximum size of all chunk sizes with their extensions, in bytes; enough for ten thousand chunks of one byte.
MOST_CHUNK_LINES = 32 * 1024
#: Maximum size of the trailer fields, in bytes.
MOST_TRAILERS = 8 * 1024

_HEAD = sentence("bytes before the body")
_CHUNK_LINES = sentence("bytes of chunk sizes")
_TRAILERS = sentence("bytes of trailers")


class _BoundedLines:
    """A stream that counts the bytes read as lines; the fetcher counts the body, which is read in blocks.

    Attributes:
        last: the last line read.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.last = b""
        self._is_chunks = False
        self._count(MOST_HEAD, _HEAD)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _count(self, most: int, what: Sentence) -> None:
        self._left, self._most, self._what = most, most, what

    def begin_body(self) -> None:
        """Count chunk sizes from here, and trailer fields after the last chunk."""
        self._is_chunks = True
        self._count(MOST_CHUNK_LINES, _CHUNK_LINES)

    def readline(self, limit: int = -1) -> bytes:
        """Return a line.

        Raises:
            UnexpectedResponseError: slug ``bad-response``; the lines of this part exceed its bound.
        """
        most = self._left + 1
        line: bytes = self._stream.readline(most if limit < 0 else min(limit, most))
        self._left -= len(line)
        if self._left < 0:
            hint = sentence("more than %(most)s %(what)s", most=self._most, what=self._what)
            raise UnexpectedResponseError("bad-response", hint=hint)
        if self._is_chunks and _is_last_chunk(line):
            self._is_chunks = False
            self._count(MOST_TRAILERS, _TRAILERS)
        self.last = line
        return line


def _is_last_chunk(line: bytes) -> bool:
    size = line.partition(b";")[0].strip()
    return bool(size) and not size.strip(b"0")


class BoundedResponse(http.client.HTTPResponse):
    """The standard library's response with bounds and two corrections.

    The standard library skips only interim responses with the status 100 and treats a 103 as the final response (RFC
    9110 §15.2). It also treats the end of the stream as the end of the head, so that a truncated response would lose
    its ``Link`` or ``Cache-Control`` and still look complete.

    Attributes:
        is_followed: bytes followed the body, or the body was not read completely. The connection must not be used
            again, because these bytes would become part of the next response.

    Raises:
        UnexpectedResponseError: slug ``bad-response``, from every reading method: a part exceeds its bound.
        http.client.IncompleteRead: the connection ended inside the head.
    """

    def __init__(self, sock: socket.socket, *args: Any, **more: Any) -> None:
        super().__init__(sock, *args, **more)
        self._socket: socket.socket | None = sock
        self.is_followed = True
        self._lines = _BoundedLines(self.fp)
        self.fp = self._lines  # type: ignore[assignment]  # a buffered reader in all that is used of it

    def begin(self) -> None:
        """Read the head of the final response."""
        super().begin()
        if self._lines.last not in (b"\r\n", b"\n"):
            raise http.client.IncompleteRead(b"")
        if self.chunked:
            self._lines.begin_body()

    def _close_conn(self) -> None:
        self.is_followed = self.will_close or self._has_more()
        self._socket = None
        super()._close_conn()  # type: ignore[misc]  # private in typeshed

    def _has_more(self) -> bool:
        """Return whether the socket or the buffer has an unread byte, without waiting."""
        if not isinstance(self._socket, socket.socket) or self.fp is None:
            return True  # TLS inside TLS, through a proxy: such connections are not used again
        timeout = self._socket.gettimeout()
        try:
            self._socket.setblocking(False)
            return bool(self.fp.peek(1))
        except (BlockingIOError, ssl.SSLWantReadError):
            return False
        except (OSError, ValueError):
            return True
        finally:
            self._socket.settimeout(timeout)

    def _read_status(self) -> tuple[int, int, str]:
        while True:
            version, status, reason = super()._read_status()  # type: ignore[misc]  # private in typeshed
            if not 100 <= status < 200 or status == 101:
                return version, status, reason
            http.client.parse_headers(self.fp)
