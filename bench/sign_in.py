"""A whole sign-in beside plain Authlib: authorize, consent, code, token, refresh, resource; CPU of the server alone."""

from __future__ import annotations

import contextlib
import http.client
import json
import math
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import trustme
from authlib.common.security import generate_token
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from tests.support.browser import publish_client
from tests.support.databases import private_postgres
from tests.support.demo import free_ports
from tests.support.gunicorn import running_gunicorn
from tests.support.origin import TLSOrigin

from .foundation import Row
from .served import REDIRECT, REGISTERED

_ROOT = Path(__file__).resolve().parent.parent
_WAL = "journal_mode=WAL,synchronous=NORMAL,foreign_keys=ON"
_ROLLBACK = "journal_mode=DELETE,synchronous=FULL,foreign_keys=ON"
#: Sign-ins of one turn, and turns of each side; the first turn of each warms it up and is not counted.
_EACH, _TURNS = 10, 15
#: Sign-ins before the memory of a worker is read.
_BEFORE_MEMORY = 200
_SECONDS = 8


@dataclass(slots=True, kw_only=True)
class Served:
    """One app behind gunicorn.

    Attributes:
        port: on loopback.
        workers: process numbers of the workers.
        client_id: the client that signs in.
        consent: path of the form.
        cookie: of the person who is logged in.
    """

    port: int
    workers: list[int]
    client_id: str
    consent: str | None
    cookie: str = ""
    parts: dict[str, list[float]] = field(default_factory=dict)

    def cpu(self) -> float:
        """Return the CPU seconds of all workers, their ended threads included."""
        # Linux: the clock of another process is made of its number (clock_getcpuclockid).
        return sum(time.clock_gettime(~pid << 3 | 2) for pid in self.workers)

    def memory(self) -> float:
        """Return the proportional set size of the first worker in MiB."""
        text = Path(f"/proc/{self.workers[0]}/smaps_rollup").read_text()
        return int(re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)[1]) / 1024  # type: ignore[index]  # the kernel writes the line

    @contextlib.contextmanager
    def person(self) -> Iterator[_Person]:
        """Yield somebody who is logged in, over a connection that is kept."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(connection):
            yield _Person(self, connection)


class _Person:
    def __init__(self, at: Served, connection: http.client.HTTPConnection) -> None:
        self._at = at
        self._connection = connection
        self._cookies = at.cookie

    def _ask(self, part: str, method: str, path: str, form: object = None, **headers: str) -> tuple[int, str, str]:
        body = urlencode(form, doseq=True) if form is not None else None  # type: ignore[call-overload]  # strings and lists of strings
        sent = {"Cookie": self._cookies, **headers}
        if body is not None:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        before = self._at.cpu()
        self._connection.request(method, path, body, sent)
        answer = self._connection.getresponse()
        text, location = answer.read().decode(), answer.headers.get("Location", "")
        cookies = dict(pair.split("=", 1) for pair in self._cookies.split("; ") if pair)
        for value in answer.headers.get_all("Set-Cookie", []):
            name, _, rest = value.partition("=")
            cookies[name] = rest.partition(";")[0]
        self._cookies = "; ".join(f"{name}={value}" for name, value in cookies.items())
        self._at.parts.setdefault(part, []).append(self._at.cpu() - before)
        return answer.status, text, location

    def log_in(self) -> None:
        """Log in by the form of the app."""
        self._ask("log in", "POST", "/login?next=/authorize/x", {"password": "secret"})
        self._at.cookie = self._cookies

    def sign_in(self) -> None:
        """Go all the way once."""
        at, verifier = self._at, generate_token(64)
        query = {
            "response_type": "code",
            "client_id": at.client_id,
            "redirect_uri": REDIRECT,
            "state": generate_token(16),
            "scope": "profile",
            "code_challenge": create_s256_code_challenge(verifier),
            "code_challenge_method": "S256",
        }
        path = f"/authorize?{urlencode(query)}"
        status, page, _ = self._ask("GET authorize", "GET", path)
        assert status == 200, page
        fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))
        consent = {**fields, "decision": "approve", "confirm": "yes", "scope": "profile"}
        status, page, location = self._ask("POST consent", "POST", at.consent or path, consent)
        assert status in (302, 303), page
        code = parse_qs(urlsplit(location).query)["code"][0]
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, "code_verifier": verifier}
        tokens = self._tokens("POST token", form)
        tokens = self._tokens("refresh", {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]})
        bearer = f"Bearer {tokens['access_token']}"
        status, page, _ = self._ask("resource", "GET", "/userinfo", Authorization=bearer)
        assert status == 200, page

    def _tokens(self, part: str, form: dict[str, str]) -> dict[str, str]:
        status, text, _ = self._ask(part, "POST", "/token", {"client_id": self._at.client_id, **form})
        assert status == 200, text
        answer: dict[str, str] = json.loads(text)
        return answer


# -- serving ----------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def serving(
    factory: str, folder: Path, client_id: str, *, url: str, pragmas: str = "", workers: int = 1
) -> Iterator[Served]:
    """Run one of the two apps behind gunicorn until the block ends."""
    port = free_ports()
    given = {
        "PATH": os.environ["PATH"],
        "BENCH_DB": url,
        "BENCH_PRAGMAS": pragmas,
        "BENCH_ISSUER": f"http://127.0.0.1:{port}",
        "BENCH_CA": str(folder / "ca.pem"),
    }
    options = ["-c", "/dev/null", "-k", "gthread", "--threads", "4", "-w", str(workers), "--keep-alive", "30"]
    command = [sys.executable, "-m", "gunicorn", *options, "-b", f"127.0.0.1:{port}", f"bench.served:{factory}()"]
    with (folder / f"{factory}.log").open("a") as log:
        process = subprocess.Popen(command, cwd=_ROOT, env=given, stdout=log, stderr=log)
        try:
            consent = "/consent" if factory == "ours" else None
            found = Served(port=port, workers=_ready(process.pid, port, workers), client_id=client_id, consent=consent)
            with found.person() as person:
                person.log_in()
            yield found
        finally:
            process.terminate()
            process.wait(40)


def _ready(master: int, port: int, workers: int) -> list[int]:
    """Return the workers once all of them are there and one has answered."""
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        with contextlib.suppress(OSError):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            connection.request("GET", "/login")
            connection.getresponse().read()
            found = _children(master)
            if len(found) == workers:
                return found
        time.sleep(0.1)
    raise TimeoutError("gunicorn does not start")


def _children(pid: int) -> list[int]:
    return [int(word) for tasks in Path(f"/proc/{pid}/task").glob("*/children") for word in tasks.read_text().split()]


# -- rows -------------------------------------------------------------------------------------------------------------


def run() -> list[Row]:
    """Measure everything once."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder, ca = Path(name), trustme.CA()
        ca.cert_pem.write_to_path(str(folder / "ca.pem"))
        client_id = publish_client(stack.enter_context(TLSOrigin(ca)))
        for journal, pragmas in (("WAL", _WAL), ("rollback journal", _ROLLBACK)):
            urls = [f"sqlite:///{folder}/{side}-{journal[:3]}.db" for side in ("ours", "plain")]
            rows += _beside(f"SQLite, {journal}", folder, client_id, urls, pragmas=pragmas, limit=1.2)
        urls = [stack.enter_context(private_postgres()) for _ in range(2)]
        rows += _beside("PostgreSQL", folder, client_id, urls, pragmas="", limit=1.25)
        rows += _workers(folder, client_id, stack.enter_context(private_postgres()))
        rows.append(_demo(folder, client_id, stack.enter_context(private_postgres())))
    return rows


