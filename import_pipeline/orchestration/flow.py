"""What each stage of a delivery's run does, without dagster: jobs from the ledger, staging folders, the rooms' entry points.

Belongs here: the wiring of the stages, one method a stage. Does not belong here: assets and metadata (assets.py), the stages' rules.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from import_pipeline.landing.deliveries import open_delivery
from import_pipeline.ledger import deliveries, jobs, meta
from import_pipeline.model.account import Account
from import_pipeline.model.job import Job, ParsedFile
from import_pipeline.model.object_type import ObjectType
from import_pipeline.model.policy import Policy
from import_pipeline.orchestration.pipeline import Pipeline
from import_pipeline.store.names import Tables
from import_pipeline.store.session import open_store
from import_pipeline.store.staging import DeliveryStaging, StageFolder

if TYPE_CHECKING:
    from import_pipeline.relating.stage import RelateOrder

Progress = Callable[[str, int, int], None]
IMPORT_STAGES = ("parsed", "validated", "related", "table")


@dataclass
class DeliveryRun:
    """One delivery of one account on its way through the stages. Every method may be run again and gives the same."""

    pipeline: Pipeline
    account: Account
    key: str

    @cached_property
    def staging(self) -> DeliveryStaging:
        """The staging folders of the delivery."""
        return DeliveryStaging(self.pipeline.settings.staging, self.account.name, self.key)

    @cached_property
    def jobs(self) -> list[Job]:
        """The delivery's jobs in order of arrival; booked when they are not yet."""
        return open_delivery(self.pipeline.ledger, self.account, self.pipeline.settings, self.key, self.now)

    @property
    def now(self) -> datetime:
        """The injected clock."""
        return self.pipeline.clock.now()

    def jobs_of(self, object_type: ObjectType) -> list[Job]:
        """The jobs of one type."""
        return [job for job in self.jobs if job.object_type == object_type.name]

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
            for job in found:
                jobs.start(conn, job.id, packages_total=0, now=self.now)
        with open_store(self.pipeline.settings, self.account.name, writable=True) as session:
            prepare_store(session, self.account.name, self.account.object_types)
        return found

    @cached_property
    def pass_number(self) -> int:
        """1 until the delivery is answered for the first time, then one more for each answer: a run after an answer is a replay."""
        with self.pipeline.ledger.read() as conn:
            return 1 + int(meta.read(conn, f"answers/{self.key}") or 0)

    def is_begun(self, object_type: ObjectType) -> bool:
        """True when this pass has begun to apply the type's change set: from then on the stages before it stay as they are."""
        from import_pipeline.relating.stage import is_frozen

        related = self.stage(object_type, "related")
        if not related.exists or related.load_report()["change_set"] != self._order(object_type).change_set:
            return False
        with open_store(self.pipeline.settings, self.account.name) as session:
            return is_frozen(session, self._order(object_type), related)

    def parse(self, object_type: ObjectType) -> list[ParsedFile]:
        """Bytes to rows of strings."""
        from import_pipeline.parsing.stage import parse_delivery

        out = self.stage(object_type, "parsed")
        if self.is_begun(object_type):
            return [ParsedFile.model_validate(f) for f in out.load_report()["files"]]
        formats = {f.name: f for f in self.account.formats}
        return parse_delivery(self.jobs_of(object_type), object_type, formats, out)

    def validate(self, object_type: ObjectType) -> dict[str, Any]:
        """Rows of strings to typed rows and row errors; returns the stage's report."""
        from import_pipeline.validation.stage import validate_delivery

        out = self.stage(object_type, "validated")
        if self.is_begun(object_type):
            return out.load_report()
        policies = {job.number: self._policy(job) for job in self.jobs_of(object_type)}
        validate_delivery(object_type, self.stage(object_type, "parsed"), out, policies, timezone=self.account.timezone)
        return out.load_report()

    def _policy(self, job: Job) -> Policy:
        stated = self.account.format(job.format).on_error if job.format else None
        return stated or self.account.on_error

    def relate(self, object_type: ObjectType) -> dict[str, Any]:
        """Typed rows to a change set; the store is only read."""
        from import_pipeline.relating.stage import relate_delivery

        order = self._order(object_type)
        with open_store(self.pipeline.settings, self.account.name) as session:
            return relate_delivery(session, order, self.stage(object_type, "validated"), self.stage(object_type, "related"))

    def _order(self, object_type: ObjectType) -> "RelateOrder":
        from import_pipeline.relating.stage import RelateOrder

        return RelateOrder(
            delivery=self.key,
            object_type=object_type,
            parent=self.account.object_type(object_type.parent.type) if object_type.parent else None,
            jobs=self.jobs_of(object_type),
            now=self.now,
            strict=self.account.strict,
            pass_number=self.pass_number,
        )

    def apply(self, object_type: ObjectType, progress: Progress | None = None) -> dict[str, Any]:
        """The change set to the store, with progress per package in the ledger; adds "records", how many the store holds then."""
        from import_pipeline.applying.stage import ApplyOrder, apply_delivery

        until = self.now + object_type.parent.park_for if object_type.parent else None
        order = ApplyOrder(object_type, self.stage(object_type, "validated"), self.stage(object_type, "related"), self.now, until)

        def told(job: str, done: int, total: int) -> None:
            with self.pipeline.ledger.begin() as conn:
                jobs.progress(conn, job, done, total)
            if progress:
                progress(job, done, total)

        with open_store(self.pipeline.settings, self.account.name, writable=True) as session:
            result = apply_delivery(session, order, told)
            return {**result, "records": session.one(f"SELECT count(*) FROM {Tables(object_type).current}")}
