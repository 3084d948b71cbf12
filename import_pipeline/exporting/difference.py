"""The difference between two moments as a file: what was created, what changed old → new, what was deleted (acceptance B-9).

Belongs here: the lines of that file and their order. Does not belong here: what a person means by a moment (moments.py), how a value is
written (values.py).
The file has one line per field, in order of record ids and then of the template's columns. A created record has a line for its
RecordID and one for each other field that has a value, all with `old` empty; a deleted one the same with `new` empty. So the state at
the first moment and the file give the state at the second. What changed and changed back in between is no difference, and a record
that was deleted and restored in between differs by its fields alone.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from import_pipeline.exporting.export import COPY_OPTIONS, moment_label
from import_pipeline.exporting.files import file_name, hidden, publish, sha256_of, write_manifest
from import_pipeline.exporting.states import check_state, iso
from import_pipeline.exporting.values import moment_sql, text_sql
from import_pipeline.failures import PermanentFailure
from import_pipeline.model.account import Account, ExportFormat
from import_pipeline.model.object_type import ObjectType
from import_pipeline.store.names import Tables, data_columns, ident, idents, literal
from import_pipeline.store.records import people_columns, stored_columns
from import_pipeline.store.session import Session

COLUMNS = ("change", "record_id", "external_id", "column", "old", "new", "changed_at", "job", "line")
"""`change` is created, changed or deleted. `changed_at`, `job` and `line` tell of the version that gave the field its new value; of a
deleted record, when and by which job it was deleted (no line)."""


@dataclass(frozen=True)
class Difference:
    """What was written: the file, its manifest, its lines and its hash; and how many records were created, changed (with how many
    fields) and deleted."""

    path: Path
    manifest: Path
    created: int
    changed: int
    fields: int
    deleted: int
    lines: int
    sha256: str


def diff_name(object_type: ObjectType, start: datetime, end: datetime, format: ExportFormat) -> str:
    """`diff_Contact_2026-11-20T170500Z_2026-11-21T170500Z.csv`; it begins with no type's name, because it is no file to import."""
    return file_name(f"diff_{object_type.name}", f"{moment_label(start)}_{moment_label(end)}", format)


def diff_type(
    session: Session,
    account: Account,
    object_type: ObjectType,
    start: datetime,
    end: datetime,
    path: Path,
    *,
    format: ExportFormat,
    now: datetime,
) -> Difference:
    """Writes to `path` what differs between the states at `start` and at `end`, with a manifest beside it.

    The same two moments give the same bytes whenever it is made. Only records with a version that began or ended in between are read.
    Raises PermanentFailure when `start` is after `end`, or a state cannot be read (states.py), and TransientFailure while an import of
    that time is half applied.
    """
    if start > end:
        raise PermanentFailure(f"{iso(start)} is after {iso(end)}: give the earlier moment first")
    for moment in (start, end):
        check_state(session, account, object_type, moment, now)
    found = _Found(session, account, object_type, start, end)
    counts = found.make()
    with ExitStack() as stack:
        written = stack.enter_context(hidden(path))
        copy = f"COPY ({found.lines(format)}) TO {literal(str(written))} ({COPY_OPTIONS[format]}, USE_TMP_FILE false)"
        with _one_thread(session):
            lines = int(session.one(copy) or 0)
        size, sha256 = written.stat().st_size, sha256_of(written)
        publish(written, path)
    told = {
        "account": account.name,
        "type": object_type.name,
        "file": path.name,
        "content": "difference",
        "from": iso(start),
        "to": iso(end),
        "format": format,
        "columns": COLUMNS,
        **counts,
        "lines": lines,
        "bytes": size,
        "sha256": sha256,
        "made_at": iso(now),
    }
    return Difference(path, write_manifest(path, told), lines=lines, sha256=sha256, **counts)


@contextmanager
def _one_thread(session: Session) -> Iterator[None]:
    """Several threads would each hold the lines of a whole row group of records to bring them into order: twice the memory (measured:
    1.3 GB instead of 0.7 for 1 million created records) and no time gained."""
    threads = int(session.one("SELECT current_setting('threads')"))
    session.run("SET threads = 1")
    try:
        yield
    finally:
        session.run(f"SET threads = {threads}")


