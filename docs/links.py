"""References of the documentation: to the place where a name is public, and to files of the repository."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import Any

from docs.generate.api import public_names

_FILE_LINK = re.compile(r'\[([^\]]+)\]\((\.\./[^)\s#]+)[^)"]*(?:"([^"]*)")?\)')


@cache
def aliases() -> Mapping[str, str]:
    """Return the documented name of each public object, by the name of its definition."""
    found: dict[str, str] = {}
    for documented, value in public_names().items():
        if inspect.isclass(value) or inspect.isfunction(value):
            found.setdefault(f"{value.__module__}.{value.__qualname__}", documented)
        found.setdefault(documented.rpartition(".")[2], documented)
    return found


def resolve(app: Any, env: Any, node: Any, content: Any) -> Any:
    """Lead a reference to the documented name; text without a link if the name exists and is not public.

    A name that does not exist stays unresolved, which Sphinx reports.
    """
    if node.get("refdomain") != "py":
        return None
    target = node["reftarget"].removeprefix("~").lstrip(".")
    owner, _, member = target.rpartition(".")
    for documented in (aliases().get(target), f"{aliases()[owner]}.{member}" if owner in aliases() else None):
        if documented and documented != target:
            domain = env.get_domain("py")
            found = domain.resolve_xref(env, node["refdoc"], app.builder, "obj", documented, node, content)
            if found is not None:
                return found
    scope = (node.get("py:module"), node.get("py:class"))
    return content if _exists(target, scope) else None


def _exists(target: str, scope: tuple[str | None, str | None]) -> bool:
    module, owner = scope
    target = target.partition("[")[0].removeprefix("~")
    if target in _names() or (target.startswith("flask_cimd.") and target.rpartition(".")[2] in _names()):
        return True
    places = [
        target,
        f"builtins.{target}",
        f"typing.{target}",
        f"collections.abc.{target}",
        f"flask_sqlalchemy.{target}",
    ]
    if module:
        places += [f"{module}.{owner}.{target}", f"{module}.{target}"]
    return any(_imports(place) for place in places)


@cache
def _names() -> frozenset[str]:
    """Return every name in the modules of the package, for references without a module."""
    found = walk_packages(import_module("flask_cimd").__path__, "flask_cimd.")
    modules = [import_module(one.name) for one in found if not one.name.endswith("__main__")]
    values = {name: value for module in modules for name, value in vars(module).items()}
    members = {f"{name}.{member}" for name, value in values.items() if inspect.isclass(value) for member in dir(value)}
    return frozenset(values) | members


@cache
def _imports(dotted: str) -> bool:
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        try:
            value: Any = import_module(".".join(parts[:length]))
        except (ImportError, ValueError):
            continue
        try:
            for part in parts[length:]:
                value = getattr(value, part)
        except (AttributeError, RuntimeError):  # a proxy outside of its context
            return False
        return True
    return False


class PlainProperties:
    """Keeps Napoleon from reading ``The name: …`` in the docstring of a property as its type."""

    def __init__(self) -> None:
        self._kept: dict[str, list[str]] = {}

    def keep(self, app: Any, what: str, name: str, value: Any, options: Any, lines: list[str]) -> None:
        """Remember the lines before Napoleon reads them."""
        if what in ("attribute", "property", "data") and not any(line.endswith(":") for line in lines):
            self._kept[name] = list(lines)

    def restore(self, app: Any, what: str, name: str, value: Any, options: Any, lines: list[str]) -> None:
        """Bring the lines back."""
        if name in self._kept:
            lines[:] = self._kept.pop(name)


def skip_undocumented(app: Any, kind: str, name: str, value: Any, skip: bool, options: Any) -> bool | None:
    """Leave out members that other packages define."""
    home = getattr(value, "__module__", "") or ""
    return True if callable(value) and home and not home.startswith("flask_cimd") else None


def unlink_files(folder: Path, name: str, source: list[str], project: Mapping[str, Any]) -> None:
    """Turn links to files outside the pages into links to the public repository, or into names while there is none."""
    repository = project.get("urls", {}).get("Source", "")

    def replaced(found: re.Match[str]) -> str:
        target = (folder / name).parent.joinpath(found[2]).resolve()
        if target.is_relative_to(folder):
            return found[0]
        path = target.relative_to(folder.parent).as_posix()
        return f"[{found[1]}]({repository}/blob/main/{path})" if repository else f"`{path}`"

    source[0] = _FILE_LINK.sub(replaced, source[0])
