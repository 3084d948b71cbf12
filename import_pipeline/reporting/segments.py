"""Segments of supporters: how many members each has, and the members of one (acceptance E-8).

Belongs here: reading them from the record store. Does not belong here: their names (ledger/segments.py), who gets into one (the field
that a format fills, model/giving.py).
"""

from pathlib import Path

from import_pipeline.exporting.states import refuse_half_applied
from import_pipeline.exporting.values import text_sql
from import_pipeline.model.account import Account
from import_pipeline.model.giving import SEGMENTS, SUPPORTER
from import_pipeline.settings import Settings
from import_pipeline.store.names import Tables, ident, literal
from import_pipeline.store.records import people_columns, people_sql, stored_columns
from import_pipeline.store.session import open_store


def member_sql(segment: str, table: str) -> str:
    """SQL condition: the supporter in `table` is a member of the segment."""
    return f"list_contains(json_keys(CAST({table}.{ident(SEGMENTS)} AS JSON)), {literal(segment)})"


def members_by_segment(settings: Settings, account: Account) -> list[tuple[str, int]]:
    """(segment id, members) of the segments that have any. Raises TransientFailure while the store is in use."""
    supporter = account.object_type(SUPPORTER)
    with open_store(settings, account.name) as session:
        if SEGMENTS.casefold() not in stored_columns(session, supporter):
            return []
        refuse_half_applied(session, supporter, None)
        keys = f"SELECT unnest(json_keys(CAST({ident(SEGMENTS)} AS JSON))) AS id FROM {Tables(supporter).current}"
        return [(str(key), int(count)) for key, count in session.run(f"SELECT id, count(*) FROM ({keys}) GROUP BY id ORDER BY id")]


def write_members(settings: Settings, account: Account, segment: str, path: Path) -> None:
    """Writes the members of a segment as CSV in the columns of a supporter, in order of their ids; the file imports back unchanged."""
    supporter = account.object_type(SUPPORTER)
    with open_store(settings, account.name) as session:
        stored = stored_columns(session, supporter)
        if SEGMENTS.casefold() not in stored:
            path.write_text("", encoding="utf-8")
            return
        refuse_half_applied(session, supporter, None)
        columns = [(c, value) for c, value in people_columns(supporter, stored) if c.spec.type != "Map"]
        select = ", ".join(f"{text_sql(c, value, account.timezone)} AS {ident(c.key)}" for c, value in columns)
        inner = people_sql(supporter, select, stored, where=member_sql(segment, "r"))
        session.run(f"COPY ({inner}) TO {literal(str(path))} (FORMAT csv, HEADER true, NULLSTR '')")
