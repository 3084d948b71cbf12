"""One export: the records of one object type as of a moment, or what changed in a window, as one file with a manifest.

Belongs here: which records and columns an export holds, and the three file formats. Does not belong here: how a value is written
(values.py), how a file appears (files.py), when exports run (orchestration/).
An export of a past moment holds nothing that depends on when it is made: made again, it has the same bytes (acceptance B-9). Its
columns are those of the template, so that the file imported back unchanged changes nothing (acceptance S-16).
"""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from import_pipeline.exporting.files import file_name, hidden, pack, publish, sha256_of, write_manifest
from import_pipeline.exporting.values import json_sql, text_sql, typed_sql
from import_pipeline.exporting.windows import Window
from import_pipeline.failures import PermanentFailure, TransientFailure
from import_pipeline.model.account import Account, ExportFormat
from import_pipeline.model.columns import Column
from import_pipeline.model.object_type import ObjectType
from import_pipeline.store.names import ident, literal, sql_type
from import_pipeline.store.records import people_columns, people_sql, stored_columns
from import_pipeline.store.session import Session

Content = Literal["changes", "snapshot"]
TICK = timedelta(microseconds=1)
"""The store's smallest unit of time: the last moment of a window is its end less one tick."""
_COPY: dict[ExportFormat, str] = {
    "csv": "FORMAT csv, HEADER true, DELIMITER ',', QUOTE '\"', ESCAPE '\"', NULLSTR ''",
    # One column of finished JSON text; a unit separator never stands in JSON, so nothing is ever quoted.
    "jsonl": "FORMAT csv, HEADER false, DELIMITER '\x1f', QUOTE '', ESCAPE ''",
    "parquet": "FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880",
}


@dataclass(frozen=True)
class ExportResult:
    """What was written: the file, its manifest, how many records it holds, and the hash of its bytes."""

    path: Path
    manifest: Path
    rows: int
    sha256: str


@dataclass(frozen=True)
class _Span:
    """Which state is exported. `at` is null for the current one; `since` limits it to records that changed from then on."""

    label: str
    as_of: datetime
    at: datetime | None = None
    since: datetime | None = None


def export_type(
    session: Session,
    account: Account,
    object_type: ObjectType,
    window: Window | None,
    folder: Path,
    *,
    at: datetime | None = None,
    format: ExportFormat,
    zip: bool = False,
    content: Content = "snapshot",
    now: datetime,
) -> ExportResult:
    """Writes one export into `folder` and returns what was written; rows are in order of their record ids.

    `snapshot` holds every record as of the window's end, `changes` those of which a version began in the window, in their state as of
    its end. Without `window` it is a snapshot of the current state, or of the moment `at`. `now` stands in the manifest and, for the
    current state, in the name; it is in no data file. A store that does not have the type gives a file without rows.
    Raises PermanentFailure for a moment that has not come, and TransientFailure while an import of that time is half applied.
    """
    span = _span(session, window, at, content, now)
    _refuse_half_applied(session, object_type, span)
    columns = [column.key for column, _ in people_columns(object_type, ())]
    name = file_name(object_type.name, span.label, format)
    path = folder / (f"{name}.zip" if zip else name)
    with ExitStack() as stack:
        written = stack.enter_context(hidden(folder / name))
        rows = _copy(session, account, object_type, span, format, written)
        if zip:
            packed = stack.enter_context(hidden(path))
            pack(written, name, packed)
            written = packed
        size, sha256 = written.stat().st_size, sha256_of(written)
        publish(written, path)
    told = {
        "account": account.name,
        "type": object_type.name,
        "file": path.name,
        "content": content,
        "window": _told(window, account) if window else None,
        "as_of": _iso(span.as_of),
        "format": format,
        "zip": zip,
        "columns": columns,
        "rows": rows,
        "bytes": size,
        "sha256": sha256,
        "made_at": _iso(now),
    }
    return ExportResult(path, write_manifest(path, told), rows, sha256)


