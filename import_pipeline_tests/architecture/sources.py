"""The project's own Python files as syntax trees, read once, for the tests of this folder.

Belongs here: finding files, imports and definitions. Does not belong here: rules (the tests beside this file).
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "import_pipeline"
FOLDERS = (PACKAGE, "import_pipeline_tests", "benchmarks", "data/samples")

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True)
class Source:
    """One Python file. `name` is its path from the project's root."""

    name: str

    @cached_property
    def text(self) -> str:
        """The file's text."""
        return (ROOT / self.name).read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        """Its syntax tree."""
        return ast.parse(self.text)

    @property
    def docstring(self) -> str:
        """The docstring it opens with, or nothing."""
        return ast.get_docstring(self.tree) or ""

    @property
    def room(self) -> str:
        """The folder below the package, or the module's name when it lies in the package itself."""
        return self.name.split("/")[1].removesuffix(".py")

    @property
    def is_test(self) -> bool:
        """True below the tests' folder."""
        return self.name.startswith(f"{PACKAGE}_tests/")

    @property
    def module(self) -> str:
        """The dotted name that imports it."""
        return self.name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    def imports(self) -> Iterator[tuple[int, str]]:
        """(line, dotted module) of every import, those inside functions and TYPE_CHECKING blocks included."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((node.lineno, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                package = self.module.split(".") if self.name.endswith("__init__.py") else self.module.split(".")[:-1]
                above = package[: len(package) - node.level + 1] if node.level else []
                base = ".".join([*above, *([node.module] if node.module else [])])
                yield node.lineno, base
                yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)

    def definitions(self) -> Iterator[tuple[str, Definition]]:
        """(dotted name, node) of the module's functions and classes and of the classes' methods; nothing inside functions."""
        waiting: list[tuple[str, ast.Module | ast.ClassDef]] = [("", self.tree)]
        while waiting:
            prefix, holder = waiting.pop(0)
            for node in holder.body:
                if isinstance(node, Definition):
                    yield prefix + node.name, node
                if isinstance(node, ast.ClassDef):
                    waiting.append((f"{prefix}{node.name}.", node))


@cache
def sources(*folders: str) -> tuple[Source, ...]:
    """All Python files below the folders (default: all of the project's own), by name."""
    found = (file for folder in folders or FOLDERS for file in (ROOT / folder).rglob("*.py"))
    return tuple(Source(file.relative_to(ROOT).as_posix()) for file in sorted(found))
