"""Who imports whom, read from the source and never run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

When = Literal["load", "call", "typing"]


@dataclass(frozen=True)
class Import:
    """One import statement's target.

    Args:
        module: full name of what is imported; for `from a import b`, `a.b`.
        when: at `load` of the module, at the `call` of a function, or for `typing` alone.
        level: dots in front, 0 for an absolute import.
        line: line number.
    """

    module: str
    when: When
    level: int
    line: int


@dataclass(frozen=True)
class Module:
    """One source file.

    Args:
        name: as imported by users, `latentfx.export.onnx`.
        path: the file.
        imports: everything that it imports.
    """

    name: str
    path: Path
    imports: tuple[Import, ...]


def read_package(folders: dict[str, Path]) -> dict[str, Module]:
    """Read every module of a package that lies in several folders."""
    found = {}
    for package, folder in folders.items():
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            is_package = parts[-1] == "__init__"
            name = ".".join((package, *(parts[:-1] if is_package else parts)))
            parent = name if is_package else name.rpartition(".")[0]
            tree = ast.parse(path.read_text(encoding="utf-8"))
            found[name] = Module(name, path, tuple(_walk(tree.body, parent, "load")))
    return found


def _walk(body: list[ast.stmt], package: str, when: When) -> Iterator[Import]:
    for node in body:
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, when, 0, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*parts, *([node.module] if node.module else [])])
            for alias in node.names:
                yield Import(f"{base}.{alias.name}", when, node.level, node.lineno)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            yield from _walk(node.body, package, "typing")
            yield from _walk(node.orelse, package, when)
        else:
            inner: When = "call" if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else when
            for name in ("body", "orelse", "finalbody"):
                yield from _walk(getattr(node, name, []), package, inner)
            for handler in getattr(node, "handlers", []):
                yield from _walk(handler.body, package, inner)


def resolve(target: str, modules: dict[str, Module]) -> str | None:
    """Name of the project's module that a target is, or lies in; None for anything else."""
    while target:
        if target in modules:
            return target
        target = target.rpartition(".")[0]
    return None


def loaded_with(name: str, modules: dict[str, Module]) -> set[str]:
    """Modules of the project that are loaded when one is imported, itself and its packages included."""
    seen: set[str] = set()
    queue = [name]
    while queue:
        current = queue.pop()
        if current in seen:
            continue
        seen.add(current)
        parts = current.split(".")
        queue += [".".join(parts[:n]) for n in range(1, len(parts))]
        found = (resolve(item.module, modules) for item in modules[current].imports if item.when == "load")
        queue += [other for other in found if other is not None]
    return seen
