"""Which rows have a say in each other's matching, and matching them in order.

Belongs here: finding those rows on whole columns, handing them to in_order.py, booking what came out. Does not belong here: the
matching itself.

Two rows may have a say in each other when they share the key of a rule and one of them has no external id, when both would give the
same stored record its external id, or when they share an external id and one of them is such a row. In a file whose rows have
external ids, or whose keys differ, there are none.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from import_pipeline.relating.findings import live, refuse
from import_pipeline.relating.in_order import Hit, Outcome, Row, match_in_order
from import_pipeline.relating.match import one_of, rule_name, shown_key
from import_pipeline.relating.rows import usable_rules
from import_pipeline.relating.work import Work
from import_pipeline.store.names import literal


def untangle(work: Work) -> None:
    """Tables `tangled(_seq)` and `in_order(_seq, target, lead)`: the rows of this kind, and what became of those not refused."""
    if not _find_tangled(work):
        return
    rules = usable_rules(work)
    outcome = match_in_order(_rows(work), len(rules))
    seqs, targets, leads = zip(*outcome.placed, strict=True) if outcome.placed else ((), (), ())
    work.empty("in_order", "_seq BIGINT, target BIGINT, lead BIGINT")
    work.add(
        "in_order",
        "SELECT unnest(CAST($seqs AS BIGINT[])), unnest(CAST($targets AS BIGINT[])), unnest(CAST($leads AS BIGINT[]))",
        {"seqs": list(seqs), "targets": list(targets), "leads": list(leads)},
    )
    _refuse(work, outcome, [(number, rule_name(rule)) for number, rule in rules])


def _find_tangled(work: Work) -> int:
    """Tables `linked` (found by keys and records) and `tangled` (with the rows that share an external id with those)."""
    work.empty("linked", "_seq BIGINT")
    if work.size("open_rows"):
        for number, _ in usable_rules(work):
            _link_by_key(work, f"k{number}")
    _link_by_record(work)
    if not work.size("linked"):
        return 0
    return work.make(
        "tangled",
        f"""
        SELECT _seq FROM linked
        UNION
        SELECT n._seq
        FROM narrow n
        WHERE n.ext IN (SELECT m.ext FROM narrow m JOIN linked l ON l._seq = m._seq) AND {live(work, "n")}
        """,
    )


def _link_by_key(work: Work, key: str) -> None:
    """Rows that share a key, one of them at least without an external id, and one without a target."""
    work.add(
        "linked",
        f"""
        WITH shared AS (
            SELECT {key} AS key FROM narrow n
            WHERE {key} IS NOT NULL AND {live(work, "n")}
            GROUP BY {key} HAVING count(*) > 1 AND count(*) > count(ext)
        )
        SELECT n._seq
        FROM narrow n JOIN shared s ON s.key = n.{key}
        WHERE {live(work, "n")} AND s.key IN (SELECT {key} FROM open_rows)
        """,
    )


def _link_by_record(work: Work) -> None:
    """Rows with an external id of their own that would give it to a record which another such row names too, or whose id others give."""
    givers = f"""
        SELECT b._seq, b.target AS id
        FROM by_id b JOIN narrow n ON n._seq = b._seq
        WHERE b.record_ext IS NULL AND n.ext IS NOT NULL AND {live(work, "n")}
        """
    if work.size("hits"):
        givers += " UNION SELECT h._seq, h.id FROM hits h JOIN narrow n ON n._seq = h._seq WHERE n.ext IS NOT NULL"
    elif "RecordID" not in work.given and not work.replay:
        return
    if work.make("givers", givers):
        work.add(
            "linked",
            """
            SELECT _seq FROM givers WHERE id IN (SELECT id FROM givers GROUP BY id HAVING count(DISTINCT _seq) > 1)
            UNION
            SELECT g._seq
            FROM givers g JOIN narrow n ON n._seq = g._seq
            WHERE n.ext IN (SELECT ext FROM narrow GROUP BY ext HAVING count(*) > 1)
            """,
        )


def _rows(work: Work) -> Iterator[Row]:
    numbers = [number for number, _ in usable_rules(work)]
    place = {number: i for i, number in enumerate(numbers)}
    hits: dict[int, dict[int, list[Hit]]] = defaultdict(lambda: defaultdict(list))
    for seq, rule, record, free, name in work.session.run(
        "SELECT _seq, rule, id, free, name FROM hits WHERE _seq IN (SELECT _seq FROM tangled) ORDER BY _seq, rule, id"
    ):
        hits[seq][place[rule]].append(Hit(record, free, name))
    keys = "".join(f", k{number}" for number in numbers)
    found: list[tuple[Any, ...]] = work.session.run(
        f"""
        SELECT n._seq, n._line, b.target, b.record_ext, n.rid IS NOT NULL, n.ext, n.complete{keys}
        FROM narrow n
        JOIN tangled t ON t._seq = n._seq
        LEFT JOIN by_id b ON b._seq = n._seq
        ORDER BY n._seq
        """
    )
    for seq, line, target, record_ext, by_record_id, ext, complete, *given in found:
        yield Row(seq, line, target, record_ext, by_record_id, ext, complete, tuple(given), hits.get(seq, {}))


def _refuse(work: Work, outcome: Outcome, rules: list[tuple[int, str]]) -> None:
    """Books the refusals. Rows that lack a required value are told by groups.py, with all others of their kind."""
    work.empty("lacking", "_seq BIGINT")
    if outcome.required:
        work.add("lacking", "SELECT unnest(CAST($seqs AS BIGINT[]))", {"seqs": outcome.required})
    if outcome.conflicts:
        work.empty("conflicts", "_seq BIGINT")
        work.add("conflicts", "SELECT unnest(CAST($seqs AS BIGINT[]))", {"seqs": outcome.conflicts})
        refuse(
            work,
            "id_conflict",
            seq="n._seq",
            column="'RecordID'",
            value="n.rid",
            expected="'the same record as the external id ' || n.ext",
            source="FROM narrow n JOIN conflicts c ON c._seq = n._seq",
        )
    if not outcome.ambiguous:
        return
    seqs, places, names = (list(values) for values in zip(*outcome.ambiguous, strict=True))
    work.empty("several_fit", "_seq BIGINT, place INTEGER, names VARCHAR")
    work.add(
        "several_fit",
        "SELECT unnest(CAST($seqs AS BIGINT[])), unnest(CAST($places AS INTEGER[])), unnest(CAST($names AS VARCHAR[]))",
        {"seqs": seqs, "places": places, "names": names},
    )
    for place, (number, name) in enumerate(rules):
        refuse(
            work,
            "ambiguous_match",
            seq="n._seq",
            column=literal(name),
            value=shown_key(f"n.k{number}"),
            expected=one_of("f.names"),
            source=f"FROM several_fit f JOIN narrow n ON n._seq = f._seq WHERE f.place = {place}",
        )
