"""The change set of a file that redeems: each row makes one record, which tells how much of which reward it consumes (acceptance A-7).

Belongs here: what a row may consume, and which rewards give it. Does not belong here: writing (applying/), the names of the fields
(model/reward.py).

The rules. Only the value asked for is read, in the unit of the row; it must be positive and is cut, not rounded, at the unit's decimals
(10.556 → 10.55). A row without a value asks for nothing. Rewards of the row's owner that have this unit and are AVAILABLE are consumed in
the order of dateExpires, then dateGiven. A row that asks for more than is left for it consumes nothing and is refused; the rows after it
are judged as if it were not there. What is left of a reward is its value less what stored redemptions tell: an undone redemption is no
record any more, so its values are available again.

All amounts are whole numbers of millionths. The rows of one owner and unit stand on a line, each from where the one before it ends;
so do the rewards. What lies above each other on the two lines is consumed: no loop over rows, but for owners who ask for too much.

Tables made here:
  narrow      as rows.py's, with `ext`, `parent_ref`, `unit`, `asked` (millionths, cut) and `digits` (the unit's decimals)
  rewards     `owner`, `unit`, `name` (external id), `low`, `high`: its place on the line of what is left
  asking      `_seq`, `owner`, `unit`, `asked`, `low`, `high`: the rows that get what they ask for
  operated    as in deletion.py; folded, tellers: as groups.py and compare.py make them
"""

from import_pipeline.model import reward
from import_pipeline.relating import parents, rows
from import_pipeline.relating.findings import live, refuse
from import_pipeline.relating.rows import pos_sql
from import_pipeline.relating.work import Work
from import_pipeline.store.names import Tables, data_columns, ident, literal, sql_type
from import_pipeline.store.schema import WHOLE
from import_pipeline.store.staging import StageFolder

_ONE = 10**reward.DECIMALS
_STATED = "regexp_replace(CAST(n.stated AS VARCHAR), '[.]?0+$', '')"
"""SQL for the value that a row asks for, without noughts at its end."""


def compute(work: Work, validated: StageFolder) -> None:
    """All tables of this module, and the findings."""
    work.given = rows.make_wide(work.session, work.object_type, validated.parts())
    _make_narrow(work)
    _refuse_unusable(work)
    parents.find_parents(work)
    _find_settled_before(work)
    _lay_rewards(work)
    _find_asking(work)
    _allocate(work)


def _make_narrow(work: Work) -> None:
    digits = " ".join(f"WHEN {literal(unit)} THEN {places}" for unit, places in work.order.fractions.items())
    usual = reward.USUAL_FRACTION
    places = f"CASE {ident(reward.UNIT)} {digits} ELSE {usual} END" if digits else str(usual)
    parent = ident(work.parent_column) if work.parent_column else "CAST(NULL AS VARCHAR)"
    work.make(
        "narrow_rows",
        f"""
        SELECT * REPLACE (asked - asked % CAST(pow(10, {reward.DECIMALS} - digits) AS BIGINT) AS asked)
        FROM (
            SELECT _seq, _job, _line, _end, {work.external_id} AS ext, {parent} AS parent_ref, {ident(reward.UNIT)} AS unit,
                {ident(reward.ASKED)} AS stated, CAST({ident(reward.ASKED)} * {_ONE} AS BIGINT) AS asked, {places} AS digits
            FROM wide
        )
        """,
    )
    work.view("narrow", "SELECT * FROM narrow_rows")
    work.sizes["narrow"] = work.size("narrow_rows")


def _refuse_unusable(work: Work) -> None:
    """A row that asks for nothing is settled as unchanged; one that lacks who or what, or asks for nothing positive, is refused."""
    work.add("settled", "SELECT _seq, 'unchanged' FROM narrow WHERE asked IS NULL")
    for column in work.object_type.columns:
        if column.spec.required:
            refuse(
                work,
                "required",
                seq="w._seq",
                column=literal(column.key),
                value="NULL",
                expected="'a value'",
                source=f"FROM wide w WHERE w.{ident(column.key)} IS NULL AND {live(work, 'w')}",
            )
    smallest = "CASE WHEN n.digits = 0 THEN '1' ELSE '0.' || repeat('0', n.digits - 1) || '1' END"
    refuse(
        work,
        "not_positive",
        seq="n._seq",
        column=literal(reward.ASKED),
        value=_STATED,
        expected=f"'at least ' || {smallest} || ' ' || n.unit",
        source=f"FROM narrow n WHERE n.asked <= 0 AND {live(work, 'n')}",
    )


