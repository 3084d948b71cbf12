"""A parsed stage made by hand, and validation run on it.

Belongs here: what the tests of this room share. Does not belong here: assertions.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from import_pipeline.model.object_type import ObjectType
from import_pipeline.model.policy import Policy
from import_pipeline.store.staging import ERRORS, LINEAGE, StageFolder, error_frame
from import_pipeline.validation.judging import Judged, PartJudge
from import_pipeline.validation.report import JudgedFile
from import_pipeline.validation.stage import validate_delivery
from import_pipeline.validation.suggestions import Suggestions

Cells = Mapping[str, str | None]


def type_of(*fields: Mapping[str, Any], **more: Any) -> ObjectType:
    """An object type `Thing` with these fields."""
    return ObjectType.model_validate({"name": "Thing", "fields": list(fields), **more})


def frame(rows: Sequence[Cells], keys: Sequence[str], *, job: int = 0, first: int = 0) -> pl.DataFrame:
    """Rows as parsing writes them; the line of the n-th record of a file is n + 2."""
    data = [
        {"_job": job, "_line": first + i + 2, "_end": first + i + 2, "_pos": first + i, **{key: row.get(key) for key in keys}}
        for i, row in enumerate(rows)
    ]
    return pl.DataFrame(data, schema={**LINEAGE, **dict.fromkeys(keys, pl.String())})


def judged(object_type: ObjectType, rows: Sequence[Cells], *, timezone: str = "UTC") -> Judged:
    """The verdict on one part."""
    keys = list(dict.fromkeys(key for row in rows for key in row))
    return PartJudge(object_type, keys, timezone, Suggestions()).judge(frame(rows, keys))


def found(errors: pl.DataFrame) -> set[tuple[int, str, str]]:
    """(line, column, code) of each error; fails when one is told twice."""
    triples = list(errors.select("_line", "column", "code").iter_rows())
    assert len(set(triples)) == len(triples), "an error is told twice"
    return set(triples)


def verdict(spec: Mapping[str, Any], value: str | None, *, timezone: str = "UTC", **more: Any) -> Any:
    """What one value becomes in a field `F`: the typed value, or the error as a dict."""
    result = judged(type_of({"name": "F", **spec}, **more), [{"F": value}], timezone=timezone)
    return result.errors.row(0, named=True) if len(result.errors) else result.rows.get_column("F").item()


def parsed_stage(
    path: Path,
    parts: Sequence[pl.DataFrame],
    *,
    refused: Mapping[int, int] | None = None,
    faults: Mapping[int, Mapping[str, Any]] | None = None,
    read: Mapping[int, int] | None = None,
) -> StageFolder:
    """A complete `parsed` stage. `refused` rows per job were refused by parsing; `read` overrides the count of rows read."""
    folder = StageFolder(path)
    counts: dict[int, int] = {}
    for part in parts:
        for job, rows in part.group_by("_job").len().iter_rows():
            counts[job] = counts.get(job, 0) + rows
    counts = {**counts, **{job: counts.get(job, 0) for job in (*(refused or {}), *(faults or {}))}, **(read or {})}
    bad = [
        {**dict.fromkeys(ERRORS), "_job": job, "_line": 900 + i, "_end": 900 + i, "code": "field_count", "severity": "error"}
        for job, rows in (refused or {}).items()
        for i in range(rows)
    ]
    with folder.writing() as writer:
        for part in parts:
            writer.part("rows", part)
        writer.part("errors", error_frame(bad))
        files = []
        for job, rows in sorted(counts.items()):
            lost = (refused or {}).get(job, 0)
            fault = (faults or {}).get(job)
            files.append({"job": job, "rows": rows + lost, "read": rows, "refused": lost, "fault": fault})
        writer.report({"files": files})
    return folder


def validated(
    tmp_path: Path, object_type: ObjectType, parsed: StageFolder, policies: Mapping[int, Policy] | None = None, **more: Any
) -> tuple[StageFolder, dict[int, JudgedFile]]:
    """Runs the stage; every job skips bad rows unless `policies` says otherwise."""
    out = StageFolder(tmp_path / "validated")
    jobs = [file["job"] for file in parsed.load_report()["files"]]
    return out, validate_delivery(object_type, parsed, out, dict.fromkeys(jobs, "skip") | dict(policies or {}), **more)
