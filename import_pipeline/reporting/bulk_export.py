"""The bulk export of transactions in the layout of Engaging Networks (systems.md 1.3, acceptance E-7, E-11).

Belongs here: which transactions it holds, and how they are written. Does not belong here: requests for it
(gateway/http/engaging_networks/), exports of records as an import reads them back (exporting/).

Participations that were imported with supporters are not stored as transactions: each is derived from the supporter who has it and from
the moment when the value came. So an undo of the import takes it away, and a replay doubles nothing. Answers to questions make none.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from import_pipeline.exporting.states import refuse_half_applied
from import_pipeline.exporting.values import moment_sql, text_sql
from import_pipeline.exporting.windows import TICK
from import_pipeline.model.account import Account
from import_pipeline.model.field import FieldSpec
from import_pipeline.model.giving import LAYOUT, OPT_IN_CODES, RECORD_COLUMNS, SUPPORTER, TRANSACTION
from import_pipeline.model.object_type import ObjectType
from import_pipeline.reporting.segments import member_sql
from import_pipeline.settings import Settings
from import_pipeline.store.names import Tables, ident, literal, outward_sql
from import_pipeline.store.records import stored_columns
from import_pipeline.store.session import Session, open_store

_PROLOG = '<?xml version="1.0" encoding="UTF-8"?>\n<rows>\n'
_WHO = ("Account ID", "Supporter ID", "Supporter Email", "Date Created", "Date Modified", "Campaign Number")
"""Columns that the export makes, whatever a transaction holds."""


@dataclass(frozen=True)
class Wanted:
    """Transactions created or modified from `start` to before `end`. `standard` has the layout's columns only, without an account's own."""

    start: datetime
    end: datetime
    xml: bool = False
    standard: bool = False
    delimiter: str = ","


def columns_of(account: Account, *, standard: bool) -> tuple[str, ...]:
    """The columns of the export in order: the layout, and behind it the other fields of transactions unless `standard`."""
    own = (f.name for f in account.object_type(TRANSACTION).fields if f.name not in LAYOUT)
    return (*LAYOUT, *(() if standard else own))


def write_export(settings: Settings, account: Account, wanted: Wanted, path: Path, *, segment: str | None = None) -> None:
    """Writes the export, oldest first; with `segment` of its members only. Raises TransientFailure while the store is in use."""
    columns = columns_of(account, standard=wanted.standard)
    with open_store(settings, account.name) as session:
        inner = _select(session, account, wanted, columns, segment)
        if not wanted.xml:
            options = f"FORMAT csv, HEADER true, DELIMITER {literal(wanted.delimiter)}, QUOTE '\"', ESCAPE '\"', NULLSTR ''"
            session.run(f"COPY ({inner}) TO {literal(str(path))} ({options})")
            return
        rows = path.with_suffix(".rows")
        try:
            told = " || ".join(_element(column) for column in columns)
            text = f"SELECT '<row>' || {told} || '</row>' FROM ({inner})"
            session.run(f"COPY ({text}) TO {literal(str(rows))} (FORMAT csv, HEADER false, DELIMITER '\x1f', QUOTE '', ESCAPE '')")
            with path.open("wb") as out, rows.open("rb") as made:
                out.write(_PROLOG.encode())
                shutil.copyfileobj(made, out)
                out.write(b"</rows>\n")
        finally:
            rows.unlink(missing_ok=True)


def _element(column: str) -> str:
    """SQL for one value as an element, nothing without a value; characters that XML cannot hold are left out."""
    text = f"regexp_replace({ident(column)}, '[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f]', '', 'g')"
    for sign, written in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = f"replace({text}, '{sign}', '{written}')"
    name = column.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    opened = literal(f'<field name="{name}">')
    return f"coalesce({opened} || {text} || '</field>', '')"


def _select(session: Session, account: Account, wanted: Wanted, columns: Sequence[str], segment: str | None) -> str:
    """SELECT of all columns as text."""
    supporter, transaction = account.object_type(SUPPORTER), account.object_type(TRANSACTION)
    people, done = stored_columns(session, supporter), stored_columns(session, transaction)
    if not people:
        return f"SELECT {', '.join(f'CAST(NULL AS VARCHAR) AS {ident(c)}' for c in columns)} LIMIT 0"
    for object_type in (supporter, transaction):
        refuse_half_applied(session, object_type, None)
    own = [f for f in transaction.fields if f.name in columns and f.name not in _WHO]
    sources = [_imported(transaction, own, done, account.timezone)] if done else []
    sources += [_participations(supporter, f, own, account) for f in supporter.fields if f.participation and f.name.casefold() in people]
    if not sources:
        return f"SELECT {', '.join(f'CAST(NULL AS VARCHAR) AS {ident(c)}' for c in columns)} LIMIT 0"
    shown = {
        "Account ID": literal(account.name),
        "Supporter ID": outward_sql("s._id"),
        "Supporter Email": f"s.{ident(supporter.external_id)}",
        "Date Created": moment_sql("t._created"),
        "Date Modified": moment_sql("t._modified"),
        "Campaign Number": "'0'",
        **{c: f"s.{ident(c)}" for c in RECORD_COLUMNS if c.casefold() in people},
        **{f.name: f"t.{ident(f.name)}" for f in own},
    }
    select = ", ".join(f"{shown.get(c, 'CAST(NULL AS VARCHAR)')} AS {ident(c)}" for c in columns)
    start, end = literal(wanted.start.isoformat()), literal((wanted.end - TICK).isoformat())
    span = f"BETWEEN TIMESTAMPTZ {start} AND TIMESTAMPTZ {end}"
    within = "true" if segment is None else member_sql(segment, "s")
    return f"""
        SELECT {select}
        FROM ({" UNION ALL ".join(sources)}) t
        JOIN {Tables(supporter).current} s ON s._id = t._supporter
        WHERE (t._created {span} OR t._modified {span}) AND {within}
        ORDER BY t._created, t._supporter, t._id
        """


def _imported(transaction: ObjectType, own: Sequence[FieldSpec], stored: frozenset[str], timezone: str) -> str:
    """Transactions that were imported, but for answers to questions."""

    def shown(name: str) -> str:
        kept = name.casefold() in stored
        value = text_sql(transaction.column(name), f"r.{ident(name)}", timezone) if kept else "CAST(NULL AS VARCHAR)"
        return f"{value} AS {ident(name)}"

    kinds = ", ".join(literal(code) for code in OPT_IN_CODES)
    head = "r._id AS _id, r._parent_id AS _supporter, r._created_at AS _created, r._valid_from AS _modified"
    listed = ", ".join([head, *(shown(f.name) for f in own)])
    return f'SELECT {listed} FROM {Tables(transaction).current} r WHERE coalesce(r."Campaign Type" NOT IN ({kinds}), true)'


def _participations(supporter: ObjectType, field: FieldSpec, own: Sequence[FieldSpec], account: Account) -> str:
    """One transaction for each supporter who takes part, since the moment that the value came and has stayed."""
    page = field.participation
    assert page is not None
    tables, zone = Tables(supporter), literal(account.timezone)
    made = {
        "Campaign Type": literal(page.type),
        "Campaign ID": literal(page.campaign),
        "Campaign Date": f"strftime(timezone({zone}, v._since), '%Y-%m-%d')",
        "Campaign Time": f"strftime(timezone({zone}, v._since), '%H:%M:%S')",
        "Campaign Status": "'P'",
    }
    listed = ", ".join(f"{made.get(f.name, 'CAST(NULL AS VARCHAR)')} AS {ident(f.name)}" for f in own)
    versions = " UNION ALL ".join(
        f"SELECT _id, _valid_from, {ident(field.name)} IS NOT DISTINCT FROM 'P' AS _takes FROM {table}"
        for table in (tables.current, tables.history)
    )
    return f"""
        SELECT v._id AS _id, v._id AS _supporter, v._since AS _created, v._since AS _modified, {listed}
        FROM (
            SELECT _id, min(_valid_from) AS _since
            FROM (
                SELECT _id, _valid_from, _takes, max(_valid_from) FILTER (NOT _takes) OVER (PARTITION BY _id) AS _without
                FROM ({versions})
            )
            WHERE _takes AND (_without IS NULL OR _valid_from > _without)
            GROUP BY _id
        ) v
        JOIN {tables.current} c ON c._id = v._id AND c.{ident(field.name)} = 'P'
        """
