"""Names of the segments that supporters were imported into.

Belongs here: reading and setting them. Does not belong here: who is in a segment (the record store).
"""

from datetime import datetime

from sqlalchemy import Connection

from import_pipeline.ledger import meta


def names(conn: Connection, account: str) -> dict[str, str]:
    """Name by id of the account's segments, in the order in which they came."""
    return dict(meta.read(conn, _key(account)) or {})


def name(conn: Connection, account: str, segment: str, given: str, *, now: datetime) -> None:
    """Names a segment; without a name a new one is called like its id, and one that is known keeps its name (acceptance E-8)."""
    known = names(conn, account)
    wanted = given or known.get(segment, segment)
    if known.get(segment) != wanted:
        meta.write(conn, _key(account), known | {segment: wanted}, now=now)


def _key(account: str) -> str:
    return f"segments/{account}"