def _beside(name: str, folder: Path, client_id: str, urls: list[str], *, pragmas: str, limit: float) -> list[Row]:
    with ExitStack() as stack:
        sides = [
            stack.enter_context(serving(factory, folder, who, url=url, pragmas=pragmas))
            for factory, who, url in (("ours", client_id, urls[0]), ("plain", REGISTERED, urls[1]))
        ]
        turns = [[_cpu_of(side) for side in sides] for _ in range(_TURNS + 1)][1:]
        ours, theirs = (statistics.median(column) for column in zip(*turns, strict=True))
        ratio = statistics.median(mine / its for mine, its in turns)
        parts = "; ".join(_part(part, sides) for part in sides[0].parts if part != "log in")
        note = f"{ours * 1e3:.2f} ms against {theirs * 1e3:.2f} ms of CPU ({parts})"
        rows = [Row(name=f"sign-in / plain Authlib, {name}", figure=ratio, limit=limit, note=note)]
        if not pragmas:
            return rows
        _repeat(sides, _BEFORE_MEMORY - _EACH * (_TURNS + 1))
        mine, its = (side.memory() for side in sides)
        note = f"{mine:.1f} MiB against {its:.1f} MiB"
        return [
            *rows,
            Row(name=f"memory of a worker / plain Authlib, {name}", figure=mine / its, limit=1.25, note=note),
        ]


