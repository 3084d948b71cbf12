"""From a record to what made it: versions, and for every field that changed the row that gave the value (acceptance B-6).

Belongs here: reading versions and lineage from the store, and finding the giving row among several that were folded into one change.
Does not belong here: rows of files (rows.py), finding out which record is meant (asking.py).
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from import_pipeline.exporting.values import text_sql
from import_pipeline.lineage.model import FieldChange, RecordKey, RecordLineage, Row, Sources, Version
from import_pipeline.lineage.rows import Cells, RowFinder
from import_pipeline.model.account import Account
from import_pipeline.model.columns import Column
from import_pipeline.model.object_type import ObjectType
from import_pipeline.store.names import Tables, data_columns, ident, idents, outward_sql
from import_pipeline.store.records import people_columns, stored_columns
from import_pipeline.store.session import Session, open_store

_PIN = ("address", "external_pin_id")


@dataclass(frozen=True)
class _Stored:
    """One version as the store has it: `values` by column key, as text."""

    number: int
    valid_from: datetime
    valid_to: datetime | None
    ended_by: str | None
    job: str
    line: int | None
    """Null in a version that an undo made."""
    pin: tuple[str, int] | None
    values: dict[str, str | None]


@dataclass(frozen=True)
class _Part:
    """A row that took part in a version. `fresh` when it came with the delivery that made the version, not earlier (it waited)."""

    row: Row
    fresh: bool
    order: tuple[bool, int, int]


def record_lineage(sources: Sources, key: RecordKey) -> RecordLineage | None:
    """The record with its versions, fields and rows; None when the store holds no version of it.

    Raises TransientFailure when the store stays locked by an import.
    """
    account = sources.accounts[key.account]
    object_type = account.object_type(key.object_type)
    with open_store(sources.settings, key.account) as session:
        stored = _versions(session, account, object_type, key.number)
        made = _change_sets(session, object_type, key.number)
        outward = session.one(f"SELECT {outward_sql('CAST(? AS BIGINT)')}", [key.number])
    if not stored:
        return None
    finder = RowFinder(sources)
    versions: list[Version] = []
    before: _Stored | None = None
    for version in stored:
        change_set, delivery, asked = made.get(version.valid_from, (None, None, {}))
        versions.append(_version(finder, object_type, before, version, change_set, _parts(finder, version, delivery, asked)))
        before = version
    last = stored[-1]
    external = object_type.column_of_role("external_id")
    return RecordLineage(
        account=key.account,
        object_type=object_type.name,
        record_id=str(outward),
        external_id=last.values.get(external.key) if external else None,
        deleted=last.valid_to is not None,
        values=last.values,
        versions=tuple(versions),
    )


def _versions(session: Session, account: Account, object_type: ObjectType, number: int) -> list[_Stored]:
    """All versions, oldest first, with their values as exports write them."""
    tables, stored = Tables(object_type), stored_columns(session, object_type)
    if not stored:
        return []
    shown = [f"{text_sql(c, value, account.timezone)} AS {ident(c.key)}" for c, value in people_columns(object_type, stored)]
    own = "_id, _version, _valid_from, {end}, _job, _line, _parent_id, _pin_id"
    data = idents([c.key for c in data_columns(object_type) if c.key.casefold() in stored])
    now = own.format(end="CAST(NULL AS TIMESTAMPTZ) AS _valid_to, CAST(NULL AS VARCHAR) AS _ended_by")
    found = session.rows(
        f"SELECT r._version, r._valid_from, r._valid_to, r._ended_by, r._job, r._line, p._job AS pin_job, p._line AS pin_line, "
        f"{', '.join(shown)} FROM (SELECT {now}, {data} FROM {tables.current} WHERE _id = $id UNION ALL "
        f"SELECT {own.format(end='_valid_to, _ended_by')}, {data} FROM {tables.history} WHERE _id = $id) r "
        "LEFT JOIN store._pins p ON p._id = r._pin_id ORDER BY r._valid_from",
        {"id": number},
    )
    return [_stored(row) for row in found]


def _stored(row: dict[str, Any]) -> _Stored:
    number, start, end, ended_by, job, line, pin_job, pin_line = (row.pop(name) for name in list(row)[:8])
    return _Stored(number, start, end, ended_by, job, line, (pin_job, pin_line) if pin_job else None, row)


def _change_sets(session: Session, object_type: ObjectType, number: int) -> dict[datetime, tuple[str, str, dict[tuple[str, int], str]]]:
    """Moment → (change set, delivery, {(job, line): action}) for every change set with rows that changed the record.

    A change set's moment is its own: no two change sets of a store share one. A job is in several change sets when it was replayed,
    and when rows of it waited: those came in with packages below zero. A row creates a record once, in the first of them.
    """
    found = session.run(
        """
        WITH mine AS (SELECT job, line, action FROM store._lineage WHERE type = $type AND record = $id AND action IN ('create', 'update')),
        waited AS (SELECT DISTINCT job, line FROM store._lineage WHERE type = $type AND action = 'park' AND job IN (SELECT job FROM mine))
        SELECT s.stamp, s.id, s.delivery, m.job, m.line, m.action FROM mine m
        LEFT JOIN waited w ON w.job = m.job AND w.line = m.line
        JOIN (SELECT DISTINCT change_set, job, package < 0 AS released FROM store._packages) p
            ON p.job = m.job AND p.released = (w.job IS NOT NULL)
        JOIN store._change_sets s ON s.id = p.change_set AND s.type = $type
        ORDER BY s.stamp, m.job, m.line
        """,
        {"type": object_type.slug, "id": number},
    )
    made: dict[datetime, tuple[str, str, dict[tuple[str, int], str]]] = {}
    created: dict[tuple[str, int], datetime] = {}
    for stamp, change_set, delivery, job, line, action in found:
        if action == "create" and created.setdefault((job, line), stamp) != stamp:
            continue
        asked = made.setdefault(stamp, (change_set, delivery, {}))[2]
        if line is not None:
            asked[job, line] = action
    return made


def _parts(finder: RowFinder, version: _Stored, delivery: str | None, asked: dict[tuple[str, int], str]) -> list[_Part]:
    """The rows that took part in a version, in the order in which they counted: those that had waited, then the delivery's own."""
    if version.line is None:
        return []
    actions = asked or {(version.job, version.line): "create" if version.number == 1 else "update"}
    found = finder.rows((job, line, action) for (job, line), action in actions.items())
    parts = []
    for (job_id, line), row in found.items():
        lines = finder.job(job_id)
        number = lines.job.number if lines else 0
        fresh = row.delivery == delivery
        parts.append(_Part(row, fresh, (fresh, number, line)))
    return sorted(parts, key=lambda p: p.order)


