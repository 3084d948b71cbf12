"""What one commit group writes: new records, changed records with their old versions, lineage, parked rows, its packages.

Belongs here: the statements of one commit. Does not belong here: transactions and retries (stage.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from import_pipeline.applying.packages import Package
from import_pipeline.model.object_type import ObjectType
from import_pipeline.store.names import Tables, data_columns, ident, idents
from import_pipeline.store.records import hash_sql
from import_pipeline.store.schema import PARKED_COLUMNS, RECORD_COLUMNS
from import_pipeline.store.session import Session


@dataclass(frozen=True)
class Batch:
    """The packages of one commit group and the moment their change set carries."""

    change_set: str
    stamp: datetime
    packages: Sequence[Package]
    now: datetime
    park_until: datetime | None

    @property
    def first(self) -> int:
        """The lowest `_seq` of the group."""
        return min(p.first for p in self.packages)

    @property
    def last(self) -> int:
        """The highest `_seq` of the group."""
        return max(p.last for p in self.packages)


def write_batch(session: Session, object_type: ObjectType, batch: Batch, present: set[str]) -> None:
    """Writes the group inside the caller's transaction. `present` are the columns that the validated rows hold."""
    span = f"BETWEEN {batch.first} AND {batch.last}"
    folded = bool(session.one(f"SELECT count(*) FROM set_folded WHERE _seq {span}"))
    actions = dict(session.run(f"SELECT action, count(*) FROM set_changes WHERE _seq {span} GROUP BY 1"))
    if actions.get("create"):
        _create(session, object_type, batch, span, folded)
    if actions.get("update"):
        _update(session, object_type, batch, span, folded, present)
    _park(session, object_type, batch, span)
    session.run(
        f"INSERT INTO store._lineage SELECT ?, job, _line, record, action FROM set_outcomes WHERE _seq {span} AND action <> 'refuse'",
        [object_type.slug],
    )
    for package in batch.packages:
        session.run(
            "INSERT INTO store._packages VALUES (?, ?, ?, ?, ?)",
            [batch.change_set, package.job, package.number, package.positions, batch.now],
        )


def _source(object_type: ObjectType, folded: bool) -> str:
    """The wide values of changes by `_seq`: from the validated rows, or from the folded ones."""
    keys = idents([c.key for c in data_columns(object_type)])
    single = f"SELECT _seq, false AS folded, {keys} FROM wide"
    return f"{single} UNION ALL SELECT _seq, true AS folded, {keys} FROM set_folded" if folded else single


def _create(session: Session, object_type: ObjectType, batch: Batch, span: str, folded: bool) -> None:
    keys = [c.key for c in data_columns(object_type)]
    columns = idents([*RECORD_COLUMNS, *keys])
    digest = hash_sql([f"s.{ident(k)}" for k in keys], "c.parent_id")
    session.run(
        f"""
        INSERT INTO {Tables(object_type).current} ({columns})
        SELECT c.id, c.parent_id, c.pin_id, {digest}, 1, $stamp, $stamp, c.job, c._line, {idents(keys, "s.")}
        FROM set_changes c JOIN ({_source(object_type, folded)}) s ON s._seq = c._seq AND s.folded = c.folded
        WHERE c.action = 'create' AND c._seq {span}
        """,
        {"stamp": batch.stamp},
    )


def _update(session: Session, object_type: ObjectType, batch: Batch, span: str, folded: bool, present: set[str]) -> None:
    """Old versions to history, then the new values over the current ones. Only columns that can have changed are written."""
    tables, data = Tables(object_type), data_columns(object_type)
    set_keys = [c.key for c in data if c.update == "always" and (folded or c.key in present)]
    merged = {c.key: f"coalesce(s.{ident(c.key)}, t.{ident(c.key)})" if c.key in set_keys else f"t.{ident(c.key)}" for c in data}
    parent = "coalesce(c.parent_id, t._parent_id)"
    values = ", ".join(f"{merged[k]} AS {ident(k)}" for k in set_keys)
    session.run(
        f"""
        CREATE OR REPLACE TEMP TABLE updates AS
        SELECT t._id, {parent} AS _parent_id, {hash_sql(list(merged.values()), parent)} AS _hash, c.job AS _job, c._line AS _line
            {", " + values if values else ""}
        FROM (SELECT * FROM set_changes WHERE action = 'update' AND _seq {span}) c
        JOIN ({_source(object_type, folded)}) s ON s._seq = c._seq AND s.folded = c.folded
        JOIN {tables.current} t ON t._id = c.id
        """
    )
    kept = idents([*RECORD_COLUMNS, *(c.key for c in data)])
    session.run(
        f"""
        INSERT INTO {tables.history} ({kept}, _valid_to, _ended_by)
        SELECT {idents([*RECORD_COLUMNS, *(c.key for c in data)], "t.")}, $stamp, u._job
        FROM {tables.current} t JOIN updates u ON u._id = t._id
        """,
        {"stamp": batch.stamp},
    )
    assigned = ", ".join(f"{ident(k)} = u.{ident(k)}" for k in ["_parent_id", "_hash", "_job", "_line", *set_keys])
    session.run(
        f"UPDATE {tables.current} SET {assigned}, _version = _version + 1, _valid_from = $stamp FROM updates u "
        f"WHERE {tables.current}._id = u._id",
        {"stamp": batch.stamp},
    )


def _park(session: Session, object_type: ObjectType, batch: Batch, span: str) -> None:
    """Parks the group's rows that wait for their parent, and takes out those that wait no longer."""
    parked = Tables(object_type).parked
    given = [c.key for c in object_type.columns if c.key != "Address Line"]
    session.run(
        f"""
        INSERT INTO {parked} ({idents([*PARKED_COLUMNS, *given])})
        SELECT job, _line, _end, _pos, $now, $until, {idents(given)} FROM set_parked WHERE _seq {span}
        """,
        {"now": batch.now, "until": batch.park_until or batch.now},
    )
    session.run(f"DELETE FROM {parked} USING set_released r WHERE {parked}._job = r.job AND {parked}._line = r._line AND r._seq {span}")
