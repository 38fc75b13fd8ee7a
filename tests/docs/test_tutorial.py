"""The tutorial, step by step: its files are saved, its commands run, a person signs in and takes it back."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.demo import free_ports, inherited_environment
from tests.support.examples import running
from tests.support.quickstart import code_blocks, page
from tests.support.walker import Walker

TUTORIAL = page("tutorial/index")
pytestmark = pytest.mark.slow


def commands(step: str) -> list[str]:
    """Return the commands of one numbered step."""
    section = TUTORIAL.partition(f"## {step}")[2].partition("\n## ")[0]
    blocks = re.findall(r"^```console\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    return [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]


class Reader:
    """Somebody who follows the tutorial in an empty folder, at free ports of this computer."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = {"5000": str(free_ports()), "5001": str(free_ports())}
        self.environment = inherited_environment() | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        for block in code_blocks(TUTORIAL):
            name, _, program = block.partition("\n")
            (folder / name.removeprefix("# ")).write_text(self.here(program), encoding="utf-8")

    def here(self, text: str) -> str:
        """Return a text of the tutorial with the ports of this test."""
        for written, free in self.ports.items():
            text = text.replace(written, free)
        return text

    def run(self, command: str) -> str:
        """Run a command, and return what it prints."""
        done = subprocess.run(
            ["bash", "-c", self.here(command)],
            cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """Follow the steps until provider and client run."""
    reader = Reader(tmp_path_factory.mktemp("tutorial"))
    with ExitStack() as stack:
        (certificate,) = commands("3. ")
        reader.run(certificate)
        for step, address in (("4. ", "http://127.0.0.1:5000/"), ("5. ", "https://localhost:5001/")):
            command = reader.here(commands(step)[0]).split()
            log = reader.folder / step[0]
            log.mkdir()
            stack.enter_context(
                running([sys.executable, "-m", *command], reader.here(address), reader.folder, PYTHONUNBUFFERED="1")
            )
        yield reader


def test_what_it_installs_is_this_package_with_its_extra_and_two_others() -> None:
    *_, install = commands("1. ")
    assert install == 'pip install "flask-cimd[provider]" flask-login trustme'


def test_the_provider_says_what_the_text_promises(reader: Reader) -> None:
    look = commands("4. ")[1]
    (promise,) = re.findall(r"The answer contains `\"(\w+)\": true`", TUTORIAL)
    assert f'"{promise}":true' in reader.run(look).replace(" ", "")


def test_the_client_is_explained(reader: Reader) -> None:
    assert "client_name" in reader.run(commands("5. ")[1])


def test_a_person_signs_in_and_an_operator_takes_it_back(reader: Reader) -> None:
    site, origin = reader.here("http://127.0.0.1:5000"), reader.here("https://localhost:5001")
    person = Walker(str(reader.folder / "client.pem"), {"address": site, "password": "secret"}, ("Approve",))
    target = person.walk(f"{origin}/sign-in", f"{origin}/sign-in/callback")
    assert person.session.get(target, timeout=20).text == f"You are {site}/"
    assert "My first client" in person.session.get(f"{site}/apps", timeout=20).text
    deny, allow = commands("7. ")
    reader.run(deny)
    assert "localhost" in reader.run("flask --app provider cimd rules")
    reader.run(allow)
    assert "localhost" not in reader.run("flask --app provider cimd rules")
