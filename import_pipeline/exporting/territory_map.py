"""The map of an account's territories, now or at a moment, as one page (acceptance B-14).

Belongs here: reading what the map shows. Does not belong here: drawing (reporting/maps.py), the map beside a receipt
(delivering/mapping.py).
"""

from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from import_pipeline.exporting.files import hidden, publish
from import_pipeline.failures import PermanentFailure
from import_pipeline.model.account import Account
from import_pipeline.model.territory import LEVEL, MAP_PINS, SHAPE, TITLE
from import_pipeline.reporting.maps import territory_map_html
from import_pipeline.store.hanging import hanging_of
from import_pipeline.store.names import ident
from import_pipeline.store.records import stored_columns, versions_sql
from import_pipeline.store.session import Session
from import_pipeline.territories.areas import square_kilometres
from import_pipeline.territories.hierarchy import parents
from import_pipeline.territories.inspection import inspect

_FRAME = {"id": pl.Int64, "title": pl.String, "level": pl.Int64, "shape": pl.String}
_PINS = {"id": pl.Int64, "lng": pl.Float64, "lat": pl.Float64, "territory": pl.Int64}


def write_territory_map(session: Session, account: Account, path: Path, at: datetime | None = None) -> int:
    """Writes the page and returns how many territories it is about; whether the moment can be read, the caller has checked.

    Raises PermanentFailure for an account without territories.
    """
    territory, stated = account.territory_type, account.territories
    if territory is None or stated is None:
        raise PermanentFailure(f"the account {account.name} has no territories: state `territories: {{}}` in its defs.yaml")
    moment = {"at": at} if at else None
    found: list[tuple[Any, ...]] = []
    points: list[tuple[Any, ...]] = []
    hanging = hanging_of(session, territory, territory)
    if stored_columns(session, territory) and hanging and hanging.now:
        listed = f"_id, {ident(TITLE)}, CAST({ident(LEVEL)} AS BIGINT), {ident(SHAPE)}"
        versions = versions_sql(territory, ["_id", TITLE, LEVEL, SHAPE], as_of=at is not None)
        found = session.run(f"SELECT {listed} FROM ({versions}) ORDER BY 1", moment)
        valid = "w._valid_from <= $at AND (w._valid_to IS NULL OR w._valid_to > $at)" if at else "w._valid_to IS NULL"
        points = session.run(
            f"SELECT p._id, p.Lng, p.Lat, w.territory FROM store._placed w JOIN store._pins p ON p._id = w.pin WHERE {valid} ORDER BY 1",
            moment,
        )
    territories, pins = pl.DataFrame(found, schema=_FRAME, orient="row"), pl.DataFrame(points, schema=_PINS, orient="row")
    tree = parents(territories, stated.tolerance)
    counts = pins.drop_nulls("territory").group_by("territory").agg(pins=pl.len().cast(pl.Int64)).rename({"territory": "id"})
    page = territory_map_html(
        territories.join(tree.select("id", "parent"), on="id", how="left", maintain_order="left").with_columns(
            km2=square_kilometres(territories.get_column("shape")), change=pl.lit(None, pl.String)
        ),
        inspect(territories, tree, stated.tolerance),
        pins=pins.gather_every(max(1, -(-pins.height // MAP_PINS))),
        counts=counts,
        title=f"Territories of {account.title or account.name}",
        note=f"As of {at:%Y-%m-%d %H:%M:%S} UTC." if at else "",
    )
    with hidden(path) as written:
        written.write_text(page, encoding="utf-8")
        publish(written, path)
    return territories.height
