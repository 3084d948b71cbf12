"""One export: the records of one object type as of a moment, or what changed in a window, as one file with a manifest.

Belongs here: which records and columns an export holds, and the three file formats. Does not belong here: how a value is written
(values.py), how a file appears (files.py), when exports run (orchestration/).
An export of a past moment holds nothing that depends on when it is made: made again, it has the same bytes (acceptance B-9). Its
columns are those of the template of the day it is made, so that the file imported back unchanged changes nothing (acceptance S-16): a
field that was added since stands there without values, one that was taken out does not, and all other cells are as they were.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from import_pipeline.exporting.files import file_name, hidden, pack, publish, sha256_of, write_manifest
from import_pipeline.exporting.states import check_state, iso, latest
from import_pipeline.exporting.values import json_sql, text_sql, typed_sql
from import_pipeline.exporting.windows import TICK, Window
from import_pipeline.failures import PermanentFailure
from import_pipeline.model.account import Account, ExportFormat
from import_pipeline.model.columns import Column
from import_pipeline.model.object_type import ObjectType
from import_pipeline.store.hanging import hanging_of
from import_pipeline.store.names import ident, literal, sql_type
from import_pipeline.store.records import people_columns, people_sql, stored_columns
from import_pipeline.store.session import Session

Content = Literal["changes", "snapshot"]
COPY_OPTIONS: dict[ExportFormat, str] = {
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
    Raises PermanentFailure for a moment that has not come or lies before the history's horizon, and TransientFailure while an import
    of that time is half applied.
    """
    span = _span(session, window, at, content, now)
    check_state(session, account, object_type, span.at, now)
    if object_type is account.territory_type:
        return _territories(session, account, object_type, span, window, folder, content, now)
    hanging = hanging_of(session, object_type, account.territory_type)
    columns = [column.key for column, _ in people_columns(object_type, (), hanging)]
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
    told = _facts(account, object_type, path, span, window, content, now) | {
        "format": format,
        "zip": zip,
        "columns": columns,
        "rows": rows,
        "bytes": size,
        "sha256": sha256,
    }
    return ExportResult(path, write_manifest(path, told), rows, sha256)


def _facts(
    account: Account, object_type: ObjectType, path: Path, span: _Span, window: Window | None, content: Content, now: datetime
) -> dict[str, Any]:
    """What every manifest tells."""
    return {
        "account": account.name,
        "type": object_type.name,
        "file": path.name,
        "content": content,
        "window": _told(window, account) if window else None,
        "as_of": iso(span.as_of),
        "made_at": iso(now),
    }


def _territories(
    session: Session,
    account: Account,
    object_type: ObjectType,
    span: _Span,
    window: Window | None,
    folder: Path,
    content: Content,
    now: datetime,
) -> ExportResult:
    """Territories are maps whatever the account's format: one KML per level and a GeoJSON, which is the file of the result."""
    from import_pipeline.exporting.territories import territory_rows, write_territories

    rows = territory_rows(session, object_type, at=span.at, since=span.since)
    path = folder / file_name(object_type.name, span.label, "geojson")
    told = _facts(account, object_type, path, span, window, content, now) | {"format": "kml and geojson", "rows": rows.height}
    path, manifest = write_territories(rows, object_type, span.label, folder, told)
    return ExportResult(path, manifest, rows.height, sha256_of(path))


def _span(session: Session, window: Window | None, at: datetime | None, content: Content, now: datetime) -> _Span:
    """The state asked for; PermanentFailure when it is no past or present one."""
    for moment in (at, now):
        if moment is not None and moment.tzinfo is None:
            raise PermanentFailure(f"{moment} has no time zone; a moment of an export needs one")
    if window is not None:
        if at is not None:
            raise PermanentFailure("an export is of a window or of a moment, not of both")
        if window.end > now:
            raise PermanentFailure(f"{window.label} ends at {iso(window.end)}, after now ({iso(now)}); only what has ended is exported")
        last = window.end - TICK
        return _Span(window.label, last, last, window.start if content == "changes" else None)
    if content == "changes":
        raise PermanentFailure("an export of changes needs a window, such as a day; without one only a snapshot can be exported")
    if at is None:
        return _Span(f"{now.astimezone(UTC):%Y-%m-%dT%H%M%SZ}", latest(session, now))
    return _Span(moment_label(at), at, at)


def moment_label(at: datetime) -> str:
    """A moment in a file's name: 2026-11-20T170500Z, with six digits more where it has a fraction of a second.

    Right before and right after a job are a tick apart: without the fraction the two would be one file.
    """
    moment = at.astimezone(UTC)
    return f"{moment:%Y-%m-%dT%H%M%S}{f'.{moment:%f}' if moment.microsecond else ''}Z"


def _copy(session: Session, account: Account, object_type: ObjectType, span: _Span, format: ExportFormat, target: Path) -> int:
    """Writes the data file and returns its rows. DuckDB streams it and sorts on the disk when memory is short."""
    select, moments = _select(session, account, object_type, span, format)
    copied = session.one(f"COPY ({select}) TO {literal(str(target))} ({COPY_OPTIONS[format]}, USE_TMP_FILE false)", moments)
    return int(copied or 0)


def _select(
    session: Session, account: Account, object_type: ObjectType, span: _Span, format: ExportFormat
) -> tuple[str, dict[str, datetime] | None]:
    """The SELECT of the file's columns and the moments it binds. It gives no rows when the store does not have the type."""
    stored, hanging = stored_columns(session, object_type), hanging_of(session, object_type, account.territory_type)
    if not stored:
        nothing = [(column, f"CAST(NULL AS {sql_type(column.spec)})") for column, _ in people_columns(object_type, stored, hanging)]
        return f"SELECT {_written(nothing, format, account.timezone)} WHERE false", None
    moments = {name: moment for name, moment in (("at", span.at), ("since", span.since)) if moment}
    select = _written(people_columns(object_type, stored, hanging), format, account.timezone)
    where = "r._valid_from >= $since" if span.since else "true"
    return people_sql(object_type, select, stored, hanging, as_of=span.at is not None, where=where), moments or None


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
    start, end = iso(window.start), iso(window.end)
    return {"cadence": window.cadence, "label": window.label, "start": start, "end": end, "timezone": account.timezone}
