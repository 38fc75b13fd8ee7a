"""Sign-ins by several clients at once, while workers of the site are killed; and what must be true afterwards."""

from __future__ import annotations

import math
import os
import random
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock, Thread

import requests
import sqlalchemy

from tests.support.browser import Browser, SignIn

#: Answers of a site whose worker was killed, or whose request nobody can repeat: the person tries again.
_TRIES = 20


@dataclass(slots=True)
class Tally:
    """What the clients saw.

    Attributes:
        tokens: access tokens that clients hold.
        errors: answers that no client should see.
        uncertain: redemptions without an answer; the code may be spent, so the client begins anew.
    """

    tokens: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    uncertain: int = 0
    lock: Lock = field(default_factory=Lock)


def sign_in(owner: Browser, client_id: str, tally: Tally) -> None:
    """Sign in once, however often the connection breaks."""
    for _ in range(_TRIES):
        browser = Browser(owner.base_url)
        browser.session.cookies.update(owner.session.cookies)
        try:
            with browser.session:
                asked = SignIn.begin(client_id, scope="profile")
                page = browser.authorize(asked)
                code = browser.approve(page)["code"]
                answer = browser.redeem(asked, code)
        except requests.ConnectionError:
            with tally.lock:
                tally.uncertain += 1
            continue
        except AssertionError as error:  # the page of another status
            with tally.lock:
                tally.errors.append(str(error)[:200])
            return
        with tally.lock:
            if answer.status_code == 200:
                tally.tokens.append(answer.json()["access_token"])
            else:
                tally.errors.append(f"{answer.status_code} {answer.text[:200]}")
        return
    tally.errors.append("the site did not come back")


def workers(master: int) -> list[int]:
    """Return the process numbers of gunicorn's workers."""
    text = Path(f"/proc/{master}/task/{master}/children").read_text()
    return [int(number) for number in text.split()]


@contextmanager
def killing(master: int, *, every: float, most: float = math.inf) -> Iterator[list[int]]:
    """Kill a random worker again and again; yield the list of those that were killed.

    Args:
        master: process number of gunicorn's master.
        every: seconds between two, on average.
        most: number of workers that are killed.
    """
    killed: list[int] = []
    ended = Event()

    def kill() -> None:
        while len(killed) < most and not ended.wait(every * random.uniform(0.5, 1.5)):
            living = workers(master)
            if len(living) > 1:
                chosen = random.choice(living)
                killed.append(chosen)
                os.kill(chosen, signal.SIGKILL)

    thread = Thread(target=kill, daemon=True)
    thread.start()
    try:
        yield killed
    finally:
        ended.set()
        thread.join(30)


def run(owner: Browser, clients: list[str], *, number: int) -> Tally:
    """Let every client sign in until there were ``number`` sign-ins."""
    tally = Tally()
    with ThreadPoolExecutor(len(clients)) as pool:
        list(pool.map(lambda index: sign_in(owner, clients[index % len(clients)], tally), range(number)))
    return tally


def lost(owner: Browser, tokens: list[str]) -> list[str]:
    """Return the tokens that a client holds and the site does not know."""
    with requests.Session() as session:
        session.trust_env = False
        url = f"{owner.base_url}/userinfo"
        return [
            token
            for token in tokens
            if session.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=30).status_code != 200
        ]


def doubled(database_url: str) -> int:
    """Return the number of grants with more than the one pair of tokens that their code was redeemed for."""
    engine = sqlalchemy.create_engine(database_url)
    pairs = "SELECT grant_id FROM cimd_token GROUP BY grant_id HAVING count(*) > 2"
    with engine.connect() as connection:
        found = len(connection.execute(sqlalchemy.text(pairs)).all())
    engine.dispose()
    return found
