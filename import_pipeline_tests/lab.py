"""A record store and the stages from `validated` on, for tests of relating, applying and exporting.

Belongs here: making validated rows by hand and running the real stages on them. Does not belong here: assertions.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from import_pipeline.applying.packages import GROUP_WEIGHT
from import_pipeline.applying.stage import ApplyOrder, apply_delivery
from import_pipeline.model.job import PACKAGE_ROWS, Job
from import_pipeline.model.object_type import ObjectType
from import_pipeline.model.territory import Territories
from import_pipeline.relating.stage import RelateOrder, relate_delivery
from import_pipeline.relating.undo import UndoOrder, relate_undo
from import_pipeline.relating.work import TerritoryRules
from import_pipeline.settings import Settings
from import_pipeline.store.names import given_columns, ident
from import_pipeline.store.schema import prepare_store
from import_pipeline.store.session import Session, open_store
from import_pipeline.store.staging import LINEAGE, DeliveryStaging, StageFolder

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
PASSING = {"_lock": ("tag", "token")}
"""Columns that differ between two stores with the same content."""
_POLARS = {"DOUBLE": pl.Float64, "BOOLEAN": pl.Boolean, "DATE": pl.Date, "TIMESTAMPTZ": pl.Datetime("us", "UTC"), "DECIMAL(18,0)": pl.Int64}


class Lab:
    """One account's store with an injected clock that moves one minute with every delivery.

    `memory` keeps the store in memory and one session open, which is fast; `close` ends it. `package_rows` and `group_weight` are the
    sizes of packages and commits.
    """

    def __init__(
        self,
        home: Path,
        types: Sequence[ObjectType] = (ACCOUNT, CONTACT),
        *,
        strict: bool = False,
        memory: bool = False,
        package_rows: int = PACKAGE_ROWS,
        group_weight: float = GROUP_WEIGHT,
        territories: Territories | None = None,
    ) -> None:
        self.settings = Settings.from_environment({"IMPORT_PIPELINE_HOME": str(home)})
        self.territories = TerritoryRules(territories.object_type(), territories) if territories else None
        self.types = {t.name: t for t in (*([self.territories.object_type] if self.territories else []), *types)}
        self.now = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
        self.strict, self.package_rows, self.group_weight = strict, package_rows, group_weight
        self.count = 0
        self.passes: Counter[tuple[str, str]] = Counter()
        """How often each delivery was answered."""
        self.since: dict[str, datetime] = {}
        """When a delivery that was never applied was held."""
        self.booked: dict[str, tuple[str, str]] = {}
        """Type and delivery of every job."""
        self.undone_by: dict[str, str] = {}
        self._stack = ExitStack()
        # A reader of a store that does not exist yet sees an empty one in memory, which it may write.
        self._shared: Session | None = self._stack.enter_context(open_store(self.settings, "lab")) if memory else None

    def close(self) -> None:
        """Closes the store in memory."""
        self._stack.close()

    def session(self, *, writable: bool = False) -> AbstractContextManager[Session]:
        """The account's store."""
        return nullcontext(self._shared) if self._shared else open_store(self.settings, "lab", writable=writable)

    def prepare(self) -> None:
        """Makes the store's tables."""
        with self.session(writable=True) as session:
            prepare_store(session, "lab", self.types.values())

    def order(self, type_name: str, delivery: str, jobs: Sequence[Job]) -> RelateOrder:
        """What `relate` is told."""
        object_type = self.types[type_name]
        parent = self.types[object_type.parent.type] if object_type.parent else None
        return RelateOrder(
            delivery,
            object_type,
            parent,
            jobs,
            self.now,
            self.strict,
            pass_number=1 + self.passes[type_name, delivery],
            package_rows=self.package_rows,
            since=self.since.get(delivery),
            territories=self.territories,
        )

    def apply_order(self, type_name: str, validated: StageFolder, related: StageFolder) -> ApplyOrder:
        """What `apply` is told."""
        object_type = self.types[type_name]
        until = self.now + object_type.parent.park_for if object_type.parent else None
        return ApplyOrder(object_type, validated, related, self.now, until, self.group_weight)

    def stages(self, type_name: str, delivery: str) -> tuple[StageFolder, StageFolder]:
        """The folders `validated` and `related` of a delivery."""
        staging = DeliveryStaging(self.settings.staging, "lab", delivery)
        slug = self.types[type_name].slug
        return staging.stage(slug, "validated"), staging.stage(slug, "related")

    def validated(self, delivery: str, object_type: ObjectType, files: Sequence[Sequence[Mapping[str, Any] | None]]) -> list[Job]:
        """Writes the validated stage for files given as lists of rows, None for one that was refused before; line numbers start at 2."""
        columns = given_columns(object_type)
        present = [k for k in columns if any(row and row.get(k) is not None for rows in files for row in rows)]
        schema = {**LINEAGE, **{k: _POLARS.get(columns[k], pl.String) for k in present}}
        stage = DeliveryStaging(self.settings.staging, "lab", delivery).stage(object_type.slug, "validated")
        with stage.writing() as writer:
            for number, rows in enumerate(files):
                data = [
                    {"_job": number, "_line": i + 2, "_end": i + 2, "_pos": i, **{k: row.get(k) for k in present}}
                    for i, row in enumerate(rows)
                    if row is not None
                ]
                writer.part("rows", pl.DataFrame(data, schema=schema))
            writer.report({})
        return [self.job(delivery, object_type, number) for number in range(len(files))]

    def job(self, delivery: str, object_type: ObjectType, number: int) -> Job:
        """The job of one file of a delivery."""
        return Job(
            id=f"{delivery}{number}",
            number=number,
            account="lab",
            object_type=object_type.name,
            file_id="1",
            name=f"{number}.csv",
            path=Path("/dev/null"),
            sha256="",
            size=0,
            kind="csv",
        )

    def relate(
        self, type_name: str, *files: Sequence[Mapping[str, Any] | None], delivery: str | None = None
    ) -> tuple[dict[str, Any], Any, Any]:
        """Runs `related`; returns its report and the two stage folders."""
        self.count += 1
        self.now += timedelta(minutes=1)
        key = delivery or f"d{self.count}_"
        jobs = self.validated(key, self.types[type_name], files)
        for job in jobs:
            self.booked.setdefault(job.id, (type_name, key))
        validated, related = self.stages(type_name, key)
        self.prepare()
        with self.session() as session:
            report = relate_delivery(session, self.order(type_name, key, jobs), validated, related)
        return report, validated, related

    def apply(self, type_name: str, validated: StageFolder, related: StageFolder) -> dict[str, Any]:
        """Runs `applied` on what `relate` returned."""
        with self.session(writable=True) as session:
            return apply_delivery(session, self.apply_order(type_name, validated, related))

    def deliver(self, type_name: str, *files: Sequence[Mapping[str, Any] | None], delivery: str | None = None) -> dict[str, Any]:
        """Relates and applies files of one type as one delivery; returns the report of `related`."""
        report, validated, related = self.relate(type_name, *files, delivery=delivery)
        self.apply(type_name, validated, related)
        self.passes[type_name, report["delivery"]] += 1
        return report

    def undo_orders(self, undone: str, delivery: str) -> list[UndoOrder]:
        """What the undo of a job is told, for its own type and the types below it, parents first."""
        type_name, brought = self.booked[undone]
        job = self.job(delivery, self.types[type_name], 0).model_copy(update={"undo_of": undone})
        switched = {x: u for x, u in self.undone_by.items() if u != undone} | {undone: job.id}
        orders: dict[str, UndoOrder] = {}
        for object_type in self.types.values():
            parent = self.types[object_type.parent.type] if object_type.parent else None
            if object_type.name != type_name and not (parent and parent.name in orders):
                continue
            above = self.stages(parent.name, delivery)[1] if parent and parent.name in orders else None
            cancelled = frozenset({*switched, *switched.values()})
            orders[object_type.name] = UndoOrder(
                delivery,
                object_type,
                parent,
                job,
                undone,
                brought,
                cancelled,
                above,
                self.now,
                package_rows=self.package_rows,
                territories=self.territories,
            )
        return list(orders.values())

    def plan_undo(self, undone: str) -> tuple[str, dict[str, dict[str, Any]]]:
        """Runs `related` of the undo of a job in all its types; returns its delivery and the reports by type."""
        self.count += 1
        self.now += timedelta(minutes=1)
        key = f"u{self.count}_"
        reports = {}
        for order in self.undo_orders(undone, key):
            with self.session() as session:
                reports[order.object_type.name] = relate_undo(session, order, self.stages(order.object_type.name, key)[1])
        return key, reports

    def undo(self, undone: str, delivery: str | None = None) -> str:
        """Undoes a job, or applies the undo planned as `delivery`, type by type; returns the undo's job."""
        key = delivery or self.plan_undo(undone)[0]
        for order in self.undo_orders(undone, key):
            validated, related = self.stages(order.object_type.name, key)
            with self.session() as session:
                relate_undo(session, order, related)
            self.apply(order.object_type.name, validated, related)
        self.undone_by = {x: u for x, u in self.undone_by.items() if u != undone} | {undone: f"{key}0"}
        self.booked[f"{key}0"] = (self.booked[undone][0], key)
        return f"{key}0"

    def part(self, type_name: str, delivery: str, name: str) -> list[dict[str, Any]]:
        """One part of a delivery's `related` folder."""
        return self.stages(type_name, delivery)[1].read(name).to_dicts()

    def errors(self, report: dict[str, Any]) -> set[tuple[int, str, str | None]]:
        """(line, code, column) of what `related` found."""
        stage = DeliveryStaging(self.settings.staging, "lab", report["delivery"]).stage(report["type"], "related")
        return {(r["_line"], r["code"], r["column"]) for r in stage.read("errors").to_dicts()}

    def dump(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every table of the store with all its rows in order, but for the tag, tokens and moments of the clock on the wall."""
        with self.session() as session:
            names = session.run("SELECT table_name FROM duckdb_tables() WHERE database_name = 'store' ORDER BY 1")
            return {
                name: session.run(f"SELECT * EXCLUDE ({', '.join(PASSING.get(name, ()))}) FROM store.{ident(name)} ORDER BY ALL")
                if name in PASSING
                else session.run(f"SELECT * FROM store.{ident(name)} ORDER BY ALL")
                for (name,) in names
            }

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
