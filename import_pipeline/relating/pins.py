"""The pin of a new record: the place that records share through ExternalPinId or through their address.

Belongs here: finding and making pins (acceptance S-6). Does not belong here: addresses in matching rules (match.py).

Row by row: a new record whose creating row gives an ExternalPinId hangs on the pin with this id, whatever the address text says; one
that gives only an address hangs on the oldest pin at this address. Where there is no such pin, the row makes it. A pin keeps the
address it was made with, and a record keeps its pin: an update moves neither.
"""

from import_pipeline.model.columns import ADDRESS_COLUMNS
from import_pipeline.relating.work import Work
from import_pipeline.store.names import idents


def make_pins(work: Work, first_id: int) -> int:
    """Tables `pin_of(id, pin_id)` for new records and `new_pins`; returns how many pins are new (ids from `first_id` on)."""
    if not (work.object_type.pin and work.one("SELECT count(lead) FROM placed") and _wanted(work)):
        return 0
    _find_stored(work)
    _find_keys_of_makers(work)
    made = work.make(
        "new_pins",
        f"""
        SELECT {first_id} - 1 + row_number() OVER (ORDER BY min(_seq)) AS _id, min(_seq) AS _seq, pin_key,
            max(ext_pin) AS ext_pin, any_value(address_key) FILTER (_seq = first) AS address_key
        FROM (SELECT *, min(_seq) OVER (PARTITION BY pin_key) AS first FROM wanted_keys)
        WHERE pin_key NOT IN (SELECT pin_key FROM stored_pins)
        GROUP BY pin_key
        """,
    )
    work.make(
        "pin_of",
        """
        SELECT w.id, coalesce(s.pin_id, n._id) AS pin_id
        FROM wanted_keys w
        LEFT JOIN stored_pins s ON s.pin_key = w.pin_key
        LEFT JOIN new_pins n ON n.pin_key = w.pin_key
        """,
    )
    return made


def _wanted(work: Work) -> int:
    """Table `wanted(id, _seq, ext_pin, address_key, own_key)`: the creating rows that name a place."""
    return work.make(
        "wanted",
        """
        SELECT p.id, n._seq, n.ext_pin, n.address_key, coalesce('x' || n.ext_pin, 'a' || n.address_key) AS own_key
        FROM placed p JOIN narrow n ON n._seq = p._seq
        WHERE p._seq = p.lead AND (n.ext_pin IS NOT NULL OR n.address_key IS NOT NULL)
        """,
    )


def _find_stored(work: Work) -> None:
    """Table `stored_pins(pin_key, pin_id)`: the oldest pin of the store for a key. Pins that ended are not found again."""
    work.make(
        "stored_pins",
        """
        SELECT w.own_key AS pin_key, min(p._id) AS pin_id
        FROM wanted w JOIN store._pins p ON p.external_pin_id = w.ext_pin AND p._valid_to IS NULL
        GROUP BY 1
        UNION ALL
        SELECT w.own_key, min(p._id)
        FROM wanted w JOIN store._pins p ON p.address_key = w.address_key AND p._valid_to IS NULL
        WHERE w.ext_pin IS NULL
        GROUP BY 1
        """,
    )


def _find_keys_of_makers(work: Work) -> None:
    """Table `wanted_keys`: `wanted` with `pin_key`.

    Rows that give only an address share the pin that a row before the first of them makes at this address under an external pin id.
    """
    work.make(
        "aliases",
        """
        WITH makers AS (
            SELECT own_key, min(_seq) AS _seq, arg_min(coalesce(address_key, ''), _seq) AS address_key
            FROM wanted
            WHERE ext_pin IS NOT NULL AND own_key NOT IN (SELECT pin_key FROM stored_pins)
            GROUP BY own_key
        ), seekers AS (
            SELECT own_key, min(_seq) AS _seq, any_value(address_key) AS address_key
            FROM wanted
            WHERE ext_pin IS NULL AND own_key NOT IN (SELECT pin_key FROM stored_pins)
            GROUP BY own_key
        )
        SELECT s.own_key, arg_min(m.own_key, m._seq) AS pin_key
        FROM seekers s JOIN makers m ON m.address_key = s.address_key AND m._seq < s._seq
        GROUP BY s.own_key
        """,
    )
    work.make(
        "wanted_keys",
        "SELECT w.*, coalesce(a.pin_key, w.own_key) AS pin_key FROM wanted w LEFT JOIN aliases a ON a.own_key = w.own_key",
    )


def pin_rows_sql() -> str:
    """SELECT of the new pins in the columns of store._pins but for `_created_at`, and with `_seq`."""
    return f"""
        SELECT p._id, p.ext_pin AS external_pin_id, p.address_key, {idents(ADDRESS_COLUMNS, "r.")}, j.id AS _job, r._line, p._seq
        FROM new_pins p
        JOIN every_row r ON r._seq = p._seq
        JOIN job_ids j ON j.number = r._job
        ORDER BY p._id
        """