def _version(
    finder: RowFinder, object_type: ObjectType, before: _Stored | None, now: _Stored, change_set: str | None, parts: list[_Part]
) -> Version:
    known = before is not None or now.number == 1
    old = before.values if before else dict.fromkeys(now.values)
    changed = [c for c in object_type.columns if c.role != "record_id" and old.get(c.key) != now.values.get(c.key)]
    judged, sent = _cells(finder, parts, "validated"), _cells(finder, parts, "parsed") or {}
    changes = [_change(finder, c, old.get(c.key), now, parts, judged, sent) for c in changed] if known else None
    return Version(
        number=now.number,
        valid_from=now.valid_from,
        valid_to=now.valid_to,
        ended_by=now.ended_by,
        job=now.job,
        change_set=change_set,
        changes=None if changes is None else tuple(changes),
        rows=tuple(p.row for p in parts),
    )


def _cells(finder: RowFinder, parts: list[_Part], stage: str) -> Cells | None:
    """What the rows held in a stage; None when the staging of one of them is gone."""
    lines: dict[str, list[int]] = defaultdict(list)
    for part in parts:
        lines[part.row.job].append(part.row.line)
    found: Cells = {}
    for job_id, wanted in lines.items():
        job = finder.job(job_id)
        cells = job.cells(stage, wanted) if job else None
        if cells is None:
            return None
        found |= cells
    return found


def _change(
    finder: RowFinder, column: Column, old: str | None, now: _Stored, parts: list[_Part], judged: Cells | None, sent: Cells
) -> FieldChange:
    """One field's change with the row that gave it; the rule of folding is that of relating/groups.py."""
    if column.role in _PIN:
        givers = list(finder.rows([(*now.pin, None)]).values()) if now.pin else []
    else:
        givers = [p.row for p in _givers(column, now, parts, judged)]
    cell = sent.get((givers[0].job, givers[0].line), {}).get(column.key) if len(givers) == 1 else None
    return FieldChange(column.key, old, now.values.get(column.key), cell, tuple(givers))


def _givers(column: Column, now: _Stored, parts: list[_Part], judged: Cells | None) -> list[_Part]:
    """One part, or all of them when staging no longer tells: the last fresh row with a value, else the last that had waited.

    What only a creation may set comes from the row that created.
    """
    if len(parts) < 2:
        return parts
    if column.update != "always" and now.number == 1:
        return [p for p in parts if p.row.action == "create"][:1] or parts
    if judged is None:
        return parts
    with_value = [p for p in parts if judged.get((p.row.job, p.row.line), {}).get(column.key) is not None]
    fresh = [p for p in with_value if p.fresh]
    return (fresh or with_value)[-1:] or parts
