"""Errors as the Advocate interface tells them, and the record that a line belongs to (acceptance A-8)."""

from pathlib import Path

import polars as pl

from import_pipeline.reporting.api_errors import COLUMNS, api_errors
from import_pipeline.reporting.record_numbers import record_numbers
from import_pipeline.store.staging import ERRORS, LINEAGE, StageFolder


def parsed(folder: Path, rows: list[tuple[int, int]], refused: list[tuple[int, int]]) -> StageFolder:
    """A parsed stage with rows and refused records, each as (job, line)."""
    stage = StageFolder(folder / "parsed")
    with stage.writing() as writer:
        lines = pl.DataFrame({"_job": [j for j, _ in rows], "_line": [n for _, n in rows]}).with_columns(_end="_line", _pos=0)
        writer.part("rows", lines.select(pl.col(name).cast(kind) for name, kind in LINEAGE.items()))
        writer.part("errors", errors([(job, line, "field_count", None, "error") for job, line in refused]))
        writer.report({})
    return stage


def errors(found: list[tuple[int, int, str, str | None, str]]) -> pl.DataFrame:
    """Row errors as (job, line, code, column, severity)."""
    told = [{"_job": j, "_line": n, "_end": n, "code": c, "column": column, "severity": s} for j, n, c, column, s in found]
    return pl.DataFrame(told, schema=ERRORS)


def test_records_are_counted_without_blank_lines_and_with_refused_ones(tmp_path: Path) -> None:
    """Another job's rows of the same delivery do not count."""
    stage = parsed(tmp_path, [(0, 3), (0, 7), (0, 8), (1, 2), (1, 4)], [(0, 5), (0, 5)])
    told = record_numbers(stage, 0, pl.Series([8, 3, 5, 7, 8]))
    assert dict(told.iter_rows()) == {3: 1, 5: 2, 7: 3, 8: 4}
    assert dict(record_numbers(stage, 1, pl.Series([4])).iter_rows()) == {4: 2}


def test_a_missing_id_is_told_as_the_documents_print_it(tmp_path: Path) -> None:
    """recordNumber, message, apiErrorCode, statusCode; warnings are no errors."""
    found = errors(
        [
            (0, 9, "no_such_record", "id", "error"),
            (0, 3, "required", "id", "error"),
            (0, 3, "account_deleted", "accountId", "warning"),
            (0, 4, "not_an_email", "email", "error"),
        ]
    )
    told = api_errors(found, pl.DataFrame({"_line": [3, 4, 9], "record": [2, 3, 8]}))
    assert tuple(told.columns) == COLUMNS
    assert told.rows()[0] == (2, "This request requires a valid non-empty id", "BAD_REQUEST", 400)
    assert [row[0] for row in told.rows()] == [2, 3, 8]
    assert [row[2:] for row in told.rows()[1:]] == [("BAD_REQUEST", 400), ("NOT_FOUND", 404)]
