"""Files, jobs and findings that the reporting tests share.

Belongs here: small builders. Does not belong here: rules (the tests), anything that parses.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from import_pipeline.model.job import Counts, Job, ParsedFile
from import_pipeline.reporting.answers import Answer, write_answers
from import_pipeline.store.staging import ERRORS

STARTED = datetime(2024, 3, 31, 12, 0, 0, tzinfo=UTC)
FINISHED = datetime(2024, 3, 31, 12, 0, 2, tzinfo=UTC)


def finding(line: int | None, column: str | None = "Stage", code: str = "unknown_stage", **more: Any) -> dict[str, Any]:
    """One row error as a dict in the columns of ERRORS; `end` is its last line (default: `line`)."""
    told = {"severity": "error", "value": "Prospct", "expected": "one of New, Prospect", "suggestion": "Prospect"} | more
    return {"_job": told.pop("job", 0), "_line": line, "_end": told.pop("end", line), "column": column, "code": code} | told


def error_table(*findings: dict[str, Any]) -> pl.DataFrame:
    """Findings as the frame that the stages pass on."""
    return pl.DataFrame(list(findings), schema=ERRORS)


@dataclass
class Desk:
    """One file in a vault and the two folders where its answers are put."""

    root: Path
    ok: Path = field(init=False)
    failed: Path = field(init=False)

    def __post_init__(self) -> None:
        self.ok, self.failed = self.root / "Success", self.root / "Failed"

    def job(self, content: bytes = b"Name,Stage\n", name: str = "Account_x.csv", **more: Any) -> Job:
        """A job about `content`, which lies in the vault."""
        digest = hashlib.sha256(content).hexdigest()
        path = self.root / digest
        path.write_bytes(content)
        fixed = {"id": "ab12cd34", "number": 0, "account": "field_sales", "object_type": "Account", "file_id": "f1", "kind": "csv"}
        return Job(**(fixed | {"name": name, "path": path, "sha256": digest, "size": len(content)} | more))

    def answer(self, job: Job, parsed: ParsedFile, errors: pl.DataFrame | pl.LazyFrame, **more: Any) -> Answer:
        """The answers to `job`, as an applied one unless `more` says otherwise."""
        fixed: dict[str, Any] = {"state": "applied", "delivery": "20240331T120000-aa", "started": STARTED, "finished": FINISHED}
        counts = more.pop("counts", Counts())
        return write_answers(job, parsed, counts, errors, self.ok, self.failed, **(fixed | more))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)
