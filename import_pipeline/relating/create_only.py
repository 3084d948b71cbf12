"""Files that only create records: what a row gives to a record that exists, or that an earlier row makes, counts for nothing.

Belongs here: taking those rows' values away before rows are folded and compared (acceptance E-6, A-11). Does not belong here: which
record a row means (match.py, groups.py), updates (compare.py).
"""

from import_pipeline.relating.work import Work
from import_pipeline.store.names import data_columns, ident, updatable


def silence(work: Work) -> None:
    """Rows of `placed` that make no record give none of the values that an update may set: they are «unchanged»."""
    keys = [c.key for c in data_columns(work.object_type) if updatable(c) and c.role != "external_id" and c.key in work.given]
    if not keys or not work.size("placed_rows"):
        return
    work.make("silent", "SELECT _seq FROM placed_rows WHERE target IS NOT NULL OR lead <> _seq")
    if not work.size("silent"):
        return
    work.make("given_rows", "SELECT * FROM wide")
    blanked = ", ".join(f"CASE WHEN s._seq IS NULL THEN g.{ident(key)} END AS {ident(key)}" for key in keys)
    work.view("wide", f"SELECT g.* REPLACE ({blanked}) FROM given_rows g LEFT JOIN silent s ON s._seq = g._seq")
