"""The page about clients says what the code does."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/recipes/client.md").read_text(encoding="utf-8")


def raised() -> dict[str, set[str]]:
    """Return the slugs in the code by class; ``refuse`` makes discovery errors."""
    found: dict[str, set[str]] = {"DiscoveryError": set(), "UnsupportedServerError": set(), "IdentityError": set()}
    for path in (ROOT / "flask_cimd/publish").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                name = "DiscoveryError" if name == "refuse" else name
                if name in found:
                    found[name].add(str(node.args[0].value))
    return found


def test_the_table_of_errors_is_the_slugs_in_the_code() -> None:
    table = re.findall(r"^\| `([A-Z]\w+)` \| (.*) \|$", PAGE, re.MULTILINE)
    assert {name: set(re.findall(r"`([a-z-]+)`", slugs)) for name, slugs in table} == raised()


def test_the_program_of_the_page_runs(tmp_path: Path) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict[str, object] = {"__name__": "recipe"}
    exec(compile(program, "client.md", "exec"), names)
    client = names["app"].test_client()  # type: ignore[attr-defined]  # the recipe's names are untyped
    assert client.get("/client.json").json["client_id"] == "https://app.example/client.json"
    assert "Your site, handle or server" in client.get("/sign-in").text
    assert client.post("/sign-in", data={"address": "no address"}).status_code == 400
