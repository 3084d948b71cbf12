"""The map of an account's territories, now or at a moment, as one page (acceptance B-14).

Belongs here: reading what the map shows. Does not belong here: drawing (reporting/maps.py), the map beside a receipt
(delivering/mapping.py).
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from import_pipeline.exporting.files import hidden, publish
from import_pipeline.failures import PermanentFailure
from import_pipeline.model.account import Account
from import_pipeline.model.object_type import ObjectType
from import_pipeline.model.territory import LEVEL, MAP_PINS, SHAPE, TITLE
from import_pipeline.reporting.maps import territory_map_html
from import_pipeline.store.hanging import hanging_of
from import_pipeline.store.names import ident, outward_sql
from import_pipeline.store.records import stored_columns, versions_sql
from import_pipeline.store.session import Session
from import_pipeline.territories.areas import square_kilometres
from import_pipeline.territories.hierarchy import parents
from import_pipeline.territories.inspection import inspect

_FRAME = {"id": pl.Int64, "record": pl.String, "title": pl.String, "level": pl.Int64, "shape": pl.String}
_PINS = {"id": pl.Int64, "lng": pl.Float64, "lat": pl.Float64, "territory": pl.Int64}


@dataclass(frozen=True)
class MapFrames:
    """What a map shows, in the columns that reporting/maps.py tells; `territories` has `record` too, the outward record id. `pins` is
    a sample of at most MAP_PINS."""

    territories: pl.DataFrame
    findings: pl.DataFrame
    pins: pl.DataFrame
    counts: pl.DataFrame


def map_frames(session: Session, account: Account, at: datetime | None = None) -> MapFrames:
    """Reads the map of the present, or of the moment `at`; whether that can be read, the caller has checked.

    Raises PermanentFailure for an account without territories.
    """
    territory, stated = account.territory_type, account.territories
    if territory is None or stated is None:
        raise PermanentFailure(f"the account {account.name} has no territories: state `territories: {{}}` in its defs.yaml")
    moment = {"at": at} if at else None
    found: list[tuple[Any, ...]] = []
    points: list[tuple[Any, ...]] = []
    if _is_known(session, territory):
        listed = f"_id, {outward_sql('_id')}, {ident(TITLE)}, CAST({ident(LEVEL)} AS BIGINT), {ident(SHAPE)}"
        versions = versions_sql(territory, ["_id", TITLE, LEVEL, SHAPE], as_of=at is not None)
        found = session.run(f"SELECT {listed} FROM ({versions}) ORDER BY 1", moment)
        points = session.run(
            f"SELECT p._id, p.Lng, p.Lat, w.territory FROM store._placed w JOIN store._pins p ON p._id = w.pin "
            f"WHERE {_valid(at)} ORDER BY 1",
            moment,
        )
    territories, pins = pl.DataFrame(found, schema=_FRAME, orient="row"), pl.DataFrame(points, schema=_PINS, orient="row")
    tree = parents(territories, stated.tolerance)
    counts = pins.drop_nulls("territory").group_by("territory").agg(pins=pl.len().cast(pl.Int64)).rename({"territory": "id"})
    return MapFrames(
        territories.join(tree.select("id", "parent"), on="id", how="left", maintain_order="left").with_columns(
            km2=square_kilometres(territories.get_column("shape")), change=pl.lit(None, pl.String)
        ),
        inspect(territories, tree, stated.tolerance),
        pins.gather_every(max(1, -(-pins.height // MAP_PINS))),
        counts,
    )


def placed_records(session: Session, account: Account, at: datetime | None = None) -> dict[int, int]:
    """How many records of all types lie in each territory (by its inner id), now or at a moment; those without any are left out."""
    territory = account.territory_type
    if territory is None or not _is_known(session, territory):
        return {}
    types = [t for t in account.object_types if t.pin and stored_columns(session, t)]
    if not types:
        return {}
    pins = " UNION ALL ".join(versions_sql(t, ["_pin_id"], as_of=at is not None) for t in types)
    placed = f"SELECT w.territory, count(*) FROM ({pins}) r JOIN store._placed w ON w.pin = r._pin_id"
    where = f"WHERE {_valid(at)} AND w.territory IS NOT NULL"
    return dict(session.run(f"{placed} {where} GROUP BY 1", {"at": at} if at else None))


def write_territory_map(session: Session, account: Account, path: Path, at: datetime | None = None) -> int:
    """Writes the page and returns how many territories it is about; whether the moment can be read, the caller has checked.

    Raises PermanentFailure for an account without territories.
    """
    found = map_frames(session, account, at)
    page = territory_map_html(
        found.territories,
        found.findings,
        pins=found.pins,
        counts=found.counts,
        title=f"Territories of {account.title or account.name}",
        note=f"As of {at:%Y-%m-%d %H:%M:%S} UTC." if at else "",
    )
    with hidden(path) as written:
        written.write_text(page, encoding="utf-8")
        publish(written, path)
    return found.territories.height


def _is_known(session: Session, territory: ObjectType) -> bool:
    hanging = hanging_of(session, territory, territory)
    return bool(stored_columns(session, territory) and hanging and hanging.now)


def _valid(at: datetime | None) -> str:
    """Which rows of `_placed` (`w`) count."""
    return "w._valid_from <= $at AND (w._valid_to IS NULL OR w._valid_to > $at)" if at else "w._valid_to IS NULL"
