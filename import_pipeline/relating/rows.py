"""The rows that a change set is made of: this delivery's validated rows and parked rows whose parent has come.

Belongs here: the views and narrow tables that the later steps join. Does not belong here: deciding anything about a row.

All steps work on these scratch tables of one session:
  wide      one row per validated row: `_seq`, lineage and every data column of the type (missing ones as NULL)
  released  parked rows of the store whose parent exists by now, in the columns of `wide`; their job numbers are negative
  narrow    one row per row of both: keys only (`rid`, `ext`, `parent_ref`, `ext_pin`, `address_key`, `missing`, rule keys `k0 …`)
`_seq` is job number × 2^40 + position: the order of arrival, parked rows first. It travels in the data, never in the row order.
"""

from collections.abc import Sequence
from pathlib import Path

from import_pipeline.model.columns import ADDRESS_COLUMNS
from import_pipeline.model.object_type import EXTERNAL_PIN_ID, PIN, RECORD_ID, ObjectType
from import_pipeline.store.names import Tables, ident, idents, inward_sql, literal, sql_type
from import_pipeline.store.session import Session

SEQ = "CAST(_job AS BIGINT) * 1099511627776 + _pos"
MISSING_MARK = "\x1f"
"""Between the names of missing columns in `narrow.missing`."""


def given_columns(object_type: ObjectType) -> dict[str, str]:
    """Every column a row may give, with its SQL type, in the type's order."""
    return {c.key: sql_type(c.spec) for c in object_type.columns if c.key != "Address Line"}


def normal_sql(key: str, object_type: ObjectType) -> str:
    """SQL for a value as matching rules compare it: phones by digits, all other text without case and extra blanks."""
    column = ident(key)
    if object_type.column(key).spec.type == "Phone":
        return f"nullif(regexp_replace({column}, '[^0-9]', '', 'g'), '')"
    return f"nullif(regexp_replace(lower(trim(CAST({column} AS VARCHAR))), '\\s+', ' ', 'g'), '')"


def address_key_sql() -> str:
    """SQL for an address as one comparable text, null when no part of it is given. Coordinates do not count."""
    parts = [c for c in ADDRESS_COLUMNS if c not in ("Lat", "Lng")]
    one = [f"coalesce(trim(regexp_replace(lower({ident(p)}), '[\\s.,]+', ' ', 'g')), '')" for p in parts]
    joined = " || '|' || ".join(one)
    return f"nullif({joined}, {literal('|' * (len(parts) - 1))})"


def rule_key_sql(rule: Sequence[str], object_type: ObjectType) -> str:
    """SQL for the key of one matching rule, null when one of its columns is blank."""
    parts = ["address_key" if name == PIN else normal_sql(name, object_type) for name in rule]
    return " || chr(31) || ".join(parts)


def make_wide(session: Session, object_type: ObjectType, parts: Sequence[Path], present: set[str]) -> None:
    """The view `wide` over the validated parts."""
    columns = given_columns(object_type)
    if parts:
        listed = ", ".join(literal(str(p)) for p in parts)
        values = ", ".join(ident(k) if k in present else f"CAST(NULL AS {t}) AS {ident(k)}" for k, t in columns.items())
        session.run(
            f"CREATE OR REPLACE TEMP VIEW wide AS SELECT {SEQ} AS _seq, _job, _line, _end, _pos, {values} FROM read_parquet([{listed}])"
        )
        return
    nothing = ", ".join(f"CAST(NULL AS {t}) AS {ident(k)}" for k, t in columns.items())
    session.run(
        "CREATE OR REPLACE TEMP VIEW wide AS SELECT CAST(0 AS BIGINT) AS _seq, CAST(0 AS INTEGER) AS _job, CAST(0 AS BIGINT) AS _line, "
        f"CAST(0 AS BIGINT) AS _end, CAST(0 AS BIGINT) AS _pos, {nothing} WHERE false"
    )


