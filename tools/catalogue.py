"""Brings the catalogue of the site up to date: ``python -m tools.catalogue``, which ``make catalogue`` runs.

Extracts the texts for people from ``flask_cimd``, ``flask_cimd_site`` and ``demo``, merges them into
``flask_cimd_site/translations`` and compiles it.
Messages are the first arguments of the functions in `_FUNCTIONS`, the texts of errors (``public_message``, ``advice``),
and, in the rules of the library, hints of errors and messages of problems.
"""

from __future__ import annotations

import ast
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from jinja2.ext import babel_extract

ROOT = Path(__file__).parents[1]
TRANSLATIONS = ROOT / "flask_cimd_site/translations"
LANGUAGES = ("de",)
_FUNCTIONS = frozenset({"_", "gettext", "lazy_gettext", "ngettext", "sentence", "translate"})
_TEMPLATE_FUNCTIONS = ("_", "gettext", "ngettext", "say")
_OPTIONS = {"trim_blocks": "true", "lstrip_blocks": "true", "newstyle_gettext": "true"}
#: Files of catalogues have dates, which would differ from run to run.
_DATE = datetime(2026, 1, 1, tzinfo=UTC)

#: Parts of the library whose errors and problems are told to people, and the argument that is the message, by function.
_RULES = ("flask_cimd/core/", "flask_cimd/fetch/", "flask_cimd/clients/")
_MESSAGE_OF = {"Problem": 2, "add": 2, "StrictJSONError": 1, "ImageError": 0, "_refuse": -1}
#: Attributes whose texts are messages, and tables of such texts with the part of the library that they are in.
_TEXTS = {
    "public_message": "", "advice": "", "REFUSED": "flask_cimd/core/", "ACCEPTED_WITH": "flask_cimd/core/",
    "_HOST_HINTS": "flask_cimd/core/", "_ENDED": "flask_cimd/clients/", "_MESSAGES": "flask_cimd/publish/",
    "_FAILED": "flask_cimd/publish/", "_UNREACHABLE": "flask_cimd/publish/", "_NOT_STARTED": "flask_cimd/publish/",
}  # fmt: skip
#: Files whose OAuth errors end an authorization request: a page shows their descriptions.
_REQUESTS = tuple(
    f"flask_cimd/oauth/server/{name}.py"
    for name in (
        "atproto", "authorization_request", "binding", "parameters", "pkce", "resource_indicators", "response_modes",
    )
)  # fmt: skip

Message = str | tuple[str, ...]


def extracted() -> Catalog:
    """Return the messages of all sources, each with the files that have it."""
    found = Catalog(project="flask-cimd", creation_date=_DATE)
    for path in _sources("*.py"):
        for message in _of_program(path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix()):
            found.add(message, locations=[(path.relative_to(ROOT).as_posix(), None)])  # type: ignore[list-item]  # a file without a line
    for path in _sources("*.html"):
        for message in _of_template(path.read_bytes()):
            found.add(message, locations=[(path.relative_to(ROOT).as_posix(), None)])  # type: ignore[list-item]  # a file without a line
    return found


def merged(language: str) -> Catalog:
    """Return the catalogue of a language with the messages of today and its translations of them."""
    path = _file(language)
    catalog = Catalog(locale=language, project="flask-cimd", creation_date=_DATE, revision_date=_DATE, fuzzy=False)
    known = read_po(io.BytesIO(path.read_bytes()), locale=language) if path.exists() else Catalog(locale=language)
    for message in extracted():
        if message.id:
            before = known.get(message.id)
            catalog.add(message.id, before.string if before else None, locations=message.locations)
    return catalog


def as_text(catalog: Catalog) -> bytes:
    """Return the contents of the ``.po`` file."""
    out = io.BytesIO()
    write_po(out, catalog, width=120, sort_output=True, include_lineno=False, omit_header=True)
    header = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n'
    header += f'"Language: {catalog.locale}\\n"\n"Plural-Forms: {catalog.plural_forms}\\n"\n\n'
    return header.encode() + out.getvalue()


def compiled(catalog: Catalog) -> bytes:
    """Return the contents of the ``.mo`` file."""
    out = io.BytesIO()
    write_mo(out, catalog)
    return out.getvalue()


def main() -> None:
    """Write the catalogues, and print what is not translated."""
    for language in LANGUAGES:
        catalog = merged(language)
        _file(language).parent.mkdir(parents=True, exist_ok=True)
        _file(language).write_bytes(as_text(catalog))
        _file(language).with_suffix(".mo").write_bytes(compiled(catalog))
        missing = [message.id for message in catalog if message.id and not message.string]
        print(f"{language}: {len(catalog)} messages, {len(missing)} without translation", *missing, sep="\n")  # noqa: T201


def _file(language: str) -> Path:
    return TRANSLATIONS / language / "LC_MESSAGES" / "messages.po"


def _sources(pattern: str) -> Iterator[Path]:
    for folder in ("demo", "flask_cimd_site", "flask_cimd"):
        yield from sorted((ROOT / folder).rglob(pattern))


def _of_program(source: str, file: str) -> Iterator[Message]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            texts = [text for text in map(_text, node.args) if text]
            if name in _FUNCTIONS and texts:
                yield tuple(texts[:2]) if name == "ngettext" else texts[0]
            if file.startswith(_RULES):
                yield from _of_rule(node, name)
            if file in _REQUESTS and name.endswith("Error") and texts and texts[0].endswith("."):
                yield texts[0]
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [target.id for target in targets if isinstance(target, ast.Name)]
            if any(name in _TEXTS and file.startswith(_TEXTS[name]) for name in names):
                values = node.value.values if isinstance(node.value, ast.Dict) else [node.value]
                yield from filter(None, map(_text, values))


def _of_rule(call: ast.Call, name: str) -> Iterator[str]:
    """Yield the messages of an error or a problem."""
    place = _MESSAGE_OF.get(name)
    if place is not None and len(call.args) > place:
        yield from filter(None, [_text(call.args[place])])
    yield from filter(None, (_text(keyword.value) for keyword in call.keywords if keyword.arg == "hint"))


def _text(node: ast.expr | None) -> str:
    """Return the text of a constant; empty for everything else."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _of_template(source: bytes) -> Iterator[Message]:
    for _, _, message, _ in babel_extract(io.BytesIO(source), _TEMPLATE_FUNCTIONS, (), _OPTIONS):
        if isinstance(message, str):
            yield message
        elif message and (texts := tuple(text for text in message if text)):
            yield texts if len(texts) > 1 else texts[0]


if __name__ == "__main__":
    main()