def _find_settled_before(work: Work) -> None:
    """Rows that redeemed in an earlier pass, and those whose own id was redeemed before: they change nothing."""
    met = f"""
        SELECT n._seq, t._id FROM narrow n JOIN {work.current} t ON t.{work.external_id} = n.ext WHERE {live(work, "n")}
        """
    work.make("met", met)
    if work.replay:
        work.add(
            "met",
            f"""
            SELECT n._seq, max(l.record)
            FROM narrow n
            JOIN job_ids j ON j.number = n._job
            JOIN store._lineage l ON l.job = j.id AND l.pos = {pos_sql("n._seq")} AND l.type = {literal(work.object_type.slug)}
            WHERE l.record IS NOT NULL AND {live(work, "n")} AND n._seq NOT IN (SELECT _seq FROM met)
            GROUP BY n._seq
            """,
        )


def _lay_rewards(work: Work) -> None:
    """Table `rewards`."""
    owned = work.order.rewards
    assert owned is not None
    used = f"""
        SELECT entry.key AS name, CAST(sum(CAST(entry.value AS DECIMAL(18, {reward.DECIMALS})) * {_ONE}) AS BIGINT) AS used
        FROM (
            SELECT unnest(map_entries(CAST(CAST({ident(reward.CONSUMED)} AS JSON) AS MAP(VARCHAR, VARCHAR)))) AS entry
            FROM {work.current} WHERE {ident(reward.CONSUMED)} IS NOT NULL
        )
        GROUP BY 1
        """
    work.make(
        "rewards",
        f"""
        SELECT owner, unit, name, CAST(high - left_over AS BIGINT) AS low, CAST(high AS BIGINT) AS high
        FROM (
            SELECT *, sum(left_over) OVER (PARTITION BY owner, unit ORDER BY expires NULLS LAST, given NULLS LAST, _id) AS high
            FROM (
                SELECT r._id, r._parent_id AS owner, r.{ident(reward.UNIT)} AS unit, r.{ident(owned.external_id)} AS name,
                    r.{ident(reward.EXPIRES)} AS expires, r.{ident(reward.GIVEN)} AS given,
                    CAST(r.{ident(reward.VALUE)} * {_ONE} AS BIGINT) - coalesce(u.used, 0) AS left_over
                FROM {Tables(owned).current} r
                LEFT JOIN ({used}) u ON u.name = r.{ident(owned.external_id)}
                WHERE r.{ident(reward.STATUS)} = {literal(reward.AVAILABLE)} AND r._parent_id IN (SELECT id FROM parents)
            )
            WHERE left_over > 0 AND name IS NOT NULL
        )
        """,
    )


def _find_asking(work: Work) -> None:
    """Table `asking`; refuses rows for which nothing is available, or not enough."""
    work.make(
        "wanting",
        f"""
        SELECT n._seq, p.id AS owner, n.unit, n.asked, b.total
        FROM narrow n
        JOIN parents p ON p.ref = n.parent_ref
        LEFT JOIN (SELECT owner, unit, max(high) AS total FROM rewards GROUP BY owner, unit) b ON b.owner = p.id AND b.unit = n.unit
        WHERE {live(work, "n")} AND n._seq NOT IN (SELECT _seq FROM met)
        QUALIFY n.ext IS NULL OR row_number() OVER (PARTITION BY n.ext ORDER BY n._seq) = 1
        """,
    )
    work.make("overdrawn", _overdrawn(work))
    expected = f"'at most ' || {_amount('o.rest', 'n.digits')} || ' ' || n.unit || ', which is available'"
    for code, words, some in (("nothing_available", "'an available reward in ' || n.unit", "NOT"), ("not_enough", expected, "")):
        refuse(
            work,
            code,
            seq="n._seq",
            column=literal(reward.ASKED),
            value=_STATED,
            expected=words,
            source=f"FROM narrow n JOIN overdrawn o ON o._seq = n._seq WHERE {some} o.offered",
        )
    work.make(
        "asking",
        """
        SELECT *, CAST(high - asked AS BIGINT) AS low
        FROM (
            SELECT _seq, owner, unit, asked, CAST(sum(asked) OVER (PARTITION BY owner, unit ORDER BY _seq) AS BIGINT) AS high
            FROM wanting WHERE _seq NOT IN (SELECT _seq FROM overdrawn)
        )
        """,
    )