def make_released(session: Session, object_type: ObjectType, parent: ObjectType | None) -> None:
    """The table `released`: parked rows whose parent is in the store by now, and `released_jobs` with their jobs' (negative) numbers."""
    tables = Tables(object_type)
    columns = idents(list(given_columns(object_type)))
    if parent is None or not object_type.parent:
        session.run(
            f"CREATE OR REPLACE TEMP TABLE released AS SELECT * FROM (SELECT _seq, _job, _line, _end, _pos, {columns} FROM wide) LIMIT 0"
        )
        session.run("CREATE OR REPLACE TEMP TABLE released_jobs(number INTEGER, id VARCHAR)")
        return
    above, ref = Tables(parent), f"p.{ident(object_type.parent.column)}"
    found = (
        f"EXISTS (SELECT 1 FROM {above.current} a WHERE a._id = ({inward_sql(ref)})) "
        f"OR EXISTS (SELECT 1 FROM {above.current} a WHERE a.{ident(parent.external_id)} = {ref})"
    )
    session.run(f"CREATE OR REPLACE TEMP TABLE waiting AS SELECT p.* FROM {tables.parked} p WHERE {found}")
    session.run(
        "CREATE OR REPLACE TEMP TABLE released_jobs AS SELECT CAST(-row_number() OVER (ORDER BY first DESC, _job DESC) AS INTEGER) AS number, "
        "_job AS id FROM (SELECT _job, min(_parked_at) AS first FROM waiting GROUP BY _job)"
    )
    session.run(
        f"CREATE OR REPLACE TEMP TABLE released AS SELECT {SEQ.replace('_job', 'j.number')} AS _seq, j.number AS _job, w._line, w._end, w._pos, "
        f"{columns} FROM waiting w JOIN released_jobs j ON j.id = w._job"
    )


def make_narrow(session: Session, object_type: ObjectType, *, fresh: bool) -> int:
    """The table `narrow`; returns its number of rows. With `fresh` false (a replay) no row may overwrite a stored value."""
    ext = ident(object_type.external_id)
    parent = ident(object_type.parent.column) if object_type.parent else "NULL"
    pin = ident(EXTERNAL_PIN_ID) if object_type.pin else "NULL"
    address = address_key_sql() if object_type.pin else "NULL"
    needed = [c.key for c in object_type.columns if c.spec.required]
    missing = ", ".join(f"CASE WHEN {ident(k)} IS NULL THEN {literal(k)} END" for k in needed)
    keys = "".join(f", CAST({rule_key_sql(r, object_type)} AS VARCHAR) AS k{i}" for i, r in enumerate(object_type.match))
    base = (
        "SELECT _seq, _job, _line, _end, _pos, {fresh} AS fresh, "
        f"{ident(RECORD_ID)} AS rid, {ext} AS ext, CAST({parent} AS VARCHAR) AS parent_ref, CAST({pin} AS VARCHAR) AS ext_pin, "
        f"CAST({address} AS VARCHAR) AS address_key, {f'concat_ws(chr(31), {missing})' if needed else chr(39) * 2} AS missing"
        "{columns} FROM {table}"
    )
    used = {c for r in object_type.match for c in r if c != PIN}
    extra = "".join(f", {ident(c)} AS {ident('match ' + c)}" for c in sorted(used))
    inner = {t: base.format(fresh=f, columns=extra, table=t) for t, f in (("wide", str(fresh).lower()), ("released", "false"))}
    for c in used:
        keys = keys.replace(ident(c), ident("match " + c))
    session.run(
        "CREATE OR REPLACE TEMP TABLE narrow AS SELECT _seq, _job, _line, _end, _pos, fresh, rid, ext, parent_ref, ext_pin, address_key, missing"
        f"{keys} FROM ({inner['wide']} UNION ALL {inner['released']})"
    )
    return int(session.one("SELECT count(*) FROM narrow") or 0)