def _span(session: Session, window: Window | None, at: datetime | None, content: Content, now: datetime) -> _Span:
    """The state asked for; PermanentFailure when it is no past or present one."""
    for moment in (at, now):
        if moment is not None and moment.tzinfo is None:
            raise PermanentFailure(f"{moment} has no time zone; a moment of an export needs one")
    if window is not None:
        if at is not None:
            raise PermanentFailure("an export is of a window or of a moment, not of both")
        if window.end > now:
            raise PermanentFailure(f"{window.label} ends at {_iso(window.end)}, after now ({_iso(now)}); only what has ended is exported")
        last = window.end - TICK
        return _Span(window.label, last, last, window.start if content == "changes" else None)
    if content == "changes":
        raise PermanentFailure("an export of changes needs a window, such as a day; without one only a snapshot can be exported")
    if at is not None and at > now:
        raise PermanentFailure(f"{_iso(at)} has not come yet (now is {_iso(now)}); only a past state can be exported")
    label = f"{(at or now).astimezone(UTC):%Y-%m-%dT%H%M%SZ}"
    return _Span(label, at, at) if at else _Span(label, max(now, _last_stamp(session) or now))


def _shared_tables(session: Session) -> bool:
    """False for a store that no import has touched."""
    return bool(session.one("SELECT count(*) FROM duckdb_tables() WHERE database_name = 'store' AND table_name = '_lock'"))


def _last_stamp(session: Session) -> datetime | None:
    """The moment of the latest change set; it is ahead of the clock when the clock was set back."""
    found: datetime | None = session.one("SELECT last_stamp FROM store._lock") if _shared_tables(session) else None
    return found


def _refuse_half_applied(session: Session, object_type: ObjectType, span: _Span) -> None:
    """An unfinished change set has only some of its packages in the store. One of a later time is not in a past state at all."""
    if not _shared_tables(session):
        return
    unfinished = "SELECT delivery FROM store._change_sets WHERE finished_at IS NULL AND type = ? AND stamp <= ? ORDER BY stamp, delivery"
    found = session.run(unfinished, [object_type.slug, span.at or datetime.max.replace(tzinfo=UTC)])
    if found:
        named = ", ".join(delivery for (delivery,) in found)
        raise TransientFailure(f"{object_type.name}: the import of delivery {named} is half applied; run it to its end, then export")


def _copy(session: Session, account: Account, object_type: ObjectType, span: _Span, format: ExportFormat, target: Path) -> int:
    """Writes the data file and returns its rows. DuckDB streams it and sorts on the disk when memory is short."""
    select, moments = _select(session, account, object_type, span, format)
    copied = session.one(f"COPY ({select}) TO {literal(str(target))} ({_COPY[format]}, USE_TMP_FILE false)", moments)
    return int(copied or 0)


def _select(
    session: Session, account: Account, object_type: ObjectType, span: _Span, format: ExportFormat
) -> tuple[str, dict[str, datetime] | None]:
    """The SELECT of the file's columns and the moments it binds. It gives no rows when the store does not have the type."""
    stored = stored_columns(session, object_type)
    if not stored:
        nothing = [(column, f"CAST(NULL AS {sql_type(column.spec)})") for column, _ in people_columns(object_type, stored)]
        return f"SELECT {_written(nothing, format, account.timezone)} WHERE false", None
    moments = {name: moment for name, moment in (("at", span.at), ("since", span.since)) if moment}
    select = _written(people_columns(object_type, stored), format, account.timezone)
    where = "r._valid_from >= $since" if span.since else "true"
    return people_sql(object_type, select, stored, as_of=span.at is not None, where=where), moments or None


def _written(columns: Sequence[tuple[Column, str]], format: ExportFormat, timezone: str) -> str:
    """The columns of the data file, each value as the format has it; JSON lines are one column of finished text."""
    if format == "jsonl":
        pairs = [f"{_key(c.key)} || {json_sql(c, value, timezone)}" for c, value in columns]
        return "'{' || " + " || ',' || ".join(pairs) + " || '}' AS line"
    one = [(c, text_sql(c, value, timezone) if format == "csv" else typed_sql(c, value)) for c, value in columns]
    return ", ".join(f"{value} AS {ident(c.key)}" for c, value in one)


def _key(name: str) -> str:
    """SQL for a column's name as the key of a JSON object."""
    return f"CAST(to_json({literal(name)}) AS VARCHAR) || ':'"


def _told(window: Window, account: Account) -> dict[str, str]:
    start, end = _iso(window.start), _iso(window.end)
    return {"cadence": window.cadence, "label": window.label, "start": start, "end": end, "timezone": account.timezone}


def _iso(moment: datetime) -> str:
    """2026-11-20T17:05:00Z."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
