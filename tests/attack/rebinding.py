"""DNS rebinding: names whose server answers with another address each time, or with good and bad ones at once.

The system's own resolver asks a name server of the attacker, in a network of its own with a public address: this module
runs itself as a program there (``unshare``), beside a site without the exceptions of development.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import trustme

from tests.support.browser import REDIRECT, SignIn
from tests.support.demo import ROOT, running_demo
from tests.support.origin import TLSOrigin

from .fetching import is_refused
from .target import Outcome, Target

#: Any public address: only this network knows it.
_PUBLIC = "93.184.216.34"
_INSIDE = "127.0.0.1"
_DOMAIN = "attacker-names.com"
_A, _AAAA = 1, 28
#: Answers by name: a list for each question in turn, of which the last is repeated.
_NAMES: dict[str, tuple[tuple[str, ...], ...]] = {
    "steady": ((_PUBLIC,),),
    "turns": ((_PUBLIC,), (_INSIDE,)),
    "inside": ((_INSIDE,),),
    "both": ((_PUBLIC, _INSIDE),),
    "reversed": ((_INSIDE, _PUBLIC),),
    "mapped": (("::ffff:127.0.0.1",),),
    "nat64": (("64:ff9b::7f00:1",),),
    "loopback6": (("::1",),),
    "beside6": ((_PUBLIC, "::1"),),
}


def rebinding(target: Target) -> Iterator[Outcome]:
    """Point names at this computer between the look-up and the connection, and beside a public address."""
    if target.name != "demo" or os.getuid() or not shutil.which("unshare") or not shutil.which("ip", path="/usr/sbin"):
        return
    command = ["unshare", "--net", "--mount", sys.executable, "-m", "tests.attack.rebinding"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    if ended.returncode:
        raise RuntimeError(ended.stderr)
    yield from (tuple(outcome) for outcome in json.loads(ended.stdout.splitlines()[-1]))  # type: ignore[misc]  # pairs


class NameServer:
    """Answers questions by UDP as `_NAMES` says, with a lifetime of 0 seconds."""

    def __init__(self) -> None:
        self.asked: Counter[tuple[str, int]] = Counter()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.53", 53))
        Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            question, sender = self._socket.recvfrom(1500)
            self._socket.sendto(self._answer(question), sender)

    def _answer(self, question: bytes) -> bytes:
        labels, at = [], 12
        while length := question[at]:
            labels.append(question[at + 1 : at + 1 + length].decode().lower())
            at += length + 1
        (kind,) = struct.unpack(">H", question[at + 1 : at + 3])
        found = self._addresses(labels[0], kind)
        head = question[:2] + struct.pack(">HHHHH", 0x8180, 1, len(found), 0, 0)
        records = (b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 0, len(data)) + data for data in found)
        return head + question[12 : at + 5] + b"".join(records)

    def _addresses(self, name: str, kind: int) -> list[bytes]:
        lists = _NAMES.get(name, ((),))
        chosen = lists[min(self.asked[name, kind], len(lists) - 1)]
        self.asked[name, kind] += 1
        version = 6 if kind == _AAAA else 4
        return [one.packed for one in map(ipaddress.ip_address, chosen) if one.version == version]


def main() -> int:
    """Attack a site inside this network, and print the outcomes."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder, ca = Path(name), trustme.CA()
        _set_up_network(folder)
        bundle = folder / "ca.pem"
        ca.cert_pem.write_to_path(str(bundle))
        names = NameServer()
        public = stack.enter_context(TLSOrigin(ca, f"*.{_DOMAIN}", address=_PUBLIC))
        inside = stack.enter_context(socket.create_server((_INSIDE, public.port)))
        inside6 = stack.enter_context(socket.create_server(("::1", public.port), family=socket.AF_INET6))
        given = {"CIMD_CA_BUNDLE": str(bundle), "CIMD_ALLOW_LOOPBACK": "0"}
        owner = stack.enter_context(running_demo(folder, **given)).owner()
        outcomes = []
        for host in _NAMES:
            client_id = f"https://{host}.{_DOMAIN}:{public.port}/{host}.json"
            document = {"client_id": client_id, "client_name": "App", "redirect_uris": [REDIRECT]}
            public.serve(f"/{host}.json", json.dumps(document).encode(), headers={"Content-Type": "application/json"})
            answer = owner.authorize(SignIn.begin(client_id, scope="profile"))
            is_good = host in ("steady", "turns")
            outcomes.append((f"the name {host}", (answer.status_code == 200) if is_good else is_refused(answer)))
            outcomes.append((f"one look-up of {host}", names.asked[host, _A] == 1))
        again = owner.authorize(SignIn.begin(f"https://turns.{_DOMAIN}:{public.port}/other.json", scope="profile"))
        outcomes.append(("the name turns, once it points inside", is_refused(again)))
        outcomes.append(("nobody connected inside", not any(map(_has_visitor, (inside, inside6)))))
        print(json.dumps(outcomes))
    return 0


def _set_up_network(folder: Path) -> None:
    """Give this network its addresses, and this program's view of the files another name server."""
    (folder / "resolv.conf").write_text("nameserver 127.0.0.53\noptions timeout:1 attempts:1\n")
    for command in (
        "ip link set lo up",
        f"ip address add {_PUBLIC}/32 dev lo",
        f"mount --bind {folder}/resolv.conf /etc/resolv.conf",
    ):
        subprocess.run(command.split(), check=True, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})


def _has_visitor(listener: socket.socket) -> bool:
    listener.setblocking(False)
    try:
        listener.accept()[0].close()
    except BlockingIOError:
        return False
    return True


ATTACKS = (rebinding,)

if __name__ == "__main__":
    sys.exit(main())
