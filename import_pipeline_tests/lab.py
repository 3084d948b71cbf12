"""A record store and the stages from `validated` on, for tests of relating, applying and exporting.

Belongs here: making validated rows by hand and running the real stages on them. Does not belong here: assertions.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from import_pipeline.applying.stage import ApplyOrder, apply_delivery
from import_pipeline.model.job import Job
from import_pipeline.model.object_type import ObjectType
from import_pipeline.store.names import given_columns
from import_pipeline.relating.stage import RelateOrder, relate_delivery
from import_pipeline.settings import Settings
from import_pipeline.store.schema import prepare_store
from import_pipeline.store.session import Session, open_store
from import_pipeline.store.staging import LINEAGE, DeliveryStaging

ACCOUNT = ObjectType.model_validate(
    {
        "name": "Account",
        "pin": True,
        "match": [["Email"], ["Name", "Phone"], ["Address"]],
        "stages": {"Active": ["New", "Contacted"]},
        "fields": [
            {"name": "Name", "required": True},
            {"name": "Email", "type": "Email", "custom": True},
            {"name": "Phone", "type": "Phone", "custom": True},
            {"name": "Score", "type": "Number", "custom": True},
            {"name": "Last Visit Result", "update": "create_only"},
        ],
    }
)
CONTACT = ObjectType.model_validate(
    {
        "name": "Contact",
        "parent": {"type": "Account"},
        "fields": [{"name": "Name", "required": True}, {"name": "Title", "custom": True}],
    }
)
_POLARS = {"DOUBLE": pl.Float64, "BOOLEAN": pl.Boolean, "DATE": pl.Date, "TIMESTAMPTZ": pl.Datetime("us", "UTC")}


class Lab:
    """One account's store with an injected clock that moves one minute with every delivery."""

    def __init__(self, home: Path, types: Sequence[ObjectType] = (ACCOUNT, CONTACT), *, strict: bool = False) -> None:
        self.settings = Settings.from_environment({"IMPORT_PIPELINE_HOME": str(home)})
        self.types = {t.name: t for t in types}
        self.now = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
        self.strict = strict
        self.count = 0

    def session(self, *, writable: bool = False) -> Any:
        """The account's store."""
        return open_store(self.settings, "lab", writable=writable)

    def validated(self, delivery: str, object_type: ObjectType, files: Sequence[Sequence[Mapping[str, Any]]]) -> list[Job]:
        """Writes the validated stage for files given as lists of rows; line numbers start at 2."""
        columns = given_columns(object_type)
        present = [k for k in columns if any(row.get(k) is not None for rows in files for row in rows)]
        schema = {**LINEAGE, **{k: _POLARS.get(columns[k], pl.String) for k in present}}
        stage = DeliveryStaging(self.settings.staging, "lab", delivery).stage(object_type.slug, "validated")
        with stage.writing() as writer:
            for number, rows in enumerate(files):
                data = [
                    {"_job": number, "_line": i + 2, "_end": i + 2, "_pos": i, **{k: row.get(k) for k in present}}
                    for i, row in enumerate(rows)
                ]
                writer.part("rows", pl.DataFrame(data, schema=schema))
            writer.report({})
        return [
            Job(
                id=f"{delivery}{n}",
                number=n,
                account="lab",
                object_type=object_type.name,
                file_id="1",
                name=f"{n}.csv",
                path=Path("/dev/null"),
                sha256="",
                size=0,
                kind="csv",
            )
            for n in range(len(files))
        ]

    def relate(self, type_name: str, *files: Sequence[Mapping[str, Any]], delivery: str | None = None) -> tuple[dict[str, Any], Any, Any]:
        """Runs `related`; returns its report and the two stage folders."""
        self.count += 1
        self.now += timedelta(minutes=1)
        key, object_type = delivery or f"d{self.count}_", self.types[type_name]
        jobs = self.validated(key, object_type, files)
        staging = DeliveryStaging(self.settings.staging, "lab", key)
        validated, related = (staging.stage(object_type.slug, s) for s in ("validated", "related"))
        parent = self.types[object_type.parent.type] if object_type.parent else None
        with self.session(writable=True) as session:
            prepare_store(session, "lab", self.types.values())
            order = RelateOrder(key, object_type, parent, jobs, self.now, self.strict)
            report = relate_delivery(session, order, validated, related)
        return report, validated, related

    def apply(self, type_name: str, validated: Any, related: Any) -> dict[str, Any]:
        """Runs `applied` on what `relate` returned."""
        object_type = self.types[type_name]
        until = self.now + object_type.parent.park_for if object_type.parent else None
        with self.session(writable=True) as session:
            return apply_delivery(session, ApplyOrder(object_type, validated, related, self.now, until))

    def deliver(self, type_name: str, *files: Sequence[Mapping[str, Any]], delivery: str | None = None) -> dict[str, Any]:
        """Relates and applies files of one type as one delivery; returns the report of `related`."""
        report, validated, related = self.relate(type_name, *files, delivery=delivery)
        self.apply(type_name, validated, related)
        return report

    def errors(self, report: dict[str, Any]) -> set[tuple[int, str, str | None]]:
        """(line, code, column) of what `related` found."""
        stage = DeliveryStaging(self.settings.staging, "lab", report["delivery"]).stage(report["type"], "related")
        return {(r["_line"], r["code"], r["column"]) for r in stage.read("errors").to_dicts()}

    def records(self, type_name: str, columns: str = "*") -> list[dict[str, Any]]:
        """Current records in order of their ids."""
        with self.session() as session:
            found: list[dict[str, Any]] = session.rows(f"SELECT {columns} FROM store.{self.types[type_name].slug} ORDER BY _id")
        return found

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Any query on the store."""
        session: Session
        with self.session() as session:
            return session.run(sql)
