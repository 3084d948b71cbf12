"""What relating finds wrong with a row, and which rows are settled by it.

Belongs here: the scratch tables `problems` (row errors and warnings) and `settled` (rows that take no further part), and writing
to them. Does not belong here: the rules that find a problem.
"""

from import_pipeline.model.row_error import CODES
from import_pipeline.relating.work import Work
from import_pipeline.store.names import literal

VALUE_SHOWN = 200
"""Characters of a value that a row error repeats."""


def make_findings(work: Work) -> None:
    """Empty `problems(_seq, code, severity, column, value, expected, suggestion)` and `settled(_seq, action)`."""
    work.empty(
        "problems",
        '_seq BIGINT, code VARCHAR, severity VARCHAR, "column" VARCHAR, value VARCHAR, expected VARCHAR, suggestion VARCHAR',
    )
    work.empty("settled", "_seq BIGINT, action VARCHAR")


def find(work: Work, code: str, *, seq: str, column: str, value: str, expected: str, source: str) -> int:
    """Books a problem for the rows that `source` (a FROM clause) gives; the others are SQL expressions. Returns how many."""
    return work.add(
        "problems",
        f"""
        SELECT {seq}, {literal(code)}, {literal(CODES[code].severity)}, {column}, left({value}, {VALUE_SHOWN}), {expected}, NULL
        {source}
        """,
    )


def refuse(work: Work, code: str, *, seq: str, column: str, value: str, expected: str, source: str) -> None:
    """Books a problem and settles its rows as refused. Rows that are settled already must not be among them."""
    if find(work, code, seq=seq, column=column, value=value, expected=expected, source=source):
        work.add(
            "settled",
            f"SELECT DISTINCT _seq, 'refuse' FROM problems p WHERE code = {literal(code)} AND _seq NOT IN (SELECT _seq FROM settled)",
        )


def live(work: Work, alias: str) -> str:
    """SQL condition: the row `alias` is not settled. Empty tables cost no join."""
    return f"{alias}._seq NOT IN (SELECT _seq FROM settled)" if work.size("settled") else "true"
