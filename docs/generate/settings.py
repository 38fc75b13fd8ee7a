"""Tables of settings, from their declarations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

from flask_cimd import Profile
from flask_cimd.settings import SETTINGS
from flask_cimd_site.variables import VARIABLES

from .markdown import code, sentence, table

#: Titles of the topics in ``declare(topic, …)``.
TOPICS = {
    "clients": "Which clients, by which rules",
    "hosts": "Hosts",
    "fetches": "Fetches",
    "cache": "Stored clients",
    "logos": "Logos",
    "development": "Development",
}


def settings() -> str:
    """Return every ``CIMD_*`` setting by topic."""
    return "\n".join(_topics())


def _topics() -> Iterator[str]:
    for topic, title in TOPICS.items():
        rows = [
            (code(setting.key), code(repr(setting.default).replace("'", '"')), setting.unit, setting.note)
            for setting in SETTINGS
            if setting.topic == topic
        ]
        yield f"## {title}\n\n{table(('key', 'default', 'unit', 'what it sets'), rows)}"


def profile() -> str:
    """Return the fields of a profile, with the descriptions of its docstring."""
    described = _attributes(Profile.__doc__ or "")
    rows = [(code(field.name), code(repr(field.default)), described[field.name]) for field in fields(Profile)]
    return table(("field", "default", "what it sets"), rows)


def _attributes(docstring: str) -> dict[str, str]:
    """Return the text of each attribute that a docstring describes."""
    found: dict[str, str] = {}
    name = ""
    for line in docstring.partition("Attributes:\n")[2].partition("\n\n")[0].splitlines():
        if line.startswith(" " * 12):
            found[name] += f" {line.strip()}"
        else:
            name, _, text = line.strip().partition(": ")
            found[name] = text
    return {name: sentence(text) for name, text in found.items()}


def site() -> str:
    """Return every ``DEMO_*`` variable of the personal site by topic."""
    topics = dict.fromkeys(variable.topic for variable in VARIABLES)
    parts = (
        f"## {topic}\n\n"
        + table(
            ("variable", "default", "meaning"),
            [(code(v.name), v.default, v.meaning) for v in VARIABLES if v.topic == topic],
        )
        for topic in topics
    )
    return "\n".join(parts)
