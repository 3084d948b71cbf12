"""How many rows of each object type wait for their parent (acceptance S-7, B-4).

Belongs here: statements on `parked`. Does not belong here: the parked rows themselves (the record store keeps them).
"""

from sqlalchemy import Connection, delete, insert, select

from import_pipeline.ledger.schema import parked


def set_open(conn: Connection, account: str, object_type: str, rows: int) -> None:
    """Tells how many rows of the type wait now; 0 takes the type off the list."""
    conn.execute(delete(parked).where(parked.c.account == account, parked.c.object_type == object_type))
    if rows > 0:
        conn.execute(insert(parked).values(account=account, object_type=object_type, open_rows=rows))


def open_types(conn: Connection, account: str) -> dict[str, int]:
    """Object types with waiting rows, and how many."""
    found = conn.execute(select(parked.c.object_type, parked.c.open_rows).where(parked.c.account == account))
    return {row.object_type: row.open_rows for row in found}
