"""What one run of `related` works with: its order, the session with its scratch tables, and what the delivery's rows give.

Belongs here: the order, and the one helper that makes scratch tables and remembers how many rows each holds, so that a step
with nothing to do is left out. Does not belong here: any rule of relating.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from import_pipeline.model.format import Operation
from import_pipeline.model.job import PACKAGE_ROWS, Job
from import_pipeline.model.object_type import ObjectType
from import_pipeline.model.territory import Territories
from import_pipeline.store.names import Tables, ident
from import_pipeline.store.session import Session, Values

LARGE = 100_000
"""Rows from which on a scratch table is worth freeing."""


@dataclass(frozen=True)
class TerritoryRules:
    """The account has territories: their object type and its settings."""

    object_type: ObjectType
    settings: Territories


@dataclass(frozen=True)
class RelateOrder:
    """What to relate: the delivery's jobs of one object type, and how.

    `pass_number` is 1 for a delivery on its way to its first answer, retries included, and one more for each replay after an answer.
    `package_rows` is the size of a package in positions.
    """

    delivery: str
    object_type: ObjectType
    parent: ObjectType | None
    jobs: Sequence[Job]
    now: datetime
    strict: bool = False
    pass_number: int = 1
    package_rows: int = PACKAGE_ROWS
    since: datetime | None = None
    """In a replay of rows that were never applied: the moment that they speak for."""
    territories: TerritoryRules | None = None
    operation: Operation = "upsert"
    """What the rows of all jobs do (model/format.py)."""
    rows: ObjectType | None = None
    """The columns of the rows, where they are not those of the object type (Format.row_type)."""
    rewards: ObjectType | None = None
    """Of a redemption: the object type that is consumed."""
    fractions: Mapping[str, int] = field(default_factory=dict)
    """Of a redemption: the decimals of each unit (Format.fractions)."""

    @property
    def change_set(self) -> str:
        """The id of the change set: a retry gets the same, a replay another."""
        return f"{self.delivery}:{self.object_type.slug}:{self.pass_number}"

    @property
    def replay(self) -> bool:
        """True when the delivery was answered before."""
        return self.pass_number > 1


@dataclass
class Scratch:
    """The scratch tables of one run. A table that was never made, or holds nothing, has size 0."""

    session: Session
    sizes: dict[str, int] = field(default_factory=dict, kw_only=True)
    views: dict[str, str] = field(default_factory=dict, kw_only=True)
    """The SELECTs of the scratch views."""

    def make(self, table: str, select: str, values: Values = None) -> int:
        """Makes the scratch table from a SELECT and returns its number of rows."""
        made = int(self.session.one(f"CREATE OR REPLACE TEMP TABLE {table} AS {select}", values) or 0)
        self.sizes[table] = made
        return made

    def empty(self, table: str, columns: str) -> None:
        """Makes the scratch table without rows; `columns` are SQL column definitions."""
        self.session.run(f"CREATE OR REPLACE TEMP TABLE {table} ({columns})")
        self.sizes[table] = 0

    def add(self, table: str, select: str, values: Values = None) -> int:
        """Inserts what the SELECT gives into the scratch table and returns how many rows that were."""
        added = int(self.session.one(f"INSERT INTO {table} {select}", values) or 0)
        self.sizes[table] = self.sizes.get(table, 0) + added
        return added

    def drop(self, *tables: str) -> None:
        """Frees large scratch tables that no later step reads; their sizes stay known."""
        for table in tables:
            if self.size(table) >= LARGE:
                self.session.run(f"DROP TABLE {table}")

    def view(self, name: str, select: str) -> None:
        """Makes a scratch view."""
        self.views[name] = select
        self.session.run(f"CREATE OR REPLACE TEMP VIEW {name} AS {select}")

    def size(self, table: str) -> int:
        """How many rows the scratch table holds."""
        return self.sizes.get(table, 0)

    def one(self, select: str, values: Values = None) -> Any:
        """The single value of a query."""
        return self.session.one(select, values)


@dataclass
class Work(Scratch):
    """The scratch tables of one run of `related`, and what they are made for."""

    order: RelateOrder
    given: frozenset[str] = frozenset()
    """Keys of the columns that at least one row may give."""
    all_new: bool = False
    """True when every row makes a record of its own: nothing is looked up then, and the rows keep the order of the files."""

    @property
    def replay(self) -> bool:
        """True when the delivery was answered before: all its rows come late."""
        return self.order.replay

    @property
    def object_type(self) -> ObjectType:
        """The type whose rows are related."""
        return self.order.object_type

    @property
    def current(self) -> str:
        """The store's table of this type."""
        return Tables(self.object_type).current

    @property
    def external_id(self) -> str:
        """The external id's column, quoted."""
        return ident(self.object_type.external_id)

    @property
    def parent_column(self) -> str | None:
        """The key of the column that names a parent, when the rows give it and there is a parent type."""
        parent = self.object_type.parent
        return parent.column if parent and self.order.parent and parent.column in self.given else None
