"""Measures the layout of the package: import circles, imports against the order of the layers, sizes, public names.

Run by ``make house``; ``tests/test_house.py`` holds the package to the limits. An arrow is an import between two
modules; imports under ``TYPE_CHECKING`` and inside functions count. A part is a file
or a folder directly under the package.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[1]

#: The layers from the ground up. A part imports parts of lower layers only; parts of one layer do not meet.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("errors",),
    ("signals",),
    ("core",),
    ("stores",),
    ("fetch",),
    ("settings",),
    ("clients",),
    ("oauth",),
    ("provider", "publish"),
    ("extension",),
    ("__init__", "testing"),
    ("cli",),
    ("__main__",),
)

Arrow = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Function:
    """One function: its place and its length in lines, decorators and docstring included."""

    module: str
    name: str
    lines: int


@dataclass(frozen=True)
class Layout:
    """The source of one package, parsed."""

    package: Path

    @cached_property
    def modules(self) -> dict[str, ast.Module]:
        """Return each module by its name below the package; ``""`` is the package itself."""
        paths = sorted(self.package.rglob("*.py"))
        return {self._name_of(path): ast.parse(path.read_text(encoding="utf-8")) for path in paths}

    @cached_property
    def arrows(self) -> set[Arrow]:
        """Return every import between two modules of the package."""
        found = ((name, target) for name, tree in self.modules.items() for target in self._imported(name, tree))
        return {(source, target) for source, target in found if source != target}

    @cached_property
    def parts(self) -> set[str]:
        """Return the names of the files and folders directly under the package."""
        return {part_of(name) for name in self.modules}

    @cached_property
    def part_arrows(self) -> set[Arrow]:
        """Return the distinct arrows between parts."""
        return {
            (part_of(source), part_of(target)) for source, target in self.arrows if part_of(source) != part_of(target)
        }

    def upward(self) -> list[Arrow]:
        """Return the arrows that do not lead from a layer to a lower one."""
        level = {name: height for height, layer in enumerate(LAYERS) for name in layer}
        return sorted(
            (source, target)
            for source, target in self.arrows
            if part_of(source) != part_of(target) and level[part_of(source)] <= level[part_of(target)]
        )

    def circles(self) -> list[list[str]]:
        """Return the sets of modules that import each other, directly or through others."""
        reach = {name: self._reachable(name) for name in self.modules}
        circles = {
            frozenset({name, *(other for other in reach[name] if name in reach[other])})
            for name in self.modules
            if name in reach[name]
        }
        return sorted(sorted(circle) for circle in circles)

    def functions(self) -> Iterator[Function]:
        """Yield every function and method."""
        for module, tree in self.modules.items():
            for node in ast.walk(tree):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
                    yield Function(module, node.name, (node.end_lineno or first) - first + 1)

    def public_definitions(self) -> Iterator[tuple[str, bool]]:
        """Yield each public module, class, function and method, and whether it has a docstring."""
        for module, tree in self.modules.items():
            if not any(_is_private(part) for part in module.split(".")):
                yield module, bool(ast.get_docstring(tree))
                yield from _documented(module, tree)

    def public_names(self, folder: str) -> set[str]:
        """Return what the ``__init__`` modules of a folder list in ``__all__``."""
        inits = {self._name_of(path) for path in (self.package / folder).rglob("__init__.py")}
        return {name for init in inits for name in _all_of(self.modules[init])}

    def longest_file(self) -> tuple[int, str]:
        """Return the number of lines of the longest file, and its path."""
        lengths = ((len(path.read_text(encoding="utf-8").splitlines()), path) for path in self.package.rglob("*.py"))
        lines, path = max(lengths)
        return lines, path.relative_to(self.package.parent).as_posix()

    def _name_of(self, path: Path) -> str:
        parts = path.relative_to(self.package).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    def _imported(self, name: str, tree: ast.Module) -> Iterator[str]:
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield from self._module(alias.name)
            elif isinstance(node, ast.ImportFrom):
                base = self._base_of(name, node)
                for alias in node.names:
                    yield from self._module(f"{base}.{alias.name}") or self._module(base)

    def _base_of(self, name: str, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        parts = [self.package.name, *name.split(".")] if name else [self.package.name]
        is_package = (self.package / name.replace(".", "/") / "__init__.py").is_file()
        kept = parts[: len(parts) - node.level + is_package]
        return ".".join([*kept, *([node.module] if node.module else [])])

    def _module(self, dotted: str) -> list[str]:
        """Return the module of the package with this full name, or nothing."""
        package, _, name = dotted.partition(".")
        return [name] if package == self.package.name and name in self.modules else []

    def _reachable(self, name: str) -> set[str]:
        found: set[str] = set()
        waiting = [name]
        while waiting:
            source = waiting.pop()
            new = {target for start, target in self.arrows if start == source} - found
            found |= new
            waiting += new
        return found


def part_of(module: str) -> str:
    """Return the file or folder directly under the package that holds a module."""
    return module.partition(".")[0] or "__init__"


def _is_private(name: str) -> bool:
    return name.startswith("_")


def _documented(prefix: str, parent: ast.Module | ast.ClassDef) -> Iterator[tuple[str, bool]]:
    for node in parent.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not _is_private(node.name):
            name = f"{prefix}.{node.name}"
            yield name, bool(ast.get_docstring(node))
            if isinstance(node, ast.ClassDef):
                yield from _documented(name, node)


def _all_of(tree: ast.Module) -> list[str]:
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id="__all__")], value=value):
                return list(ast.literal_eval(value))
    return []


def percentile(values: list[int], share: float) -> int:
    """Return the value below which this share of the values lies."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def report(layout: Layout, settings: int) -> Iterator[str]:
    """Yield the lines that ``make house`` prints."""
    lengths = [function.lines for function in layout.functions()]
    documented = [has for _, has in layout.public_definitions()]
    circles, upward = layout.circles(), layout.upward()
    yield f"import circles        {len(circles)}"
    yield from (f"    {' '.join(circle)}" for circle in circles)
    yield f"imports upward        {len(upward)}"
    yield from (f"    {source or '__init__'} -> {target or '__init__'}" for source, target in upward)
    yield f"parts                 {len(layout.parts)}"
    yield f"arrows between parts  {len(layout.part_arrows)}, {len(layout.part_arrows) / len(layout.parts):.2f} a part"
    yield f"modules               {len(layout.modules)}, {len(layout.arrows)} arrows"
    yield f"public names of oauth {len(layout.public_names('oauth'))}"
    yield f"settings              {settings}"
    p50, p90 = percentile(lengths, 0.5), percentile(lengths, 0.9)
    yield f"function length       p50 {p50}, p90 {p90}, longest {max(lengths)} lines"
    yield f"longest file          {layout.longest_file()[0]} lines, {layout.longest_file()[1]}"
    yield f"public docstrings     {sum(documented) / len(documented):.1%} of {len(documented)}"


if __name__ == "__main__":
    from flask_cimd.settings import SETTINGS

    sys.stdout.write("\n".join(report(Layout(ROOT / "flask_cimd"), len(SETTINGS))) + "\n")
