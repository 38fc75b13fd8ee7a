"""``python -m tests.attack [--short]``: attack a running demo and a running ``examples/minimal.py``.

Prints what did not hold and how much was tried; exit code 1 if anything did not hold.
"""

from __future__ import annotations

import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import trustme

from tests.support.browser import Browser
from tests.support.demo import running_demo
from tests.support.examples import running_minimal
from tests.support.origin import TLSOrigin

from . import account, fetching, protocol, rebinding
from .target import Attack, Outcome, Target

ATTACKS = (*fetching.ATTACKS, *protocol.ATTACKS, *account.ATTACKS, *rebinding.ATTACKS)


def main(arguments: list[str]) -> int:
    """Attack both sites and return the exit code."""
    lost, tried, began = 0, 0, time.monotonic()
    with targets(is_short="--short" in arguments) as sites:
        for site in sites:
            for attack in ATTACKS:
                outcomes = list(run(site, attack))
                tried += len(outcomes)
                broken = [name for name, has_held in outcomes if not has_held]
                lost += len(broken)
                verdict = "held" if not broken else "NOT HELD: " + "; ".join(broken)
                print(f"{site.name:<8} {attack.__name__:<16} {len(outcomes):>4} tried  {verdict}", flush=True)
    print(f"{tried} tried, {tried - lost} held, in {time.monotonic() - began:.0f} s")
    return 1 if lost else 0


def run(site: Target, attack: Attack) -> Iterator[Outcome]:
    """Yield the outcomes of one attack; one that cannot go on did not hold."""
    try:
        yield from attack(site)
    except Exception:
        traceback.print_exc()
        yield "it could not be carried out", False


@contextmanager
def targets(*, is_short: bool) -> Iterator[list[Target]]:
    """Run the sites until the block ends."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ca, bundle = trustme.CA(), folder / "ca.pem"
        ca.cert_pem.write_to_path(str(bundle))
        origin = stack.enter_context(TLSOrigin(ca))
        demo = stack.enter_context(
            running_demo(folder, CIMD_CA_BUNDLE=str(bundle), DEMO_LOGIN_LIMIT=f"{account.LIMIT} per hour")
        )
        minimal = stack.enter_context(running_minimal(folder, bundle))
        owners: dict[str, Browser] = {"demo": demo.owner(), "minimal": minimal.owner()}
        yield [
            Target(name=name, owner=owner, origin=origin, ca=ca, is_short=is_short) for name, owner in owners.items()
        ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
