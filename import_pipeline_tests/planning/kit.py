"""Plans of change sets in the lab, and what the store holds as people see it.

Belongs here: running the real stages and planning on them. Does not belong here: assertions.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from import_pipeline.exporting.values import text_sql
from import_pipeline.model.job import Counts, Job, ParsedFile
from import_pipeline.model.object_type import ObjectType
from import_pipeline.planning.files import FilesOrder, PlanFiles, write_plan
from import_pipeline.planning.rows import import_plan
from import_pipeline.planning.shape import PlanOrder
from import_pipeline.planning.undo_rows import undo_plan
from import_pipeline.relating.undo import UndoOrder, relate_undo
from import_pipeline.store.names import data_columns, ident, outward_sql
from import_pipeline.store.staging import ERRORS, DeliveryStaging, StageFolder
from import_pipeline_tests.lab import Lab

ZONE = "America/New_York"
JOB = "ab12cd34"
PLACE = ObjectType.model_validate(
    {
        "name": "Place",
        "fields": [
            {"name": "Name", "required": True, "custom": True},
            {"name": "Score", "type": "Number", "custom": True},
            {"name": "Since", "type": "Date", "custom": True, "formats": ["%m/%d/%Y"]},
            {"name": "Seen", "type": "DateTime", "custom": True, "formats": ["%m/%d/%Y %H:%M"]},
            {"name": "First Result"},
        ],
    }
)
PERSON = ObjectType.model_validate(
    {
        "name": "Person",
        "parent": {"type": "Place", "park_for": "3m"},
        "fields": [{"name": "Name", "required": True, "custom": True}, {"name": "Title", "custom": True}],
    }
)


def plan_order(lab: Lab, type_name: str, related: StageFolder, validated: StageFolder | None, target: Path) -> PlanOrder:
    """What planning is told."""
    object_type = lab.types[type_name]
    parent = lab.types[object_type.parent.type] if object_type.parent else None
    return PlanOrder(object_type, parent, ZONE, related, target, validated)


def planned(lab: Lab, type_name: str, *files: Sequence[Mapping[str, Any]], delivery: str | None = None) -> tuple[pl.DataFrame, Any, Any]:
    """The plan's rows of files, related and not applied; and the stage folders `validated` and `related`."""
    _, validated, related = lab.relate(type_name, *files, delivery=delivery)
    target = related.path.parent / "plan.parquet"
    with lab.session() as session:
        import_plan(session, plan_order(lab, type_name, related, validated, target))
    return pl.read_parquet(target), validated, related


def undo_planned(
    lab: Lab, type_name: str, undone: str, delivery: str, above: StageFolder | None = None
) -> tuple[pl.DataFrame, StageFolder]:
    """The plan's rows of undoing the job `undone` of `delivery`, and the undo's change set."""
    object_type = lab.types[type_name]
    parent = lab.types[object_type.parent.type] if object_type.parent else None
    key = f"undo_{undone}"
    job = Job(
        id=JOB,
        number=0,
        account="lab",
        object_type=type_name,
        file_id="1",
        name="0.csv",
        path=Path("/dev/null"),
        sha256="",
        size=0,
        kind="undo",
        undo_of=undone,
    )
    related = DeliveryStaging(lab.settings.staging, "lab", key).stage(object_type.slug, "related")
    target = related.path.parent / "plan.parquet"
    order = UndoOrder(key, object_type, parent, job, undone, delivery, frozenset({undone, JOB}), above, lab.now)
    with lab.session() as session:
        relate_undo(session, order, related)
        undo_plan(session, plan_order(lab, type_name, related, None, target))
    return pl.read_parquet(target), related


def as_people_see(lab: Lab, type_name: str) -> dict[str, dict[str, str | None]]:
    """Every record by outward id: its columns as exports write them, the parent under its column."""
    object_type = lab.types[type_name]
    columns = {c.key: text_sql(c, f"r.{ident(c.key)}", ZONE) for c in data_columns(object_type)}
    if object_type.parent:
        columns[object_type.parent.column] = f"CASE WHEN r._parent_id IS NOT NULL THEN {outward_sql('r._parent_id')} END"
    listed = ", ".join(columns.values())
    rows = lab.query(f"SELECT {outward_sql('r._id')}, {listed} FROM store.{object_type.slug} r ORDER BY r._id")
    return {record: dict(zip(columns, values, strict=True)) for record, *values in rows}


def write(tmp_path: Path, rows: pl.DataFrame, **more: Any) -> PlanFiles:
    """The plan files of job JOB from rows made by hand."""
    facts = {"type": "Place", "stored": "10", "kind": "undo" if more.get("undo_of") else "import"}
    source = tmp_path / "rows.parquet"
    rows.write_parquet(source, metadata=facts)
    job = Job(
        id=JOB,
        number=0,
        account="lab",
        object_type="Place",
        file_id="1",
        name=more.pop("name", "Place_x.csv"),
        path=Path("/dev/null"),
        sha256="",
        size=0,
        kind="csv",
        undo_of=more.pop("undo_of", None),
    )
    given: dict[str, Any] = {
        "job": job,
        "parsed": ParsedFile(job=0),
        "counts": Counts(),
        "plans": [source],
        "errors": pl.DataFrame(schema=ERRORS),
        "folder": tmp_path / "out",
        "how": "import-pipeline import Place_x.csv",
    }
    return write_plan(FilesOrder(**(given | more)))
