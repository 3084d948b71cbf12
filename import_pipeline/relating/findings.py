"""What relating finds wrong with a row, and which rows are settled by it.

Belongs here: the scratch tables `problems` (row errors and warnings) and `settled` (rows that take no further part), and writing
to them. Does not belong here: the rules that find a problem.
"""

from import_pipeline.model.row_error import CODES
from import_pipeline.store.names import literal
from import_pipeline.store.session import Session


def make_findings(session: Session) -> None:
    """Empty `problems(_seq, code, severity, column, value, expected, suggestion)` and `settled(_seq, action)`."""
    session.run(
        'CREATE OR REPLACE TEMP TABLE problems(_seq BIGINT, code VARCHAR, severity VARCHAR, "column" VARCHAR, value VARCHAR, '
        "expected VARCHAR, suggestion VARCHAR)"
    )
    session.run("CREATE OR REPLACE TEMP TABLE settled(_seq BIGINT, action VARCHAR)")


def refuse(session: Session, code: str, column: str, value: str, expected: str, source: str) -> None:
    """Refuses the rows that `source` (a FROM clause whose row alias `i` has `_seq`) gives; the other arguments are SQL expressions."""
    severity = CODES[code].severity
    session.run(
        f"INSERT INTO problems SELECT i._seq, {literal(code)}, {literal(severity)}, {column}, left({value}, 200), {expected}, NULL {source}"
    )
    session.run(
        "INSERT INTO settled SELECT DISTINCT p._seq, 'refuse' FROM problems p WHERE p.code = ? "
        "AND NOT EXISTS (SELECT 1 FROM settled s WHERE s._seq = p._seq)",
        [code],
    )
