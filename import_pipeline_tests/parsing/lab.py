"""A small object type and jobs on files written by the test, for tests of the parsed stage.

Belongs here: making input and reading the stage's output. Does not belong here: assertions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from import_pipeline.model.format import Format
from import_pipeline.model.job import FileKind, Job, ParsedFile
from import_pipeline.model.object_type import ObjectType
from import_pipeline.parsing.stage import parse_delivery
from import_pipeline.store.staging import JOB, LINE, StageFolder

CONTACT = ObjectType.model_validate(
    {
        "name": "Contact",
        "pin": True,
        "fields": [
            {"name": "Name", "required": True},
            {"name": "Email", "type": "Email"},
            {"name": "Phone", "type": "Phone"},
            {"name": "Birthday", "type": "Date"},
            {"name": "Interests", "type": "MultiChoice", "choices": ["Solar", "Roof"]},
            {"name": "Amount", "type": "Number"},
            {"name": "Notes", "type": "MultiLine"},
            {"name": "Branch", "pattern": r"^\d{5}$"},
            {"name": "event.key"},
        ],
    }
)


@dataclass
class Parsed:
    """What one delivery gave."""

    files: list[ParsedFile]
    rows: pl.DataFrame
    errors: pl.DataFrame
    out: StageFolder

    @property
    def file(self) -> ParsedFile:
        """The only file's result."""
        (only,) = self.files
        return only

    def cells(self, *keys: str) -> list[tuple[Any, ...]]:
        """Lines and cells of all rows."""
        return self.rows.select(LINE, *keys).rows()

    def told(self) -> set[tuple[int, int, str | None, str]]:
        """Job, line, column and code of every row error."""
        return set(self.errors.select(JOB, LINE, "column", "code").rows())

    def notices(self) -> set[str]:
        """Codes of the only file's notices."""
        return {notice.code for notice in self.file.notices}


def job(path: Path, number: int = 0, kind: FileKind = "csv", **more: Any) -> Job:
    """A job on a file."""
    size = path.stat().st_size if path.exists() else 0
    return Job(
        id=f"job{number}", number=number, account="lab", object_type="Contact", file_id=f"f{number}", name=path.name, path=path,
        sha256="0" * 64, size=size, kind=kind, **more,
    )  # fmt: skip


def parse(
    folder: Path,
    *contents: bytes,
    kind: FileKind = "csv",
    formats: Mapping[str, Format] | None = None,
    format_: str | None = None,
    object_type: ObjectType = CONTACT,
    jobs: Sequence[Job] = (),
) -> Parsed:
    """Parses files of these contents (or these jobs) as one delivery."""
    made = list(jobs)
    for number, content in enumerate(contents):
        path = folder / f"file-{number}"
        path.write_bytes(content)
        made.append(job(path, number, kind, format=format_))
    out = StageFolder(folder / "staging" / "parsed")
    files = parse_delivery(made, object_type, formats or {}, out)
    return Parsed(files, out.read("rows"), out.read("errors"), out)
