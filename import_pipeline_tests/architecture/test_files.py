"""How each file is written: it opens with what belongs in it, it is short, and nothing in it is left for later.

Belongs here: rules that one file can break alone. Does not belong here: who imports whom (test_layers.py).
"""

import ast
import re
from collections.abc import Iterator

from import_pipeline_tests.architecture.sources import PACKAGE, ROOT, Definition, Source, sources

MOST_LINES, MOST_LINES_OF_A_FUNCTION = 400, 60
LEFT_FOR_LATER = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "X" * 3, "H" + "ACK")) + r")\b")
TEXTS = ("*.md", "*.toml", "*.yaml", "*.txt", "Makefile", ".ci/run", "docs/**/*.md", "import_pipeline/**/*.yaml", "data/samples/*.md")


def whole(docstring: str) -> str:
    """A docstring on one line."""
    return " ".join(docstring.split())


def test_every_file_opens_with_a_sentence() -> None:
    """The first thing that a reader of an unknown file needs is what it is for."""
    wrong = [s.name for s in sources() if s.text.strip() and not re.search(r"\w.{15,}[.!?:»)`](\s|$)", whole(s.docstring))]
    assert wrong == []


def test_every_module_of_the_package_says_what_belongs_in_it_and_what_does_not() -> None:
    """So the next person puts the next function into the right file."""
    wrong = [
        s.name
        for s in sources(PACKAGE)
        if not s.name.endswith("__init__.py")
        if len(s.docstring.splitlines()) < 2 or "Belongs here" not in whole(s.docstring) or "Does not belong here" not in whole(s.docstring)
    ]
    assert wrong == []


def test_no_file_is_longer_than_400_lines() -> None:
    """A longer file holds two subjects."""
    long = {s.name: len(s.text.splitlines()) for s in sources() if len(s.text.splitlines()) > MOST_LINES}
    assert long == {}


def test_no_function_is_longer_than_60_lines() -> None:
    """A longer function cannot be read at once."""
    long = {
        f"{s.name}:{node.lineno} {node.name}": node.end_lineno - node.lineno + 1
        for s in sources()
        for node in ast.walk(s.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno
        if node.end_lineno - node.lineno + 1 > MOST_LINES_OF_A_FUNCTION
    }
    assert long == {}


def test_everything_public_has_a_docstring() -> None:
    """Shapes, units, errors and the source of a rule stand there and nowhere else. A test's docstring gives the rule's reason."""
    wrong = [
        f"{s.name}:{node.lineno} {name}"
        for s in sources()
        for name, node in s.definitions()
        if _needs_docstring(s, name, node) and not ast.get_docstring(node)
    ]
    assert wrong == []


def test_nothing_is_left_for_later() -> None:
    """What is not done stands in an issue, where it is found; a note in the code is found by nobody."""
    wrong = [
        f"{name}:{number}" for name, text in _texts() for number, line in enumerate(text.splitlines(), 1) if LEFT_FOR_LATER.search(line)
    ]
    assert wrong == []


def _needs_docstring(source: Source, name: str, node: Definition) -> bool:
    """Public, and no repetition of something that has one: a property's setter, an overload; of test files only the tests."""
    if any(part.startswith("_") for part in name.split(".")):
        return False
    decorators = {ast.unparse(d).split(".")[-1] for d in node.decorator_list}
    return not decorators & {"setter", "overload", "override"} and (not source.is_test or node.name.startswith("test_"))


def _texts() -> Iterator[tuple[str, str]]:
    yield from ((s.name, s.text) for s in sources())
    for pattern in TEXTS:
        yield from ((str(file.relative_to(ROOT)), file.read_text()) for file in ROOT.glob(pattern) if file.is_file())