class _Found:
    """The scratch tables of one difference, and the statements that make and read them.

    `difference` has one row per record that differs: `was` and `is_` tell at which of the two moments it is there, `o0` … and `n0` …
    are its values as text. `givers` has, of records with several versions in between, the version behind each field.
    """

    def __init__(self, session: Session, account: Account, object_type: ObjectType, start: datetime, end: datetime) -> None:
        self.session, self.object_type = session, object_type
        self.moments = {"start": start, "end": end}
        stored = stored_columns(session, object_type)
        self.empty = not stored
        shown = people_columns(object_type, stored)
        self.columns = [column for column, _ in shown]
        self._texts = [text_sql(column, value, account.timezone) for column, value in shown]
        self._data = [c.key for c in data_columns(object_type) if c.key.casefold() in stored]
        self._numbers = range(len(shown))

    def make(self) -> dict[str, int]:
        """Makes the tables and returns the counts of a Difference."""
        if self.empty:
            return dict.fromkeys(("created", "changed", "fields", "deleted"), 0)
        differs = " OR ".join(f"a.v{i} IS DISTINCT FROM b.v{i}" for i in self._numbers)
        self._create("ended", self._ended())
        self._create(
            "difference",
            f"""
            SELECT coalesce(a._id, b._id) AS _id, a._id IS NOT NULL AS was, b._id IS NOT NULL AS is_,
                coalesce(b._valid_from, e.moment) AS moment, CASE WHEN b._id IS NULL THEN e.job ELSE b._job END AS job, b._line AS line,
                {", ".join(f"a.v{i} AS o{i}, b.v{i} AS n{i}" for i in self._numbers)}
            FROM ({self._side(self._before())}) a
            FULL JOIN ({self._side(self._after())}) b ON b._id = a._id
            LEFT JOIN ended e ON e._id = a._id
            WHERE {differs}
            """,
        )
        several = self._create(
            "several",
            f"""
            SELECT _id FROM ({self._versions("_valid_from > $start AND _valid_from <= $end", ["_id"])})
            WHERE _id IN (SELECT _id FROM difference WHERE is_)
            GROUP BY _id HAVING count(*) > 1
            """,
        )
        if several:
            self._create("givers", self._givers())
        self._several = bool(several)
        fields = " + ".join(f"CAST(o{i} IS DISTINCT FROM n{i} AS BIGINT)" for i in self._numbers)
        (counts,) = self.session.rows(
            f"""
            SELECT count(*) FILTER (NOT was) AS created, count(*) FILTER (was AND is_) AS changed,
                CAST(coalesce(sum({fields}) FILTER (was AND is_), 0) AS BIGINT) AS fields, count(*) FILTER (NOT is_) AS deleted
            FROM difference
            """
        )
        return counts

    def lines(self, format: ExportFormat) -> str:
        """SELECT of the file's lines in order."""
        if self.empty:
            nothing = {c: "BIGINT" if c == "line" else "TIMESTAMPTZ" if c == "changed_at" else "VARCHAR" for c in COLUMNS}
            made = ", ".join(f"CAST(NULL AS {kind}) AS {ident(c)}" for c, kind in nothing.items())
            return _written(f"SELECT {made} WHERE false", format)
        external = self.object_type.column_of_role("external_id")
        key = next((i for i in self._numbers if external and self.columns[i].key == external.key), None)
        given = [f"name := {literal(self.columns[i].key)}, old := o{i}, new := n{i}" for i in self._numbers]
        source = {"changed_at": "moment", "job": "job", "line": "line"}
        if self._several:
            # All three come from one version: a giver without line must not take the line of another.
            given = [f"{entry}, giver := g{i}" for i, entry in enumerate(given)]
            source = {c: f"CASE WHEN f.giver IS NULL THEN {v} ELSE f.giver.{v} END" for c, v in source.items()}
        # The records are sorted and not their lines, which are many times as many: DuckDB unnests rows in the order in which they come.
        records = f"SELECT * FROM difference {'LEFT JOIN givers USING (_id)' if self._several else ''} ORDER BY _id"
        fields = f"""
            SELECT CASE WHEN NOT was THEN 'created' WHEN is_ THEN 'changed' ELSE 'deleted' END AS change,
                coalesce(n{self._record}, o{self._record}) AS record_id,
                {f"coalesce(n{key}, o{key})" if key is not None else "CAST(NULL AS VARCHAR)"} AS external_id,
                moment, job, line, unnest([{", ".join(f"struct_pack({entry})" for entry in given)}]) AS f
            FROM ({records})
        """
        made = ", ".join(f"{value} AS {column}" for column, value in source.items())
        return _written(
            f"""
            SELECT change, record_id, external_id, f.name AS "column", f.old AS old, f.new AS new, {made}
            FROM ({fields}) WHERE f.old IS DISTINCT FROM f.new
            """,
            format,
        )

    @property
    def _record(self) -> int:
        """The number of the column of record ids."""
        return next(i for i in self._numbers if self.columns[i].role == "record_id")

    def _create(self, name: str, select: str) -> int:
        bound = {k: v for k, v in self.moments.items() if f"${k}" in select}
        return int(self.session.one(f"CREATE OR REPLACE TEMP TABLE {name} AS {select}", bound or None) or 0)

    def _before(self) -> str:
        """Versions valid at the start that have ended at the end. They are superseded: none is current."""
        where = "_valid_from <= $start AND _valid_to > $start AND _valid_to <= $end"
        return f"SELECT {self._listed()} FROM {Tables(self.object_type).history} WHERE {where}"

    def _after(self) -> str:
        """Versions valid at the end that began after the start."""
        return self._versions("_valid_from > $start AND _valid_from <= $end", None, "_valid_to > $end")

    def _ended(self) -> str:
        """Of each record when its last version in between ended, and by which job; of a deleted record that is its deletion."""
        last = "max(_valid_to) AS moment, max_by(struct_pack(job := _ended_by), _valid_to).job AS job"
        where = "_valid_to > $start AND _valid_to <= $end"
        return f"SELECT _id, {last} FROM {Tables(self.object_type).history} WHERE {where} GROUP BY _id"

    def _versions(self, where: str, columns: list[str] | None, of_history: str = "true") -> str:
        """Current and superseded versions; `of_history` narrows the latter."""
        tables, listed = Tables(self.object_type), idents(columns) if columns else self._listed()
        return (
            f"SELECT {listed} FROM {tables.current} WHERE {where} UNION ALL "
            f"SELECT {listed} FROM {tables.history} WHERE {where} AND {of_history}"
        )

    def _listed(self) -> str:
        return idents(["_id", "_parent_id", "_pin_id", "_valid_from", "_job", "_line", *self._data])

    def _side(self, versions: str) -> str:
        """Versions with their values as people see them, as text `v0` …."""
        pins = "LEFT JOIN store._pins p ON p._id = r._pin_id" if self.object_type.pin else ""
        texts = ", ".join(f"{text} AS v{i}" for i, text in enumerate(self._texts))
        return f"SELECT r._id, r._valid_from, r._job, r._line, {texts} FROM ({versions}) r {pins}"

    def _givers(self) -> str:
        """Of each record in `several`, for each column, the latest version that gave it another value than it had before. Of a column
        that differs between the two moments it is one in between."""
        mine = "_id IN (SELECT _id FROM several)"
        began = f"(_valid_from > $start AND _valid_from <= $end) AND {mine}"
        source = self._side(f"{self._versions(began, None)} UNION ALL {self._before()} AND {mine}")
        gave = ", ".join(f"v{i} IS DISTINCT FROM lag(v{i}) OVER (PARTITION BY _id ORDER BY _valid_from) AS c{i}" for i in self._numbers)
        version = "struct_pack(moment := _valid_from, job := _job, line := _line)"
        latest = ", ".join(f"max_by({version}, _valid_from) FILTER (c{i}) AS g{i}" for i in self._numbers)
        return f"SELECT _id, {latest} FROM (SELECT *, {gave} FROM ({source})) GROUP BY _id"


def _written(select: str, format: ExportFormat) -> str:
    """The lines as the format has them: moments as text in CSV and JSON, JSON as one column of finished text."""
    if format == "parquet":
        return select
    as_text = f"SELECT * REPLACE ({moment_sql('changed_at')} AS changed_at) FROM ({select})"
    if format == "csv":
        return as_text
    pairs = ", ".join(f"{ident(c)} := {ident(c)}" for c in COLUMNS)
    return f"SELECT CAST(to_json(struct_pack({pairs})) AS VARCHAR) AS line FROM ({as_text})"
