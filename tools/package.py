"""Builds the package into ``dist/`` and checks it: ``make package``.

The source distribution is unpacked, installed without its own sources in the way, and passes its tests of `core`. The
list of parts (``dist/sbom.json``, CycloneDX) and the search for known vulnerabilities need the package index; without
it they are left out, which is said.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DIST = ROOT / "dist"
#: Points of 10 that pyroma must give; the missing ones are for the project URLs.
_LEAST_PYROMA = 8
#: Seconds; the database answers sooner, or not at all.
_LONGEST_AUDIT = 120


def run(*command: str | Path, cwd: Path = ROOT, **environment: str) -> None:
    """Run a command; end with its exit code if it fails."""
    done = subprocess.run(command, cwd=cwd, env=os.environ | environment, check=False)
    if done.returncode:
        sys.exit(done.returncode)


def say(text: str) -> None:
    """Print a line before the output of what follows."""
    sys.stdout.write(f"-- {text}\n")
    sys.stdout.flush()


def build() -> tuple[Path, Path]:
    """Return the new source distribution and wheel; the wheel is built from the source distribution."""
    shutil.rmtree(DIST, ignore_errors=True)
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", DIST)
    (source,), (wheel,) = DIST.glob("*.tar.gz"), DIST.glob("*.whl")
    return source, wheel


def check(source: Path, wheel: Path) -> None:
    """Run the checkers of metadata and contents."""
    run(sys.executable, "-m", "twine", "check", "--strict", source, wheel)
    run(Path(sys.executable).with_name("check-wheel-contents"), wheel)
    run(Path(sys.executable).with_name("pyroma"), "--min", str(_LEAST_PYROMA), source)


def test(source: Path) -> None:
    """Install the source distribution and run its tests of `core` on what is installed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with tarfile.open(source) as archive:
            archive.extractall(folder, filter="data")
        (unpacked,) = folder.iterdir()
        home = folder / "environment"
        venv.create(home, with_pip=False)
        python = home / "bin/python"
        packages = next(home.glob("lib/python*/site-packages"))
        (packages / "shared.pth").write_text(str(next((ROOT / ".venv").glob("lib/python*/site-packages"))))
        install = ("install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--ignore-installed")
        run(sys.executable, "-m", "pip", "--python", python, *install, source)
        shutil.rmtree(unpacked / "flask_cimd")
        run(python, "-c", "import flask_cimd, sys; sys.exit(sys.prefix not in flask_cimd.__file__)", cwd=unpacked)
        # test_purity.py reads the sources, which are not there.
        options = ("-q", "-p", "no:cacheprovider", "-n", "0", "--ignore", "tests/core/test_purity.py")
        run(python, "-m", "pytest", *options, "tests/core", cwd=unpacked)


def requirements(wheel: Path) -> list[str] | None:
    """Return what a person gets who installs the wheel today, as pins; ``None`` without the package index."""
    options = ("--dry-run", "--ignore-installed", "--quiet", "--report", "-")
    command = (sys.executable, "-m", "pip", "install", *options, f"{wheel}[provider,logo,redis,sites,postgres]")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return None
    found = (one["metadata"] for one in json.loads(done.stdout)["install"])
    return sorted(f"{one['name']}=={one['version']}" for one in found if one["name"] != "flask-cimd")


def list_parts(pins: list[str]) -> None:
    """Write the list of parts."""
    path = DIST / "requirements.txt"
    path.write_text("\n".join(pins) + "\n", encoding="utf-8")
    options = (
        "--output-reproducible",
        "--of",
        "JSON",
        "-o",
        DIST / "sbom.json",
        "--pyproject",
        ROOT / "pyproject.toml",
    )
    run(Path(sys.executable).with_name("cyclonedx-py"), "requirements", *options, path)


def audit() -> None:
    """Look for known vulnerabilities of the parts; say so if their database does not answer."""
    options = ("--progress-spinner", "off", "--no-deps", "--disable-pip", "-f", "json")
    command = (sys.executable, "-m", "pip_audit", *options, "-r", DIST / "requirements.txt")
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_LONGEST_AUDIT)
        parts = json.loads(done.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, ValueError, KeyError):
        say("known vulnerabilities: not looked up, their database does not answer")
        return
    found = [f"{part['name']} {part['version']}: {one['id']}" for part in parts for one in part.get("vulns", [])]
    say(f"known vulnerabilities of {len(parts)} parts: {'; '.join(found) or 'none'}")
    if found:
        sys.exit(1)


def main() -> None:
    """Build, check, try and list."""
    source, wheel = build()
    check(source, wheel)
    say("the source distribution, installed, passes its tests of core")
    test(source)
    pins = requirements(wheel)
    if pins is None:
        say("list of parts and known vulnerabilities: left out, the package index does not answer")
        return
    list_parts(pins)
    say(f"dist/sbom.json lists {len(pins)} parts")
    audit()


if __name__ == "__main__":
    main()
