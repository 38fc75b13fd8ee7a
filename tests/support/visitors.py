"""Sign-ins by several people at once while a database is in trouble, and what each answer must be."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Condition, Event, Thread

import requests

from .browser import Browser, SignIn, redirect_parameters

#: No answer says any of this: words of tracebacks, drivers and statements.
_INSIDE = ("Traceback", "psycopg", "sqlite3", "sqlalchemy", "INSERT INTO", "SELECT ", "Errno")


def is_clear_refusal(answer: requests.Response) -> bool:
    """Say whether an answer is a 503 that tells when to come back, names the request and shows nothing else."""
    return (
        answer.status_code == 503
        and int(answer.headers.get("Retry-After", "0")) in range(1, 61)
        and len(answer.headers.get("X-Request-Id", "")) == 16
        and not any(word in answer.text for word in _INSIDE)
    )


@dataclass(eq=False)
class Visitors:
    """People who sign in again and again until the block ends.

    Attributes:
        tokens: access tokens that clients hold.
        ended: instants of complete sign-ins, in seconds of `time.monotonic`.
        refused: instants of clear refusals.
        errors: all other answers.
    """

    owner: Browser
    clients: list[str]
    tokens: list[str] = field(default_factory=list)
    ended: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    _change: Condition = field(default_factory=Condition)
    _over: Event = field(default_factory=Event)
    _threads: list[Thread] = field(default_factory=list)

    def __enter__(self) -> Visitors:
        self._threads = [Thread(target=self._stay, args=(client,), daemon=True) for client in self.clients]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(40)

    def wait(self, until: Callable[[Visitors], bool], seconds: float) -> bool:
        """Wait until something holds; ``False`` if it does not within so many seconds."""
        with self._change:
            return self._change.wait_for(lambda: until(self), seconds)

    def _stay(self, client_id: str) -> None:
        browser = Browser(self.owner.base_url)
        browser.session.cookies.update(self.owner.session.cookies)
        with browser.session:
            while not self._over.is_set():
                try:
                    was_refused = self._sign_in(browser, client_id)
                except Exception as error:  # an answer that nobody should get
                    with self._change:
                        self.errors.append(f"{type(error).__name__}: {error}"[:500])
                        self._change.notify_all()
                    return
                # Somebody who is refused waits, but not the whole time that the answer asks for.
                self._over.wait(0.05 if was_refused else 0)

    def _sign_in(self, browser: Browser, client_id: str) -> bool:
        asked = SignIn.begin(client_id, scope="profile")
        page = browser.authorize(asked)
        if self._is_refused(page, 200):
            return True
        decided = browser.press(page, "Approve")
        if self._is_refused(decided, 303):
            return True
        answer = browser.redeem(asked, redirect_parameters(decided)["code"])
        if self._is_refused(answer, 200):
            return True
        with self._change:
            self.tokens.append(answer.json()["access_token"])
            self.ended.append(time.monotonic())
            self._change.notify_all()
        return False

    def _is_refused(self, answer: requests.Response, expected: int) -> bool:
        if answer.status_code == expected:
            return False
        assert is_clear_refusal(answer), (
            f"{answer.request.url} {answer.status_code} {dict(answer.headers)} {answer.text}"
        )
        with self._change:
            self.refused.append(time.monotonic())
            self._change.notify_all()
        return True
