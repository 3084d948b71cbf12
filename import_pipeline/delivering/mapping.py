"""Maps of a delivery's territories: a page beside the receipt, a picture for the run.

Belongs here: which delivery gets a map, and what is on it. Does not belong here: drawing (reporting/maps.py), what hangs where
(relating/territories.py).
"""

from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from import_pipeline.model.job import Job
from import_pipeline.model.object_type import ObjectType
from import_pipeline.reporting.names import replacing

if TYPE_CHECKING:
    from import_pipeline.delivering.flow import DeliveryRun


def write_map(run: "DeliveryRun", job: Job, folder: Path) -> Path | None:
    """The map page of the job's delivery as `territories.DELIVERY.map.html` in `folder`; None for jobs of other types.

    It shows all territories as the delivery leaves them, or as a plan would leave them. The jobs of a delivery share it: there may be
    one file for each territory.
    """
    target = folder / f"territories.{run.key}.map.html"
    if job.object_type != _name(run):
        return None
    if target in run.drawn:
        return target
    frames = _frames(run, run.account.territory_type)
    if frames is None:
        return None
    from import_pipeline.reporting.maps import territory_map_html

    territories, findings, points = frames
    title = f"Territories of {run.account.title or run.account.name}"
    note = f"As delivery {run.key} {'would leave' if job.dry_run else 'left'} them."
    page = territory_map_html(territories, findings, pins=points, counts=territories.select("id", "pins"), title=title, note=note)
    with replacing(target, target.with_name(f".{target.name}.writing")) as out:
        out.write(page.encode())
    run.drawn.add(target)
    return target


def picture(run: "DeliveryRun", object_type: ObjectType) -> str | None:
    """The territories after the delivery as SVG; None for other types."""
    frames = _frames(run, object_type) if object_type.name == _name(run) else None
    if frames is None:
        return None
    from import_pipeline.reporting.maps import territory_map_svg

    territories, findings, points = frames
    return territory_map_svg(territories, findings, pins=points, title=f"Territories of {run.account.title or run.account.name}")


def _name(run: "DeliveryRun") -> str | None:
    return run.account.territory_type.name if run.account.territory_type else None


def _frames(run: "DeliveryRun", object_type: ObjectType | None) -> tuple[pl.DataFrame, pl.DataFrame | None, pl.DataFrame] | None:
    """(territories with km2, what the inspection found, some pins) of the delivery's change set; None when there is none."""
    related = run.stage(object_type, "related") if object_type else None
    if related is None or not related.exists or not related.parts("territories"):
        return None
    from import_pipeline.territories.areas import square_kilometres

    territories, found = related.read("territories"), related.read("inspection")
    territories = territories.with_columns(km2=square_kilometres(territories.get_column("shape")))
    return territories, found if found.width else None, related.read("points")
