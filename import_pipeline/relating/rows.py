"""The rows that a change set is made of: this delivery's validated rows and parked rows whose parent has come.

Belongs here: the views and the narrow table that the later steps join, and how values are made comparable.
Does not belong here: deciding anything about a row; parked and replayed rows (late.py).

All steps work on these scratch tables of one session:
  wide    one row per validated row: `_seq`, lineage and every column a row may give (those no file gives as NULL)
  narrow  one row per row of `wide` and `released`: `_seq`, `_job`, `_line`, `_end` and keys: `rid`, `ext`, `parent_ref`, `ext_pin`,
          `address_key`, `complete` (no required value is missing), `k0`, `k1` … (one per matching rule)
`_seq` is job number × 2^40 + position: the order of arrival. Released rows have negative job numbers; those of deliveries that came
after a replayed one have 2^62 added and so stand behind its rows. It travels in the data, never in the row order.
Columns of these tables that are not the type's own begin with `_` or stand in tables without any of the type's: fields may have
every other name.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import polars as pl

from import_pipeline.model.columns import ADDRESS_COLUMNS
from import_pipeline.model.object_type import EXTERNAL_PIN_ID, PIN, RECORD_ID, ObjectType
from import_pipeline.relating.work import Work
from import_pipeline.store.names import given_columns, ident, idents, literal
from import_pipeline.store.session import Session
from import_pipeline.store.staging import JOB, LINEAGE

SEQ_STEP = 1 << 40
BEHIND = 1 << 62
"""Added to the `_seq` of released rows that come behind the delivery's own."""
LINEAGE_NAMES = tuple(LINEAGE)


def seq_sql(job: str) -> str:
    """SQL for `_seq` of a row with the job number `job` at position `_pos`."""
    return f"CAST({job} AS BIGINT) * {SEQ_STEP} + _pos"


def pos_sql(seq: str) -> str:
    """SQL for the position of the row with the `_seq` `seq`."""
    return f"({seq} & {SEQ_STEP - 1})"


def columns_of(parts: Iterable[Path]) -> tuple[frozenset[str], bool]:
    """The data columns that the validated parts hold together, and whether all parts have the same ones."""
    schemas = {tuple(pl.read_parquet_schema(part)) for part in parts}
    return frozenset(name for schema in schemas for name in schema) - set(LINEAGE), len(schemas) <= 1


def make_wide(session: Session, object_type: ObjectType, parts: Sequence[Path]) -> frozenset[str]:
    """The view `wide` over the validated parts; returns the columns that they hold."""
    present, alike = columns_of(parts)
    values = ",\n    ".join(
        ident(key) if key in present else f"CAST(NULL AS {kind}) AS {ident(key)}" for key, kind in given_columns(object_type).items()
    )
    if parts:
        listed = ", ".join(literal(str(part)) for part in parts)
        source = f"SELECT * FROM read_parquet([{listed}], union_by_name = {str(not alike).lower()})"
    else:
        none = ", ".join(f"CAST(0 AS {'INTEGER' if name == JOB else 'BIGINT'}) AS {name}" for name in LINEAGE)
        source = f"SELECT {none} LIMIT 0"
    session.run(
        f"""
        CREATE OR REPLACE TEMP VIEW wide AS
        SELECT {seq_sql("_job")} AS _seq, {idents(LINEAGE_NAMES)}, {values}
        FROM ({source})
        """
    )
    return present


def normal_sql(key: str, object_type: ObjectType, table: str = "") -> str:
    """SQL for a value as matching rules compare it: phones by digits, all other text without case and extra blanks."""
    column = (f"{table}." if table else "") + ident(key)
    if object_type.column(key).spec.type == "Phone":
        return f"nullif(regexp_replace({column}, '[^0-9]', '', 'g'), '')"
    text = f"lower(trim(CAST({column} AS VARCHAR)))"
    blanks = f"regexp_matches({text}, '\\s\\s|[^\\S ]')"
    return f"nullif(CASE WHEN {blanks} THEN trim(regexp_replace({text}, '\\s+', ' ', 'g')) ELSE {text} END, '')"


def address_key_sql() -> str:
    """SQL for an address as one comparable text; the coordinates when no part of it is given; null when they are not given either."""
    parts = [c for c in ADDRESS_COLUMNS if c not in ("Lat", "Lng")]
    joined = " || '|' || ".join(f"coalesce(trim(regexp_replace(lower({ident(p)}), '[\\s.,]+', ' ', 'g')), '')" for p in parts)
    return f"coalesce(nullif({joined}, {literal('|' * (len(parts) - 1))}), '@' || {ident('Lat')} || ',' || {ident('Lng')})"


def rule_key_sql(rule: Sequence[str], object_type: ObjectType, *, table: str = "", address: str = "") -> str:
    """SQL for the key of one matching rule, null when one of its columns is blank. `address` is SQL for the address key."""
    parts = [(address or address_key_sql()) if name == PIN else normal_sql(name, object_type, table) for name in rule]
    return " || chr(31) || ".join(parts)


def usable_rules(work: Work) -> list[tuple[int, tuple[str, ...]]]:
    """(number, columns) of the matching rules whose columns the rows give."""
    places = any(c in work.given for c in ADDRESS_COLUMNS)
    return [(i, rule) for i, rule in enumerate(work.object_type.match) if all(places if n == PIN else n in work.given for n in rule)]


def make_narrow(work: Work) -> int:
    """The table `narrow`; returns its number of rows."""
    keys = {name: (sql, kind) for name, (sql, kind, used) in _keys(work).items() if used}
    listed = "".join(f",\n    CAST({sql} AS {kind}) AS {name}" for name, (sql, kind) in keys.items())
    one = f"SELECT _seq, _job, _line, _end{listed}"
    both = f"{one} FROM wide" + (f" UNION ALL {one} FROM released" if work.size("released") else "")
    work.make("narrow_rows", both)
    absent = "".join(f", CAST(NULL AS {kind}) AS {name}" for name, (_, kind, used) in _keys(work).items() if not used)
    work.view("narrow", f"SELECT *{absent} FROM narrow_rows")
    work.sizes["narrow"] = work.size("narrow_rows")
    return work.size("narrow")


def _keys(work: Work) -> dict[str, tuple[str, str, bool]]:
    """name: (SQL, type, whether the rows can have it) of every key of `narrow`."""
    object_type, given = work.object_type, work.given
    required = [c.key for c in object_type.columns if c.spec.required]
    usable = {number for number, _ in usable_rules(work)}
    found = {
        "rid": (ident(RECORD_ID), "VARCHAR", RECORD_ID in given),
        "ext": (work.external_id, "VARCHAR", object_type.external_id in given),
        "parent_ref": (ident(work.parent_column or ""), "VARCHAR", work.parent_column is not None),
        "ext_pin": (ident(EXTERNAL_PIN_ID), "VARCHAR", object_type.pin and EXTERNAL_PIN_ID in given),
        "address_key": (address_key_sql(), "VARCHAR", object_type.pin and any(c in given for c in ADDRESS_COLUMNS)),
        "complete": (" AND ".join(f"{ident(k)} IS NOT NULL" for k in required) or "true", "BOOLEAN", True),
    }
    rules = {f"k{i}": (rule_key_sql(rule, object_type), "VARCHAR", i in usable) for i, rule in enumerate(object_type.match)}
    return found | rules
