"""The quick start for an existing Authlib server, and how to see that it works."""

from __future__ import annotations

import re
from pathlib import Path

from .demo import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def page(name: str) -> str:
    """Return a page of the documentation, by its name without the ending."""
    return (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")


def code_blocks(text: str) -> list[str]:
    """Return the Python examples of a page."""
    return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def quick_start() -> str:
    """Return the program."""
    return code_blocks(page("howto/existing-authlib"))[0]


def environment(ca_bundle: Path, **more: str) -> dict[str, str]:
    """Return variables for a program that reads its configuration with ``app.config.from_prefixed_env()``."""
    return {"FLASK_CIMD_ALLOW_LOOPBACK": "true", "FLASK_CIMD_CA_BUNDLE": str(ca_bundle), **more}


def rows(text: str) -> list[list[str]]:
    """Return the cells of every table row, without the heads."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))] for line in lines]
    heads = {index - 1 for index, row in enumerate(cells) if set(row[0]) <= {"-", ":"}}
    return [row for index, row in enumerate(cells) if index not in heads and not set(row[0]) <= {"-", ":"}]
