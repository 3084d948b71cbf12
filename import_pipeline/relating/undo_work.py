"""What one run of an undo works with: its order, which jobs count once it is applied, and its scratch tables.

Belongs here: the order and what follows from it and from the undos before it. Does not belong here: any rule about a record.

Words of the undo's modules: X is the job that is undone, U the undo. The *root* is the import that the chain of undos leads down to:
U switches it off, or on again. A version's change is an *event*; it counts unless its job is cancelled, or the row that made it waits
again. The *family* are the undos before U that switched the same root: taking X back takes back what they left. U's *own* events are
those it takes back: the family's, and when the root is switched off the root's too.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from import_pipeline.model.job import PACKAGE_ROWS, Job
from import_pipeline.model.object_type import ObjectType
from import_pipeline.relating.work import Scratch, TerritoryRules
from import_pipeline.store.names import Tables, ident
from import_pipeline.store.session import Session
from import_pipeline.store.staging import StageFolder
from import_pipeline.store.undos import Undo, cancelled_jobs, root_of, undos_of


@dataclass(frozen=True)
class UndoOrder:
    """What to undo, in one object type: the job `undone` of the delivery `undone_delivery`, by the undo job `job` of `delivery`.

    `parent` is the type above, `above` its `related` folder of this same undo, or None for the first type: what happens to parents is
    taken from there, so that a plan and the run compute the same. `cancelled` are the jobs whose events do not count once this undo is
    applied. `package_rows` is the size of a package in positions.
    """

    delivery: str
    object_type: ObjectType
    parent: ObjectType | None
    job: Job
    undone: str
    undone_delivery: str
    cancelled: frozenset[str]
    above: StageFolder | None
    now: datetime
    pass_number: int = 1
    package_rows: int = PACKAGE_ROWS
    territories: TerritoryRules | None = None

    @property
    def change_set(self) -> str:
        """The id of the change set."""
        return f"{self.delivery}:{self.object_type.slug}:{self.pass_number}"


@dataclass
class UndoWork(Scratch):
    """The scratch tables of one undo in one type."""

    order: UndoOrder
    root: str
    root_delivery: str
    off: bool
    """True when the root does not count once this undo is applied."""

    @classmethod
    def of(cls, session: Session, order: UndoOrder) -> Self:
        """The work, with the tables `undone_jobs(id)` (jobs that do not count), `family(id)`, `own_jobs(id)` and `switched(job, stamp)`:
        the other imports that an undo ever switched, and when last."""
        before = [u for u in undos_of(session) if u.job != order.job.id]
        this = Undo(order.job.id, order.undone, order.undone_delivery, datetime.max.replace(tzinfo=order.now.tzinfo))
        undone = cancelled_jobs([*before, this])
        root, root_delivery = root_of(before, this)
        work = cls(session, order, root, root_delivery, root in undone)
        work._listed("undone_jobs", sorted(undone | (order.cancelled - {root})))
        roots = {u.job: root_of(before, u)[0] for u in before}
        family = sorted(job for job, other in roots.items() if other == root)
        work._listed("family", family)
        work._listed("own_jobs", [*family, root] if work.off else family)
        switched = {roots[u.job]: u.stamp for u in before if roots[u.job] != root}
        work.empty("switched", "job VARCHAR, stamp TIMESTAMPTZ")
        if switched:
            select = "SELECT unnest(CAST($jobs AS VARCHAR[])), unnest(CAST($stamps AS TIMESTAMPTZ[]))"
            work.add("switched", select, {"jobs": list(switched), "stamps": list(switched.values())})
        return work

    def _listed(self, table: str, ids: list[str]) -> None:
        self.empty(table, "id VARCHAR")
        self.add(table, "SELECT unnest(CAST($ids AS VARCHAR[]))", {"ids": ids})

    @property
    def object_type(self) -> ObjectType:
        """The type whose records are looked at."""
        return self.order.object_type

    @property
    def tables(self) -> Tables:
        """Its tables in the store."""
        return Tables(self.object_type)

    @property
    def external_id(self) -> str:
        """The external id's column, quoted."""
        return ident(self.object_type.external_id)

    @property
    def parents(self) -> str | None:
        """The table of the parent type, when records hang on parents."""
        return Tables(self.order.parent).current if self.object_type.parent and self.order.parent else None

    def lives(self, parent: str) -> str:
        """SQL condition: the parent id `parent`, not null, is that of a record that lives once the parents are done."""
        stored = f"{parent} IN (SELECT _id FROM {self.parents})"
        if self.size("gone_above"):
            stored = f"({stored} AND {parent} NOT IN (SELECT id FROM gone_above))"
        return f"({stored} OR {parent} IN (SELECT id FROM back_above))" if self.size("back_above") else stored
