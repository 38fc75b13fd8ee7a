"""``python -m tests.soak``: rounds in which workers are killed, then a long time at half of the peak.

``SOAK_SECONDS`` (600) is the length of the long time and ``SOAK_ROUNDS`` (20) the number of rounds of 500 sign-ins by
8 clients. Exit code 1 if a token was lost or doubled, a request failed, the 99th percentile of a sign-in is above three
medians, or the memory of a worker grew by more than 5 percent.
"""

from __future__ import annotations

import os
import re
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import trustme

from tests.support.browser import Browser, publish_client
from tests.support.databases import private_postgres
from tests.support.gunicorn import gunicorn
from tests.support.origin import TLSOrigin

from . import rounds

_CLIENTS, _SIGN_INS = 8, 500
_WORKERS = 4
_MOST_GROWTH, _MOST_RATIO = 1.05, 3.0
#: Seconds of the measurement of the peak.
_PEAK_SECONDS = 10


def main() -> int:
    """Run both parts and return the exit code."""
    seconds, number = float(os.environ.get("SOAK_SECONDS", "600")), int(os.environ.get("SOAK_ROUNDS", "20"))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ca, bundle = trustme.CA(), folder / "ca.pem"
        ca.cert_pem.write_to_path(str(bundle))
        origin = stack.enter_context(TLSOrigin(ca))
        url = stack.enter_context(private_postgres())
        running = gunicorn(folder, database_url=url, workers=_WORKERS, CIMD_CA_BUNDLE=str(bundle))
        process, owner = stack.enter_context(running)
        clients = [publish_client(origin, f"/{index}.json") for index in range(_CLIENTS)]
        for client in clients:
            owner.tokens(client)
        kept = [_kill(owner, clients, process.pid, url, index) for index in range(number)]
        steady = _stay(owner, clients, process.pid, seconds)
    return 0 if all(kept) and steady else 1


def _kill(owner: Browser, clients: list[str], master: int, url: str, index: int) -> bool:
    with rounds.killing(master, every=4) as killed:
        tally = rounds.run(owner, clients, number=_SIGN_INS)
    missing, twice = rounds.lost(owner, tally.tokens), rounds.doubled(url)
    held = not missing and not twice and not tally.errors
    print(
        f"round {index + 1}: {len(tally.tokens)} sign-ins, {len(killed)} workers killed, {tally.uncertain} begun anew, "
        f"{len(missing)} lost, {twice} doubled, {len(tally.errors)} errors {tally.errors[:1] or ''}",
        flush=True,
    )
    return held


def _stay(owner: Browser, clients: list[str], master: int, seconds: float) -> bool:
    peak = len(_for(owner, clients, _PEAK_SECONDS, rate=None)[0]) / _PEAK_SECONDS
    _for(owner, clients, seconds / 5, rate=peak / 2)  # until caches and pools are full
    before = {worker: _memory(worker) for worker in rounds.workers(master)}
    durations, errors = _for(owner, clients, seconds, rate=peak / 2)
    growth = max(_memory(worker) / before.get(worker, 1e9) for worker in rounds.workers(master))
    middle, high = statistics.median(durations), statistics.quantiles(durations, n=100)[98]
    print(
        f"{seconds:.0f} s at {peak / 2:.1f} sign-ins a second: {len(durations)} sign-ins, {len(errors)} errors "
        f"{errors[:1] or ''}; median {middle * 1e3:.0f} ms, 99th percentile {high * 1e3:.0f} ms "
        f"({high / middle:.2f} ×, limit {_MOST_RATIO:g}); memory of a worker × {growth:.3f} (limit {_MOST_GROWTH:g})",
        flush=True,
    )
    return not errors and high <= _MOST_RATIO * middle and growth <= _MOST_GROWTH


def _for(owner: Browser, clients: list[str], seconds: float, *, rate: float | None) -> tuple[list[float], list[str]]:
    """Sign in at a steady rate, or as fast as it goes; return the durations, queueing included, and the errors."""
    tally, durations, begin = rounds.Tally(), [], time.perf_counter()

    def work(index: int) -> None:
        due = time.perf_counter() if rate is None else begin + index / rate
        time.sleep(max(0.0, due - time.perf_counter()))
        if time.perf_counter() - begin < seconds:
            rounds.sign_in(owner, clients[index % len(clients)], tally)
            durations.append(time.perf_counter() - due)

    with ThreadPoolExecutor(len(clients)) as pool:
        list(pool.map(work, range(int(seconds * (rate or 200)))))
    return durations, [*tally.errors, *["a connection broke"] * tally.uncertain]


def _memory(process: int) -> float:
    """Return the proportional set size in MiB."""
    text = Path(f"/proc/{process}/smaps_rollup").read_text()
    found = re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)
    assert found is not None
    return int(found[1]) / 1024


if __name__ == "__main__":
    sys.exit(main())
