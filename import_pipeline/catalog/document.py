"""One YAML file as plain data that knows the line and column of each of its values.

Belongs here: which YAML is accepted, syntax faults, duplicate keys, finding a value's place. Does not belong here: what the keys
mean (catalog/explain.py turns a model's errors into faults).

The YAML is the safe subset with the scalars of YAML 1.2: only true and false are booleans; `No`, `12:30`, `2026-11-01`, `01234` and
digits beyond what 64 bits hold are text. With YAML 1.1 a choice `No` would silently become false, and a time of day a number.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from import_pipeline.catalog.fault import Fault, Loc, path_text

_MOST_NODES = 100_000
"""Nodes a document may have once its aliases are written out; a few lines of nested aliases can stand for billions."""
_STR = "tag:yaml.org,2002:str"


class _Loader(yaml.SafeLoader):
    """SafeLoader with the scalars of YAML 1.2."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 (the base class's own shape)


for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(0|[1-9][0-9]{0,17})", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)\.[0-9]*)([eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("merge", r"<<", "<"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), list(_first))


class Document:
    """A file's content in `data`, its faults of form in `faults`, and the place of every value.

    `data` is None when the file cannot be read as YAML at all; with duplicate keys it holds the last of them, so that everything
    else can be judged too.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.data: Any = None
        self.faults: list[Fault] = []
        self._root: Node | None = None
        self._endless = False
        text = self._text()
        if text is not None:
            self._parse(text)

    def _text(self) -> str | None:
        content = self.file.read_bytes()
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            before = content[: error.start]
            column = error.start - (before.rfind(b"\n") + 1)
            self._form(before.count(b"\n"), column, f"byte 0x{content[error.start]:02X} is not UTF-8: save the file as UTF-8")
            return None

    def _parse(self, text: str) -> None:
        try:
            loader = _Loader(text)
            root = loader.get_single_node()
            if root is None:
                self._form(0, 0, "the file is empty")
                return
            self._root = root
            self.faults += self._walk(root, (), {}, ())
            if not self._endless:
                self.data = loader.construct_document(root)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            hint = " (indent with blanks, not tabs)" if "'\\t'" in str(error.problem) else ""
            said = ", ".join(str(part) for part in (error.context, error.problem) if part)
            self._form(mark.line if mark else 0, mark.column if mark else 0, f"not valid YAML: {said}{hint}")
        except yaml.reader.ReaderError as error:
            before = text[: error.position]
            column = error.position - (before.rfind("\n") + 1)
            self._form(before.count("\n"), column, f"not valid YAML: the character U+{ord(text[error.position]):04X} is not allowed")
        except RecursionError:
            self._form(0, 0, "not valid YAML: nested too deeply")

    def _form(self, line: int, column: int, message: str) -> None:
        self.faults.append(Fault(self.file, line + 1, column + 1, "", message))

    def _walk(self, node: Node, loc: Loc, sizes: dict[int, int], above: tuple[int, ...]) -> Iterator[Fault]:
        """Faults of form below `node`. `sizes` keeps each node's size with aliases written out, and shows what was walked."""
        if id(node) in above:
            self._endless = True
            yield self._at(node, loc, "the aliases run in a circle: this value holds itself")
            return
        if id(node) in sizes:
            return
        size = 1
        for part, key, value in _children(node):
            if key is not None:
                yield from self._key_faults(node, key, (*loc, part))
            yield from self._walk(value, (*loc, part), sizes, (*above, id(node)))
            size += sizes.get(id(value), 1)
        sizes[id(node)] = size
        if not above and size > _MOST_NODES:
            self._endless = True
            yield self._at(node, loc, f"the aliases stand for {size} values, more than the {_MOST_NODES} a file may have")

    def _key_faults(self, mapping: Node, key: Node, loc: Loc) -> Iterator[Fault]:
        if isinstance(key, ScalarNode) and key.tag.endswith(":merge"):
            return
        if not isinstance(key, ScalarNode) or key.tag != _STR:
            written = key.value if isinstance(key, ScalarNode) else "this key"
            yield self._at(key, loc, f"a key is text, but YAML reads {written!r} as something else: put it in quotes")
            return
        first = next(k for k, _ in mapping.value if k.tag == key.tag and k.value == key.value)
        if first is not key:
            yield self._at(key, loc, f"the key {key.value!r} stands twice, first in line {first.start_mark.line + 1}")

    def _at(self, node: Node, loc: Loc, message: str) -> Fault:
        return Fault(self.file, node.start_mark.line + 1, node.start_mark.column + 1, path_text(loc), message)

    def fault(self, loc: Loc, message: str, *, at_key: bool = False) -> Fault:
        """A fault at the value that `loc` leads to (or at its key). What is not there is placed at the nearest value around it."""
        node, key = self._root, None
        for part in loc:
            found = next(((k, v) for p, k, v in reversed(list(_children(node))) if p == part), None)
            if found is None:
                break
            key, node = found
        place = key if at_key and key is not None else node
        if place is None:
            return Fault(self.file, 1, 1, path_text(loc), message)
        return self._at(place, loc, message)

    def written(self, loc: Loc) -> str | None:
        """The scalar at `loc` as it is written in the file, or None when there is no scalar."""
        node = self._root
        for part in loc:
            node = next((v for p, _, v in reversed(list(_children(node))) if p == part), None)
        return node.value if isinstance(node, ScalarNode) else None


def _children(node: Node | None) -> Iterator[tuple[str | int, Node | None, Node]]:
    """(key or position, node of the key, node of the value) of a mapping or list, in the order of the file."""
    if isinstance(node, MappingNode):
        for key, value in node.value:
            yield (key.value if isinstance(key, ScalarNode) else "?"), key, value
    elif isinstance(node, SequenceNode):
        for index, value in enumerate(node.value):
            yield index, None, value
