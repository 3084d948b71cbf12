"""What one commit group writes: new records, changed records with their old versions, lineage, parked rows, its packages.

Belongs here: the statements of one commit. Does not belong here: transactions and retries (stage.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from import_pipeline.applying.packages import Package
from import_pipeline.model.object_type import ObjectType
from import_pipeline.store.names import Tables, data_columns, given_columns, ident, idents, updatable
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
    def span(self) -> str:
        """SQL for the `_seq` of the group's rows: packages are in order and have no rows in common."""
        return f"BETWEEN {self.packages[0].first} AND {self.packages[-1].last}"


def write_batch(session: Session, object_type: ObjectType, batch: Batch, made: frozenset[str], present: frozenset[str]) -> None:
    """Writes the group inside the caller's transaction. `made` names the change set's parts, `present` the columns of `wide`."""
    columns = _Source(session, object_type, batch, made, present)
    actions = dict(session.run(f"SELECT action, count(*) FROM set_changes WHERE _seq {batch.span} GROUP BY 1"))
    if actions.get("create"):
        _create(session, object_type, batch, columns)
    if actions.get("update"):
        _update(session, object_type, batch, columns)
    if {"parked", "released"} & made:
        _park(session, object_type, batch, made)
    book_group(session, object_type, batch)


def book_group(session: Session, object_type: ObjectType, batch: Batch) -> None:
    """The group's lineage and its packages' own rows. The rows of an undo give nothing; its outcomes have no masks."""
    columns = {name for name, *_ in session.run("DESCRIBE set_outcomes")}
    given = "given" if "given" in columns else "CAST(NULL AS BIGINT)"
    session.run(
        f"""
        INSERT INTO store._lineage (type, job, line, pos, record, action, change_set, given)
        SELECT ?, job, _line, _pos, record, action, ?, {given}
        FROM set_outcomes
        WHERE _seq {batch.span} AND action <> 'refuse'
        """,
        [object_type.slug, batch.change_set],
    )
    done = ", ".join("(?, ?, ?, ?, ?, ?)" for _ in batch.packages)
    values = [v for p in batch.packages for v in (batch.change_set, p.job, p.number, p.positions, batch.now, p.job_number)]
    session.run(f"INSERT INTO store._packages (change_set, job, package, positions, applied_at, job_number) VALUES {done}", values)


class _Source:
    """Where the wide values of the group's changes are read: the validated rows, and the folded ones when it has any."""

    def __init__(self, session: Session, object_type: ObjectType, batch: Batch, made: frozenset[str], present: frozenset[str]) -> None:
        self.folded = "folded" in made and bool(session.one(f"SELECT count(*) FROM set_folded WHERE _seq {batch.span}"))
        self.given = set(present)
        if self.folded:
            self.given |= {name for (name,) in session.run("SELECT column_name FROM (DESCRIBE set_folded)")}
        self._types = {k: t for k, t in given_columns(object_type).items() if k in {c.key for c in data_columns(object_type)}}
        self._present = present

    def select(self, keys: Sequence[str]) -> str:
        """SELECT of `_seq`, `_folded` and these columns."""
        single = f"SELECT _seq, false AS _folded{''.join(', ' + ident(k) for k in keys)} FROM wide"
        if not self.folded:
            return single
        columns = "".join(f", {self._or_null(k)}" for k in keys)
        return f"{single} UNION ALL SELECT _seq, true AS _folded{columns} FROM set_folded"

    def _or_null(self, key: str) -> str:
        return ident(key) if key in self.given else f"CAST(NULL AS {self._types[key]}) AS {ident(key)}"


def _create(session: Session, object_type: ObjectType, batch: Batch, source: _Source) -> None:
    keys = [c.key for c in data_columns(object_type)]
    digest = hash_sql([f"s.{ident(k)}" for k in keys], "c.parent_id")
    match = "AND s._folded = c.folded" if source.folded else ""
    session.run(
        f"""
        INSERT INTO {Tables(object_type).current} ({idents([*RECORD_COLUMNS, *keys])})
        SELECT c.id, c.parent_id, c.pin_id, {digest}, 1, $stamp, $stamp, c.job, c._line, {idents(keys, "s.")}
        FROM ({source.select(keys)}) s
        JOIN set_changes c ON c._seq = s._seq {match}
        WHERE c.action = 'create' AND c._seq {batch.span}
        """,
        {"stamp": batch.stamp},
    )


