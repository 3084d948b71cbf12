"""What each stage of a delivery's run does, without dagster: jobs from the ledger, staging folders, the rooms' entry points.

Belongs here: the wiring of the stages, one method a stage. Does not belong here: assets and metadata (assets.py), the stages' rules.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from import_pipeline.delivering.pipeline import Pipeline
from import_pipeline.failures import PermanentFailure
from import_pipeline.landing.deliveries import open_delivery
from import_pipeline.ledger import deliveries, formats, jobs, meta
from import_pipeline.ledger.deliveries import Delivery
from import_pipeline.model.account import Account
from import_pipeline.model.format import Format
from import_pipeline.model.job import Job, ParsedFile
from import_pipeline.model.object_type import ObjectType
from import_pipeline.model.policy import Policy
from import_pipeline.store.names import Tables
from import_pipeline.store.overlay import open_plan_store
from import_pipeline.store.session import Session, open_store
from import_pipeline.store.staging import DeliveryStaging, StageFolder

if TYPE_CHECKING:
    from import_pipeline.relating.stage import RelateOrder
    from import_pipeline.relating.undo import UndoOrder
    from import_pipeline.relating.work import TerritoryRules

Progress = Callable[[str, int, int], None]
IMPORT_STAGES = ("parsed", "validated", "related", "table")


@dataclass
class DeliveryRun:
    """One delivery of one account on its way through the stages. Every method may be run again and gives the same."""

    pipeline: Pipeline
    account: Account
    key: str
    drawn: set[Path] = field(default_factory=set)
    """Maps that this run has drawn (mapping.py)."""

    def __post_init__(self) -> None:
        """A format that was saved a moment ago is known."""
        with self.pipeline.ledger.read() as conn:
            self.account = formats.with_saved(conn, self.account)

    @cached_property
    def staging(self) -> DeliveryStaging:
        """The staging folders of the delivery."""
        return DeliveryStaging(self.pipeline.settings.staging, self.account.name, self.key)

    @cached_property
    def delivery(self) -> Delivery:
        """The delivery as the ledger books it."""
        with self.pipeline.ledger.read() as conn:
            found = deliveries.get(conn, self.key)
        if found is None:
            raise PermanentFailure(f"the ledger has no delivery {self.key!r} of account {self.account.name}")
        return found

    @property
    def dry_run(self) -> bool:
        """True when the delivery is planned and never applied (acceptance B-2)."""
        return self.delivery.dry_run

    @cached_property
    def undo(self) -> Job | None:
        """The undo that the delivery is; None when it brings files."""
        return next((job for job in self.jobs if job.undo_of), None)

    @cached_property
    def jobs(self) -> list[Job]:
        """The delivery's jobs in order of arrival; booked when they are not yet."""
        return open_delivery(self.pipeline.ledger, self.account, self.pipeline.settings, self.key, self.now)

    @property
    def now(self) -> datetime:
        """The injected clock."""
        return self.pipeline.clock.now()

    def jobs_of(self, object_type: ObjectType) -> list[Job]:
        """The jobs of one type that bring rows: not one that was undone, nor an undo."""
        return [job for job in self.jobs if job.object_type == object_type.name and not (job.undone_by or job.undo_of)]

    def stage(self, object_type: ObjectType, name: str) -> StageFolder:
        """One stage's folder."""
        return self.staging.stage(object_type.slug, name)

    def land(self, run_id: str, worker: dict[str, Any] | None = None) -> list[Job]:
        """Starts the delivery and makes the store ready for all object types of the account.

        `worker` tells which process runs it, so that its death can be noticed (workers.py).
        """
        from import_pipeline.store.schema import prepare_store

        with self.pipeline.ledger.begin() as conn:
            deliveries.start(conn, self.key, run_id, now=self.now)
            if worker:
                meta.write(conn, f"worker/{self.key}", {**worker, "run": run_id}, now=self.now)
        found = self.jobs
        with self.pipeline.ledger.begin() as conn:
            # What was undone is left out: nothing would end it again.
            for job in (job for job in found if not job.undone_by):
                jobs.start(conn, job.id, packages_total=0, now=self.now)
        if not self.dry_run:
            with open_store(self.pipeline.settings, self.account.name, writable=True) as session:
                prepare_store(session, self.account.name, self.account.object_types)
                tag = session.one("SELECT tag FROM store._lock")
            self._tell_tag(tag)
        return found

    def _tell_tag(self, tag: str) -> None:
        """Books the beginning of the account's record ids, so that who tells ids need not open the store."""
        from import_pipeline.reporting.row_results import tag_key

        with self.pipeline.ledger.read() as conn:
            known = meta.read(conn, tag_key(self.account.name))
        if known != tag:
            with self.pipeline.ledger.begin() as conn:
                meta.write(conn, tag_key(self.account.name), tag, now=self.now)

    @cached_property
    def pass_number(self) -> int:
        """1 until the delivery is answered for the first time, then one more for each answer: a run after an answer is a replay.

        An undo is never replayed: run again it stays what it was.
        """
        if self.undo:
            return 1
        with self.pipeline.ledger.read() as conn:
            return 1 + int(meta.read(conn, f"answers/{self.key}") or 0)

    def is_begun(self, object_type: ObjectType) -> bool:
        """True when this pass has begun to apply the type's change set: from then on the stages before it stay as they are.

        Never of an undo: it has no stages before, and by hand they are materialized empty.
        """
        from import_pipeline.relating.stage import is_frozen

        related = self.stage(object_type, "related")
        if self.undo or self.dry_run or not related.exists or related.load_report()["change_set"] != self.change_set(object_type):
            return False
        with open_store(self.pipeline.settings, self.account.name) as session:
            return is_frozen(session, self._order(object_type), related)

    def parse(self, object_type: ObjectType) -> list[ParsedFile]:
        """Bytes to rows of strings."""
        from import_pipeline.parsing.stage import parse_delivery

        out = self.stage(object_type, "parsed")
        if self.is_begun(object_type):
            return [ParsedFile.model_validate(f) for f in out.load_report()["files"]]
        known = {job.format: self.account.format(job.format) for job in self.jobs_of(object_type) if job.format}
        return parse_delivery(self.jobs_of(object_type), self.row_type(object_type), known, out)

    def validate(self, object_type: ObjectType) -> dict[str, Any]:
        """Rows of strings to typed rows and row errors; returns the stage's report."""
        from import_pipeline.validation.stage import validate_delivery

        out = self.stage(object_type, "validated")
        if self.is_begun(object_type):
            return out.load_report()
        policies, parsed = self._policies(object_type), self.stage(object_type, "parsed")
        account = self.account
        validate_delivery(self.row_type(object_type), parsed, out, policies, timezone=account.timezone, strict=account.strict)
        return out.load_report()

    def format_of(self, object_type: ObjectType) -> Format | None:
        """The format that tells what the type's rows do: a delivery's files of one type all do the same (landing/operations.py)."""
        named = (job.format for job in self.jobs_of(object_type) if job.format and not job.fault)
        return next((found for name in named if (found := self.account.format(name)).operation != "upsert"), None)

    def row_type(self, object_type: ObjectType) -> ObjectType:
        """The columns that the rows of the type have in this delivery."""
        found = self.format_of(object_type)
        return found.row_type(object_type) if found else object_type

    def _policies(self, object_type: ObjectType) -> dict[int, Policy]:
        """What bad rows do to each job: as its format says, else as the account does."""
        stated = {job.number: self.account.format(job.format).on_error if job.format else None for job in self.jobs_of(object_type)}
        return {number: policy or self.account.on_error for number, policy in stated.items()}

    def change_set(self, object_type: ObjectType) -> str:
        """The id of this pass's change set of one type."""
        return f"{self.key}:{object_type.slug}:{self.pass_number}"

    def relate(self, object_type: ObjectType) -> dict[str, Any]:
        """Typed rows to a change set; the store is only read.

        When a row is refused here and its file halts for that, the change set is computed once more without the file's rows.
        """
        from import_pipeline.relating.stage import is_frozen, relate_delivery

        out = self.stage(object_type, "related")
        with self.looking(object_type) as session:
            if self.undo:
                from import_pipeline.relating.undo import relate_undo

                return relate_undo(session, self._undo_order(object_type, self.undo), out)
            validated, order = self.stage(object_type, "validated"), self._order(object_type)
            frozen = is_frozen(session, order, out)
            report = relate_delivery(session, order, validated, out)
            while not frozen and self._halts(object_type, report, validated, out):
                report = relate_delivery(session, order, validated, out)
            return report

    def _halts(self, object_type: ObjectType, report: dict[str, Any], validated: StageFolder, related: StageFolder) -> bool:
        """Whether rows that were refused against the store halt a file (acceptance T-2); its rows have left `validated` then."""
        refused = {job.number for job in self.jobs_of(object_type) if report["jobs"].get(job.id, {}).get("refuse")}
        policies = {number: policy for number, policy in self._policies(object_type).items() if number in refused and policy != "skip"}
        if not policies:
            return False
        from import_pipeline.validation.halting import halt_later

        return bool(halt_later(validated, related.read("errors"), policies, strict=self.account.strict))

    def looking(self, object_type: ObjectType) -> AbstractContextManager[Session]:
        """The store to relate against: for reading only, and in a plan with what the types before would change laid over it."""
        if not self.dry_run:
            return open_store(self.pipeline.settings, self.account.name)
        return self._planned(object_type)

    @contextmanager
    def _planned(self, object_type: ObjectType) -> Iterator[Session]:
        from import_pipeline.relating.planned import lay_planned

        with open_plan_store(self.pipeline.settings, self.account.name, self.account.object_types) as session:
            for earlier in self.account.parents_first[: self.account.parents_first.index(object_type)]:
                related = self.stage(earlier, "related")
                if not self.undo and related.exists:
                    lay_planned(session, earlier, self.stage(earlier, "validated"), related)
            yield session

    def _undo_order(self, object_type: ObjectType, job: Job) -> "UndoOrder":
        from import_pipeline.relating.undo import UndoOrder

        undone = job.undo_of or ""
        with self.pipeline.ledger.read() as conn:
            row = jobs.get(conn, undone)
            cancelled = jobs.cancelled(conn, self.account.name, undoing=undone, undo=job.id)
        if row is None:
            raise PermanentFailure(f"the ledger has no job {undone!r}")
        parent = self.account.object_type(object_type.parent.type) if object_type.parent else None
        above = self.stage(parent, "related") if parent and parent.name in self.delivery.types else None
        return UndoOrder(
            delivery=self.key,
            object_type=object_type,
            parent=parent,
            job=job,
            undone=undone,
            undone_delivery=row.delivery,
            cancelled=cancelled,
            above=above,
            now=self.now,
            pass_number=self.pass_number,
            territories=self._territories,
        )

    @cached_property
    def _territories(self) -> "TerritoryRules | None":
        from import_pipeline.relating.work import TerritoryRules

        found, stated = self.account.territory_type, self.account.territories
        return TerritoryRules(found, stated) if found and stated else None

    def _order(self, object_type: ObjectType) -> "RelateOrder":
        from import_pipeline.delivering.plans import held_since
        from import_pipeline.relating.stage import RelateOrder

        format_ = self.format_of(object_type)
        return RelateOrder(
            delivery=self.key,
            # A strict account makes a new record of every row without an id where its type says so (acceptance T-8).
            object_type=object_type.model_copy(update={"match": ()}) if self.account.strict and object_type.always_new else object_type,
            parent=self.account.object_type(object_type.parent.type) if object_type.parent else None,
            jobs=self.jobs_of(object_type),
            now=self.now,
            strict=self.account.strict,
            pass_number=self.pass_number,
            since=held_since(self, object_type),
            territories=self._territories,
            operation=format_.operation if format_ else "upsert",
            rows=self.row_type(object_type),
            rewards=self.account.object_type(format_.consumes) if format_ and format_.consumes else None,
            fractions=format_.fractions if format_ else {},
        )

    def apply(self, object_type: ObjectType, progress: Progress | None = None) -> dict[str, Any]:
        """The change set to the store, with progress per package in the ledger; adds "records", how many the store holds then.

        In a dry run, or when the change set is held for approval, nothing is written but the plan.
        """
        from import_pipeline.applying.stage import ApplyOrder, apply_delivery
        from import_pipeline.delivering.plans import hold_back, plan
        from import_pipeline.delivering.resubmitting import links_of

        if self.dry_run:
            return plan(self, object_type)
        held = hold_back(self, object_type)
        if held:
            return {**plan(self, object_type), "held": held}

        validated, related = self.stage(object_type, "validated"), self.stage(object_type, "related")
        links = links_of(self, object_type)

        def told(job: str, done: int, total: int) -> None:
            with self.pipeline.ledger.begin() as conn:
                jobs.progress(conn, job, done, total)
            if progress:
                progress(job, done, total)

        with open_store(self.pipeline.settings, self.account.name, writable=True) as session:
            # The clock is read with the store in hand: a reader that held it until then has exported a state as of an earlier moment.
            now = self.now
            until = now + object_type.parent.park_for if object_type.parent else None
            order = ApplyOrder(object_type, validated, related, now, until, links=links)
            result = apply_delivery(session, order, told)
            return {**result, "records": session.one(f"SELECT count(*) FROM {Tables(object_type).current}")}
