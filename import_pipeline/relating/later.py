"""What later rows gave, of the records that late rows found: values that a late row may not set (acceptance B-7).

Belongs here: choosing the entries of the store's lineage that rule over a late row, and what they gave. Does not belong here: making
late rows and blanking them (late.py), the masks themselves (given.py).

Every row of an import that found its record has an entry. An entry rules over a late row when it is of another delivery with a later
moment. A row that had waited also yields to the entries behind it in its own delivery; a replayed one does not, because its whole
delivery comes again. A delivery's moment is that of its first change set, whatever change set carried the entry.
Entries of jobs that are undone, and of rows that wait again, rule over nothing; neither do undos. An entry of several passes of one row
counts once for each pass: what any of them gave was set by it.
Entries written before there were masks gave all that the record held then, where they changed it, and else nothing.
"""

from import_pipeline.relating.given import bits_of, mask_columns
from import_pipeline.relating.rows import pos_sql
from import_pipeline.relating.work import Work
from import_pipeline.store.names import Tables, ident, idents, literal
from import_pipeline.store.schema import WHOLE
from import_pipeline.store.undos import cancelled_jobs, undos_of


def find_protected(work: Work) -> int:
    """Table `protected(_seq, _p0 …)`: which values of its record later rows gave, in the order of mask_columns; returns its rows.

    Late rows that no entry rules over are not in it. Needs `placed`, `late_jobs` and `known_jobs` (late.py).
    """
    if not work.make(
        "late_targets",
        """
        SELECT p._seq, p.target, p._job < 0 AS waited, j.id AS job, j.delivery, j.moment, j.place
        FROM placed p JOIN late_jobs j ON j.number = p._job
        WHERE p.target IS NOT NULL
        """,
    ):
        return 0
    _make_versions(work)
    if not _sum_entries(work):
        return 0
    _read_columns(work)
    flags = ", ".join(
        f"bool_or(CASE WHEN g.whole THEN v._id IS NULL OR v.{ident(k)} IS NOT NULL ELSE g.given & coalesce(b._b{i}, 0) <> 0 END) AS _p{i}"
        for i, k in enumerate(mask_columns(work.object_type))
    )
    return work.make(
        "protected",
        f"""
        SELECT g._seq, {flags}
        FROM gave g
        LEFT JOIN bits b ON b.listed = g.listed
        LEFT JOIN versions v ON v._id = g.record AND v._version = g.version
        GROUP BY g._seq
        """,
    )


def _make_versions(work: Work) -> None:
    """View `versions`: all versions of the records that late rows found. Table `spans(_id, _version, since, until)`: when each was
    valid; the version is null before the oldest one where older ones are past their retention."""
    tables, keys = Tables(work.object_type), mask_columns(work.object_type)
    columns, touched = f"_id, _version, _valid_from, {idents(keys)}", "(SELECT target FROM late_targets)"
    work.view(
        "versions",
        f"""
        SELECT {columns}, CAST('infinity' AS TIMESTAMPTZ) AS _valid_to FROM {tables.current} WHERE _id IN {touched}
        UNION ALL
        SELECT {columns}, _valid_to FROM {tables.history} WHERE _id IN {touched}
        """,
    )
    work.make(
        "spans",
        """
        SELECT _id, _version, _valid_from AS since, _valid_to AS until FROM versions
        UNION ALL
        SELECT _id, CAST(NULL AS BIGINT), CAST('-infinity' AS TIMESTAMPTZ), min(_valid_from)
        FROM versions
        GROUP BY _id HAVING min(_version) > 1
        """,
    )


def _sum_entries(work: Work) -> int:
    """Table `gave(_seq, record, listed, whole, version, given)`: the entries that rule over each late row, summed.

    `listed` are the columns of `given`, a mask. Where `whole`, all that `version` of the record held was given; a version that is past
    its retention is null.
    """
    undos = undos_of(work.session)
    values = {"jobs": sorted(cancelled_jobs(undos))} if undos else None
    # A record may have an entry of each of many deliveries: they are summed as they are read, never kept.
    work.empty("gave", "_seq BIGINT, record BIGINT, listed VARCHAR, whole BOOLEAN, version BIGINT, given BIGINT")
    work.add(
        "gave",
        f"""
        SELECT _seq, record, listed, false, CAST(NULL AS BIGINT), bit_or(mask)
        FROM ({_ruling(work, cancelled=bool(undos))})
        WHERE mask <> {WHOLE}
        GROUP BY _seq, record, listed
        """,
        values,
    )
    work.add(
        "gave",
        f"""
        SELECT DISTINCT e._seq, e.record, CAST(NULL AS VARCHAR), true, s._version, CAST(NULL AS BIGINT)
        FROM ({_ruling(work, cancelled=bool(undos))}) e
        JOIN spans s ON s._id = e.record AND s.since <= e.stamp AND s.until > e.stamp
        WHERE e.mask = {WHOLE}
        """,
        values,
    )
    return work.size("gave")


def _ruling(work: Work, *, cancelled: bool) -> str:
    """SELECT of `_seq`, `record`, `listed`, `stamp`, `mask` of the entries that rule over each late row. Binds `$jobs` if `cancelled`."""
    behind = f"CASE WHEN l.job = r.job THEN l.pos > {pos_sql('r._seq')} ELSE coalesce(k.number > r.place, true) END"
    mask = f"CASE WHEN l.given IS NULL AND l.action = 'unchanged' THEN 0 ELSE coalesce(l.given, {WHOLE}) END"
    waits = f"SELECT _job, _pos, _change_set FROM {Tables(work.object_type).released} WHERE _undone_by IS NOT NULL"
    return f"""
        SELECT r._seq, l.record, s."columns" AS listed, s.stamp, {mask} AS mask
        FROM late_targets r
        JOIN store._lineage l ON l.record = r.target
        JOIN store._change_sets s ON s.id = l.change_set
        JOIN known_jobs k ON k.id = l.job
        WHERE l.type = {literal(work.object_type.slug)} AND l.action IN ('create', 'update', 'unchanged')
            AND CASE WHEN k.delivery = r.delivery THEN r.waited AND {behind} ELSE k.moment > r.moment END
            AND (l.job, l.pos, l.change_set) NOT IN ({waits}) {"AND NOT list_contains($jobs, l.job)" if cancelled else ""}
        """


def _read_columns(work: Work) -> None:
    """Table `bits(listed, _b0 …)`: the bit of each of the type's columns in masks of change sets with these columns."""
    keys = mask_columns(work.object_type)
    names = [f"_b{i}" for i in range(len(keys))]
    work.empty("bits", f"listed VARCHAR, {', '.join(f'{name} BIGINT' for name in names)}")
    lists = [listed for (listed,) in work.session.run("SELECT DISTINCT listed FROM gave WHERE NOT whole AND listed IS NOT NULL ORDER BY 1")]
    for listed in lists:
        work.add("bits", f"SELECT ?, {', '.join(map(str, bits_of(listed, keys)))}", [listed])
