"""The files of ``deploy/`` hold what they promise, as far as linters and the programs themselves can tell."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml

from flask_cimd_site.cli import templates
from flask_cimd_site.cli.folder import read_variables
from flask_cimd_site.config import Configuration
from tests.support.demo import ROOT
from tests.support.proxies import PATH, caddy, certify, need_program, nginx
from tests.support.requirements import need

DEPLOY = ROOT / "deploy"
UNITS = ("flask-cimd-site.service", "flask-cimd-site-backup.service", "flask-cimd-site-backup.timer")
#: Worst exposure, of 100, as `systemd-analyze security` counts it.
EXPOSURE = 30


def run(*command: object, **options: Any) -> subprocess.CompletedProcess[str]:
    given = {"env": os.environ | {"PATH": PATH}, "text": True, "capture_output": True, "timeout": 60, **options}
    return subprocess.run([str(part) for part in command], check=False, **given)


def linter(name: str) -> Path:
    path = Path(sys.executable).with_name(name)
    need(path.exists(), f"{name} is not installed: pip install --group deploy")
    return path


@pytest.fixture(scope="module")
def compose() -> Any:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))


# -- the image -------------------------------------------------------------------------------------------------------


def test_hadolint_has_nothing_to_say_about_the_dockerfile() -> None:
    done = run(linter("hadolint"), DEPLOY / "Dockerfile")
    assert (done.returncode, done.stdout) == (0, "")


def test_the_image_holds_what_a_build_needs_and_nothing_else() -> None:
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    copied = {word for line in re.findall(r"^COPY (?!--from)(.+)$", text, re.MULTILINE) for word in line.split()[:-1]}
    assert all((ROOT / name).exists() for name in copied)
    kept = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    assert {line.removeprefix("!") for line in kept if line.startswith("!")} == copied
    assert re.search(r'"/src\[site,postgres,redis,metrics\]"', text)


def test_the_image_runs_as_nobody_special_and_says_how_it_is() -> None:
    last = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").rpartition("\nFROM ")[2]
    assert re.search(r"^USER 10001:10001$", last, re.MULTILINE)
    assert re.search(r"^HEALTHCHECK .*\\\n +CMD .*/healthz", last, re.MULTILINE)
    assert re.search(r'^CMD \["flask-cimd-site", "serve"\]$', last, re.MULTILINE)


# -- compose ---------------------------------------------------------------------------------------------------------


def test_the_compose_file_follows_the_specification(compose: Any) -> None:
    need(find_spec("compose_spec"), "compose-spec is not installed: pip install --group deploy")
    from compose_spec import PyCompose

    found = PyCompose.from_yaml(yaml.safe_dump(compose))
    found.validate()
    assert set(found.service_names()) == {"site", "database", "redis", "caddy"}


def test_compose_lint_finds_only_what_is_meant() -> None:
    done = run(linter("compose-lint"), "check", "--format", "json", "--no-env", DEPLOY / "compose.yaml")
    found = {(one["rule_id"], one["service"]) for one in json.loads(done.stdout)["findings"]}
    # Caddy is there for the public; tags without digests get security updates.
    meant = {("CL-0005", "caddy"), *(("CL-0019", name) for name in ("site", "database", "redis", "caddy"))}
    assert found <= meant, done.stdout


def test_every_service_is_bounded_and_may_do_little(compose: Any) -> None:
    for name, service in compose["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "healthcheck" in service or name == "site", name  # the image of the site has its own
        assert service.keys() >= {"mem_limit", "pids_limit", "cpus", "restart"}, name
    assert compose["services"]["caddy"]["ports"] == ["80:80", "443:443", "443:443/udp"]
    assert [name for name, service in compose["services"].items() if "ports" in service] == ["caddy"]
    assert compose["networks"]["back"] == {"internal": True}
    assert compose["services"]["database"]["networks"] == ["back"]


def test_the_environment_file_names_every_secret_and_starts_the_site(compose: Any) -> None:
    text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    example = read_variables((DEPLOY / "site.env.example").read_text(encoding="utf-8"))
    assert set(re.findall(r"\$\{(\w+)", text)) == set(example)
    given = {name: value or "0" * 64 for name, value in example.items()}
    site = compose["services"]["site"]["environment"]
    filled = {name: re.sub(r"\$\{(\w+):[^}]+\}", lambda m: given[m[1]], value) for name, value in site.items()}
    configuration = Configuration.from_environment(filled)
    assert configuration.base_url == "https://me.example"
    assert configuration.database_url == f"postgresql+psycopg://site:{'0' * 64}@database/site"
    assert configuration.trusted_proxies == 1


# -- proxies and units -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("proxy", [nginx, caddy])
def test_the_proxies_accept_their_files(proxy: Any, tmp_path: Path, ca: trustme.CA) -> None:
    need_program(proxy.__name__)
    certify(tmp_path, ca, "ada.example")
    command = proxy(tmp_path, "ada.example", 9443, 5000)
    check = [*command, "-t"] if proxy is nginx else ["caddy", "validate", *command[2:]]
    done = run(*check, cwd=tmp_path, env={"PATH": PATH, "HOME": str(tmp_path)})
    assert done.returncode == 0, done.stderr


def test_caddy_accepts_the_file_as_compose_mounts_it(compose: Any, tmp_path: Path) -> None:
    need_program("caddy")
    given = {
        "SITE_DOMAIN": "ada.example",
        "SITE_UPSTREAM": compose["services"]["caddy"]["environment"]["SITE_UPSTREAM"],
    }
    done = run(
        *("caddy", "adapt", "--config", DEPLOY / "Caddyfile", "--adapter", "caddyfile"),
        env={"PATH": PATH, "HOME": str(tmp_path), **given},
    )
    assert done.returncode == 0, done.stderr
    assert '"dial":"site:5000"' in done.stdout
    assert '"host":["ada.example"]' in done.stdout


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """Return a folder with the units of a site, as init writes them."""
    values = templates.Values(host="me.example", port=5000, directory=tmp_path, user="daemon")
    for name in UNITS:
        (tmp_path / name).write_text(templates.filled_in(name, values), encoding="utf-8")
    return tmp_path


def test_systemd_accepts_the_units(units: Path) -> None:
    need(shutil.which("systemd-analyze"), "systemd-analyze is not installed")
    done = run("systemd-analyze", "verify", *(units / name for name in UNITS))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", UNITS[:2])
def test_systemd_counts_the_services_as_little_exposed(units: Path, name: str) -> None:
    need(shutil.which("systemd-analyze"), "systemd-analyze is not installed")
    done = run("systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE}", units / name)
    assert done.returncode == 0, done.stdout