def _part(name: str, sides: list[Served]) -> str:
    return f"{name} " + "/".join(f"{statistics.median(side.parts[name]) * 1e3:.2f}" for side in sides)


def _repeat(sides: list[Served], times: int) -> None:
    for side in sides:
        with side.person() as person:
            for _ in range(times):
                person.sign_in()


def _cpu_of(side: Served) -> float:
    """Return the CPU seconds of one sign-in."""
    with side.person() as person:
        before = side.cpu()
        for _ in range(_EACH):
            person.sign_in()
        return (side.cpu() - before) / _EACH


def _workers(folder: Path, client_id: str, url: str) -> list[Row]:
    """Sign-ins a second with one worker and with four: either they grow, or both cores are full at a constant cost."""
    rates, costs, busy = [], [], []
    for workers in (1, 4):
        with serving("ours", folder, client_id, url=url, workers=workers) as served, served.person() as first:
            first.sign_in()
            with ThreadPoolExecutor(8) as pool:
                list(pool.map(_keep_signing_in, [served] * 8))  # each worker compiles its statements and pages once
                cpu, used, started = served.cpu(), _machine(), time.monotonic()
                done = sum(pool.map(_keep_signing_in, [served] * 8))
            seconds = time.monotonic() - started
            total, idle = (after - before for after, before in zip(_machine(), used, strict=True))
            rates.append(done / seconds), costs.append((served.cpu() - cpu) / done), busy.append(1 - idle / total)
    growth, cost = rates[1] / rates[0], costs[1] / costs[0]
    full = busy[1] >= 0.95 and cost <= 1.1
    note = f"{rates[0]:.0f} -> {rates[1]:.0f} a second; cores {busy[1]:.0%} busy, CPU of a sign-in x{cost:.2f}"
    return [
        Row(name="1 worker / 4 workers, or full cores", figure=0.0 if full else 1 / growth, limit=1 / 1.7, note=note)
    ]


def _keep_signing_in(served: Served) -> int:
    ends, done = time.monotonic() + _SECONDS, 0
    with served.person() as person:
        while time.monotonic() < ends:
            person.sign_in()
            done += 1
    return done


def _machine() -> tuple[float, float]:
    """Return the ticks of all processors, and those in which they were idle."""
    ticks = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return sum(ticks), ticks[3] + ticks[4]


def _demo(folder: Path, client_id: str, url: str) -> Row:
    with running_gunicorn(folder, database_url=url, workers=1, CIMD_CA_BUNDLE=str(folder / "ca.pem")) as owner:
        masters = [
            pid for pid in _children(os.getpid()) if b"demo:create_app()" in Path(f"/proc/{pid}/cmdline").read_bytes()
        ]
        cookie = "; ".join(f"{name}={value}" for name, value in owner.session.cookies.items())
        port = urlsplit(owner.base_url).port or 0
        served = Served(
            port=port, workers=_children(masters[-1]), client_id=client_id, consent="/consent", cookie=cookie
        )
        cpu = statistics.median([_cpu_of(served) for _ in range(_TURNS)][1:])
    return Row(
        name="sign-in at the demo, PostgreSQL", figure=cpu * 1e3, limit=math.inf, unit="ms", note="CPU; no limit"
    )