def _update(session: Session, object_type: ObjectType, batch: Batch, source: _Source) -> None:
    """Old versions to history, then the new values over the current ones. Only columns in which a value differs are written."""
    tables, data = Tables(object_type), data_columns(object_type)
    keys = [c.key for c in data if updatable(c) and c.key in source.given]
    _find_updates(session, object_type, batch, source, keys)
    kept = idents([*RECORD_COLUMNS, *(c.key for c in data)])
    session.run(
        f"""
        INSERT INTO {tables.history} ({kept}, _valid_to, _ended_by)
        SELECT {kept}, $stamp, _new_job FROM updates
        """,
        {"stamp": batch.stamp},
    )
    new = {ident(k): ident(f"_n{i}") for i, k in enumerate(keys)} | {"_parent_id": "_new_parent_id"}
    differing = ", ".join(f"bool_or({value} IS DISTINCT FROM {column})" for column, value in new.items())
    (differs,) = session.run(f"SELECT {differing} FROM updates")
    written = {column: value for (column, value), different in zip(new.items(), differs, strict=True) if different}
    written |= {"_hash": "_new_hash", "_job": "_new_job", "_line": "_new_line"}
    session.run(
        f"""
        UPDATE {tables.current} AS t
        SET {", ".join(f"{column} = u.{value}" for column, value in written.items())}, _version = t._version + 1, _valid_from = $stamp
        FROM updates u
        WHERE t._id = u._id
        """,
        {"stamp": batch.stamp},
    )


def _find_updates(session: Session, object_type: ObjectType, batch: Batch, source: _Source, keys: Sequence[str]) -> None:
    """Table `updates`: the old versions as they are, and beside them the new values `_n0` … of `keys` and of the record's own columns.

    The given values are gathered first: they are few beside the validated rows and the records, and the table then joins the records
    as the small side.
    """
    match = "AND s._folded = c.folded" if source.folded else ""
    session.run(
        f"""
        CREATE OR REPLACE TEMP TABLE given_values AS
        SELECT c.id AS _id, c.parent_id AS _parent_id, c.job AS _job, c._line{"".join(f", s.{ident(k)}" for k in keys)}
        FROM ({source.select(keys)}) s
        JOIN set_changes c ON c._seq = s._seq {match}
        WHERE c.action = 'update' AND c._seq {batch.span}
        """
    )
    data = [c.key for c in data_columns(object_type)]
    merged = {k: f"coalesce(g.{ident(k)}, t.{ident(k)})" if k in keys else f"t.{ident(k)}" for k in data}
    values = "".join(f", {merged[k]} AS {ident(f'_n{i}')}" for i, k in enumerate(keys))
    parent = "coalesce(g._parent_id, t._parent_id)"
    session.run(
        f"""
        CREATE OR REPLACE TEMP TABLE updates AS
        SELECT {idents([*RECORD_COLUMNS, *data], "t.")}, {parent} AS _new_parent_id,
            {hash_sql(list(merged.values()), parent)} AS _new_hash, g._job AS _new_job, g._line AS _new_line{values}
        FROM {Tables(object_type).current} t
        JOIN given_values g ON g._id = t._id
        """
    )
    session.run("DROP TABLE given_values")


def _park(session: Session, object_type: ObjectType, batch: Batch, made: frozenset[str]) -> None:
    """Parks the group's rows that wait for their parent, and moves those that wait no longer to where an undo finds them."""
    parked, given = Tables(object_type).parked, list(given_columns(object_type))
    if "parked" in made:
        session.run(
            f"""
            INSERT INTO {parked} ({idents([*PARKED_COLUMNS, *given])})
            SELECT job, _line, _end, _pos, coalesce(_since, $stamp), $until, {idents(given)}
            FROM set_parked
            WHERE _seq {batch.span}
            """,
            {"stamp": batch.stamp, "until": batch.park_until or batch.now},
        )
    if "released" in made:
        session.run(
            f"""
            INSERT INTO {Tables(object_type).released} ({idents([*PARKED_COLUMNS, *given])}, _change_set, _record, _parent_id)
            SELECT {idents([*PARKED_COLUMNS, *given], "p.")}, $change_set, r.record, r.parent_id
            FROM {parked} p
            JOIN set_released r ON r.job = p._job AND r._pos = p._pos
            WHERE r._seq {batch.span}
            """,
            {"change_set": batch.change_set},
        )
        session.run(f"DELETE FROM {parked} WHERE (_job, _pos) IN (SELECT job, _pos FROM set_released WHERE _seq {batch.span})")
