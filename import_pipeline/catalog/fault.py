"""A fault: one thing wrong in an account's YAML, with the place where it stands.

Belongs here: the fault itself and how its place is written. Does not belong here: finding faults, row errors (those are about data
that people send, see model/row_error.py).
"""

from dataclasses import dataclass
from pathlib import Path

Loc = tuple[str | int, ...]
"""A path inside a YAML document: keys and 0-based positions, as pydantic gives them."""


@dataclass(frozen=True, order=True)
class Fault:
    """One thing wrong in a file. `line` and `column` are 1-based; `path` is such as `fields[2].type`, or empty: the whole file."""

    file: Path
    line: int
    column: int
    path: str
    message: str

    def __str__(self) -> str:
        """`FILE:LINE:COLUMN: PATH: MESSAGE`, which editors and terminals turn into a link."""
        return f"{self.file}:{self.line}:{self.column}: {self.path + ': ' if self.path else ''}{self.message}"


def path_text(loc: Loc) -> str:
    """('fields', 2, 'type') as `fields[2].type`; keys that are not plain words are quoted: `columns['House #']`."""
    text = ""
    for part in loc:
        if isinstance(part, int) or not part.replace("_", "").isalnum():
            text += f"[{part!r}]"
        else:
            text += f".{part}" if text else part
    return text
