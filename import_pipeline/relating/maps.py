"""Map fields in an update: the keys given are set, the others stay (model/field.py).

Belongs here: laying what rows give over what is stored, before rows are folded and compared. Does not belong here: how a Map is written
as text (parsing/gathering.py), create-only Maps, which need no merging.

After `merge` the last row that changes a record's Map gives the whole new one, rows before it that change something give what they gave,
all others none: the steps that follow can take it for a value like any other, and count each row by what it would have done row by row.
Equal Maps have equal texts.

Tables made here:
  mapped  `id` of the records whose Map is not simply what one row gives
  merged  `_seq`, `c0`, `m0`, `c1` … of the rows of these records: whether the row changes the Map, and in the last such row the whole
"""

from import_pipeline.relating.work import Work
from import_pipeline.store.names import data_columns, ident, updatable

_STORED = -(1 << 62)
"""As `_seq`: before every row."""


def merge(work: Work) -> None:
    """Both tables, and the view `every_row` with the merged Maps. Late rows must be known (late.py)."""
    names = [ident(c.key) for c in data_columns(work.object_type) if c.spec.type == "Map" and updatable(c) and c.key in work.given]
    if not names or not _find_mapped(work, names):
        return
    for number, name in enumerate(names):
        _merge_one(work, number, name)
    columns = "".join(f", e{i}._seq IS NOT NULL AS c{i}, e{i}.merged AS m{i}" for i in range(len(names)))
    joins = " ".join(f"LEFT JOIN merged_{i} e{i} ON e{i}._seq = p._seq" for i in range(len(names)))
    work.make("merged", f"SELECT p._seq{columns} FROM placed p JOIN mapped x ON x.id = p.id {joins}")
    replaced = ", ".join(
        f"CASE WHEN m._seq IS NULL THEN w.{name} WHEN m.c{i} THEN coalesce(m.m{i}, w.{name}) END AS {name}" for i, name in enumerate(names)
    )
    before = work.views["every_row"]
    work.view("every_row", f"SELECT w.* REPLACE ({replaced}) FROM ({before}) w LEFT JOIN merged m ON m._seq = w._seq")


def _find_mapped(work: Work, names: list[str]) -> int:
    given = " OR ".join(f"r.{name} IS NOT NULL" for name in names)
    differs = " OR ".join(f"(r.{name} IS NOT NULL AND r.{name} <> t.{name})" for name in names)
    return work.make(
        "mapped",
        f"""
        SELECT p.id
        FROM placed p JOIN every_row r ON r._seq = p._seq JOIN {work.current} t ON t._id = p.target
        WHERE {differs}
        UNION
        SELECT p.id
        FROM placed p JOIN every_row r ON r._seq = p._seq
        WHERE p.id IN (SELECT id FROM placed GROUP BY id HAVING count(*) > 1) AND ({given})
        """,
    )


def _merge_one(work: Work, number: int, name: str) -> None:
    """Table `merged_<number>(_seq, merged)`: the rows that change this Map of their record, the last of each with the whole of it."""

    def entries(text: str) -> str:
        return f"unnest(map_entries(CAST(CAST({text} AS JSON) AS MAP(VARCHAR, VARCHAR))))"

    work.make(
        "map_entries_given",
        f"""
        SELECT id, _seq, entry.key AS key, entry.value AS value,
            entry.value IS DISTINCT FROM lag(entry.value) OVER (PARTITION BY id, entry.key ORDER BY _seq) AS changes
        FROM (
            SELECT p.id, r._seq, {entries(f"r.{name}")} AS entry
            FROM placed p JOIN mapped x ON x.id = p.id JOIN every_row r ON r._seq = p._seq
            WHERE r.{name} IS NOT NULL
            UNION ALL
            SELECT t._id, {_STORED}, {entries(f"t.{name}")}
            FROM {work.current} t JOIN mapped x ON x.id = t._id
            WHERE t.{name} IS NOT NULL
        )
        """,
    )
    work.make(
        f"merged_{number}",
        f"""
        SELECT c._seq, CASE WHEN c._seq = max(c._seq) OVER (PARTITION BY c.id) THEN w.whole END AS merged
        FROM (SELECT DISTINCT id, _seq FROM map_entries_given WHERE changes AND _seq > {_STORED}) c
        JOIN (
            SELECT id, '{{' || string_agg(CAST(to_json(key) AS VARCHAR) || ':' || CAST(to_json(value) AS VARCHAR), ',' ORDER BY key)
                || '}}' AS whole
            FROM (SELECT id, key, arg_max(value, _seq) AS value FROM map_entries_given GROUP BY id, key)
            GROUP BY id
        ) w ON w.id = c.id
        """,
    )
