"""The owner at their browser, for a client program that asks for a person by a line with ``authorize``."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import Retry

from .browser import Browser, redirect_parameters
from .programs import Program


class Person:
    """Approves whatever one program asks for.

    Attributes:
        asked: parameters of the authorization requests so far.
    """

    def __init__(self, owner: Browser, program: Program, *, follows: bool = False) -> None:
        """Follow redirects to the program's own callback server, or hand their parameters over as a line."""
        self._owner, self._program, self._follows = owner, program, follows
        self.asked: list[dict[str, str]] = []

    def connect(self) -> None:
        """Wait until the program is connected."""
        assert self.wait() == {"connected": True}

    def wait(self) -> dict[str, Any]:
        """Return the program's next result."""
        return self._until_done(self._program.receive())

    def do(self, **command: Any) -> dict[str, Any]:
        """Send a command and return the program's result."""
        return self._until_done(self._program.ask(**command))

    def _until_done(self, message: dict[str, Any]) -> dict[str, Any]:
        while "authorize" in message:
            parameters = parse_qs(urlsplit(message["authorize"]).query)
            self.asked.append({name: values[0] for name, values in parameters.items()})
            answer = self._owner.press(self._owner.get(message["authorize"]), "Approve")
            assert answer.status_code == 303, answer.text
            if self._follows:
                _visit(answer.headers["Location"])
                message = self._program.receive()
            else:
                message = self._program.ask(**redirect_parameters(answer))
        return message


def _visit(url: str) -> None:
    """Open a callback; its server starts after the program has asked for a person, who is never this quick."""
    session = requests.Session()
    session.trust_env = False
    retries = Retry(total=30, backoff_factor=0.05, backoff_max=1)
    session.mount("http://", HTTPAdapter(max_retries=retries))
    session.get(url, timeout=10)