def _overdrawn(work: Work) -> str:
    """SELECT of `_seq`, `rest` (what is left for the row) and `offered` (false: no reward of the unit) of rows that ask for too much.

    Only an owner's rows that together ask for more than there is have a say in each other, and are judged one after the other.
    """
    judged: list[tuple[int, int, bool]] = []
    place: tuple[int, str] | None = None
    rest = 0
    for seq, owner, unit, asked, total in work.session.run(
        """
        SELECT _seq, owner, unit, asked, total FROM wanting
        WHERE (owner, unit) IN (SELECT (owner, unit) FROM wanting GROUP BY owner, unit HAVING sum(asked) > coalesce(max(total), 0))
        ORDER BY owner, unit, _seq
        """
    ):
        if place != (owner, unit):
            place, rest = (owner, unit), total or 0
        if asked > rest:
            judged.append((seq, rest, total is not None))
        else:
            rest -= asked
    work.empty("found_overdrawn", "_seq BIGINT, rest BIGINT, offered BOOLEAN")
    if judged:
        seqs, rests, offered = (list(column) for column in zip(*judged, strict=True))
        select = "SELECT unnest(CAST($seqs AS BIGINT[])), unnest(CAST($rests AS BIGINT[])), unnest(CAST($offered AS BOOLEAN[]))"
        work.add("found_overdrawn", select, {"seqs": seqs, "rests": rests, "offered": offered})
    return "SELECT * FROM found_overdrawn"


def _amount(millionths: str, digits: str) -> str:
    """SQL for an amount as text, with the unit's decimals."""
    text = f"printf('%d.%06d', ({millionths}) // {_ONE}, ({millionths}) % {_ONE})"
    return f"left({text}, length({text}) - {reward.DECIMALS} + {digits} - CASE WHEN {digits} = 0 THEN 1 ELSE 0 END)"


def _allocate(work: Work) -> None:
    """Tables `operated`, `folded` and `tellers`: one new record for each row that asks, with what it consumes."""
    first = int(work.one("SELECT next_id FROM store._lock"))
    taken = _amount("least(a.high, r.high) - greatest(a.low, r.low)", "n.digits")
    work.make(
        "allocated",
        f"""
        SELECT a._seq, '{{' || string_agg(CAST(to_json(r.name) AS VARCHAR) || ':"' || {taken} || '"', ',' ORDER BY r.low)
            || '}}' AS consumed
        FROM asking a
        JOIN narrow n ON n._seq = a._seq
        JOIN rewards r ON r.owner = a.owner AND r.unit = a.unit AND r.low < a.high AND a.low < r.high
        GROUP BY a._seq
        """,
    )
    work.make(
        "operated",
        f"""
        SELECT n._seq, n._job, n._line, coalesce({first} - 1 + a.place, m._id) AS id,
            CASE WHEN a._seq IS NULL THEN 'unchanged' ELSE 'create' END AS action, a._seq IS NOT NULL AS tells,
            a._seq IS NOT NULL AS folded, CAST(CASE WHEN a._seq IS NOT NULL THEN {WHOLE} END AS BIGINT) AS given, a.owner AS parent_id
        FROM narrow n
        LEFT JOIN (SELECT _seq, owner, row_number() OVER (ORDER BY _seq) AS place FROM asking) a ON a._seq = n._seq
        LEFT JOIN met m ON m._seq = n._seq
        WHERE {live(work, "n")}
        """,
    )
    made = {reward.CONSUMED: "c.consumed", reward.REDEEMED: f"CAST({_amount('k.asked', 'n.digits')} AS DECIMAL(18, {reward.DECIMALS}))"}
    columns = data_columns(work.object_type)
    values = ", ".join(f"CAST({made.get(c.key, 'w.' + ident(c.key))} AS {sql_type(c.spec)}) AS {ident(c.key)}" for c in columns)
    work.make(
        "folded",
        f"""
        SELECT o.id AS _id, o.parent_id AS _parent_id, o._seq AS _first, {values}
        FROM operated o
        JOIN wide w ON w._seq = o._seq
        JOIN narrow n ON n._seq = o._seq
        JOIN asking k ON k._seq = o._seq
        JOIN allocated c ON c._seq = o._seq
        WHERE o.tells
        """,
    )
    work.given |= {c.key for c in columns}
    work.make("tellers", "SELECT _seq, id, action FROM operated WHERE tells")
