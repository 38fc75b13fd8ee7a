"""The public names of each package, documented from their docstrings."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from .markdown import sentence

#: Public packages, by the part of the name after ``flask_cimd``.
PACKAGES: Mapping[str, str] = {
    "cimd": "flask_cimd",
    "signals": "flask_cimd.signals",
    "provider": "flask_cimd.provider",
    "oauth": "flask_cimd.oauth",
    "publish": "flask_cimd.publish",
    "clients": "flask_cimd.clients",
    "stores": "flask_cimd.stores",
    "core": "flask_cimd.core",
    "testing": "flask_cimd.testing",
}


def names_of(package: str) -> list[str]:
    """Return the public names of a package in alphabetical order; a submodule documents itself."""
    module = import_module(package)
    listed = getattr(module, "__all__", [name for name in vars(module) if not name.startswith("_")])
    return sorted((name for name in listed if not inspect.ismodule(getattr(module, name))), key=str.lower)


@cache
def public_names() -> Mapping[str, Any]:
    """Return every public object by its full name."""
    packages = [package for package in PACKAGES.values() if package != "flask_cimd.signals"]
    return {
        f"{package}.{name}": getattr(import_module(package), name) for package in packages for name in names_of(package)
    }


def part(package: str) -> Callable[[], str]:
    """Return the function that writes the names of a package."""
    return lambda: "\n".join(_lines(PACKAGES[package]))


def _lines(package: str) -> Iterator[str]:
    yield "```{eval-rst}"
    yield f".. py:module:: {package}\n"
    if package == "flask_cimd.signals":
        yield from (f".. autodata:: {package}.{name}\n   :no-value:\n" for name in _signals())
    else:
        for name in names_of(package):
            yield from _directive(package, name)
    yield "```\n"


def _signals() -> list[str]:
    module = import_module("flask_cimd.signals")
    return [name for name, value in vars(module).items() if type(value).__name__ == "NamedSignal"]


def _directive(package: str, name: str) -> Iterator[str]:
    value = getattr(import_module(package), name)
    first = _first_place(value, name)
    if first != package:
        yield f".. py:data:: {name}\n\n   The same as `{first}.{name}`.\n"
        return
    if type(value).__name__ == "FixtureFunctionDefinition":
        yield f".. py:function:: {name}()\n\n   A pytest fixture. {sentence(value.__doc__)}\n"
        return
    if not inspect.isclass(value) and not inspect.isfunction(inspect.unwrap(value) if _is_cached(value) else value):
        yield f".. py:data:: {name}\n\n   {_comment(name)}\n"
        return
    kind = "autoclass" if inspect.isclass(value) else "autofunction"
    if inspect.isclass(value) and issubclass(value, BaseException):
        kind = "autoexception"
    yield f".. {kind}:: {package}.{name}\n"


def _is_cached(value: object) -> bool:
    return type(value).__name__ == "_lru_cache_wrapper"


def _comment(name: str) -> str:
    """Return the comment ``#:`` above a constant, wherever the package defines it."""
    pattern = re.compile(rf"^((?:#: .*\n)+){name}\b.*=", re.MULTILINE)
    for path in sorted(Path(import_module("flask_cimd").__path__[0]).rglob("*.py")):
        if found := pattern.search(path.read_text(encoding="utf-8")):
            return " ".join(line.removeprefix("#: ") for line in found[1].splitlines())
    raise LookupError(f"{name} has no comment")


def _first_place(value: object, name: str) -> str:
    for package in PACKAGES.values():
        module = import_module(package)
        if name in getattr(module, "__all__", ()) and getattr(module, name) is value:
            return package
    raise LookupError(name)
