"""Territories as files that people open in a map program: one KML per level and one GeoJSON of all (acceptance S-16, B-14).

Belongs here: which territories an export holds, names of its files, their manifest. Does not belong here: the formats (geo.py), which
moment is asked for (export.py).
A KML file's name begins with its level, so that it can be dropped back: imported unchanged it changes nothing.
"""

from collections.abc import Mapping
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from import_pipeline.exporting.files import file_name, hidden, publish, sha256_of, write_manifest
from import_pipeline.exporting.geo import GEO_COLUMNS, write_geojson, write_kml
from import_pipeline.model.object_type import ObjectType
from import_pipeline.model.territory import DESCRIPTION, LEVEL, LEVELS, PARENT, SHAPE, TITLE
from import_pipeline.store.hanging import hanging_of
from import_pipeline.store.names import ident, outward_sql
from import_pipeline.store.records import people_sql, stored_columns
from import_pipeline.store.session import Session
from import_pipeline.territories.areas import square_kilometres


def territory_rows(session: Session, object_type: ObjectType, *, at: datetime | None = None, since: datetime | None = None) -> pl.DataFrame:
    """Territories in the columns GEO_COLUMNS, in order of level and record id: the present ones, or those of the moment `at`; with
    `since` only those that changed from then on. No rows when the store knows no territories."""
    stored = stored_columns(session, object_type)
    if not stored:
        return pl.DataFrame(schema=dict.fromkeys(GEO_COLUMNS, pl.String) | {LEVEL: pl.Int64, "km2": pl.Float64})
    hanging = hanging_of(session, object_type, object_type)
    parent = hanging.value if hanging else "CAST(NULL AS VARCHAR)"
    listed = ", ".join(f"r.{ident(key)}" for key in (TITLE, DESCRIPTION, SHAPE))
    select = f"{outward_sql('r._id')} AS RecordID, CAST(r.{ident(LEVEL)} AS BIGINT) AS {ident(LEVEL)}, {listed}, {parent} AS {PARENT}"
    where = "r._valid_from >= $since" if since else "true"
    moments = {name: moment for name, moment in (("at", at), ("since", since)) if moment}
    found: list[tuple[Any, ...]] = []
    for _, rows in session.batches(people_sql(object_type, select, stored, hanging, as_of=at is not None, where=where), moments or None):
        found += rows
    schema = {"RecordID": pl.String, LEVEL: pl.Int64, TITLE: pl.String, DESCRIPTION: pl.String, SHAPE: pl.String, PARENT: pl.String}
    frame = pl.DataFrame(found, schema=schema, orient="row")
    return frame.with_columns(km2=square_kilometres(frame.get_column(SHAPE))).sort(LEVEL, "RecordID").select(GEO_COLUMNS)


def write_territories(rows: pl.DataFrame, object_type: ObjectType, label: str, folder: Path, told: Mapping[str, Any]) -> tuple[Path, Path]:
    """Writes the files of an export into `folder` and returns (the GeoJSON, the manifest), which comes last and names all files.

    Files of levels that this export no longer has, from an export of the same name, go.
    """
    path, files = folder / file_name(object_type.name, label, "geojson"), []
    for level in range(1, LEVELS + 1):
        kml = folder / f"{level}_{file_name(object_type.name, label, 'kml')}"
        of_level = rows.filter(pl.col(LEVEL) == level)
        if of_level.is_empty():
            kml.unlink(missing_ok=True)
            continue
        with ExitStack() as stack:
            written = stack.enter_context(hidden(kml))
            write_kml(of_level, written, name=f"{object_type.name} {level}")
            files.append(_published(written, kml, of_level.height))
    with ExitStack() as stack:
        written = stack.enter_context(hidden(path))
        write_geojson(rows, written)
        files.append(_published(written, path, rows.height))
    return path, write_manifest(path, {**told, "files": files})


def _published(written: Path, path: Path, rows: int) -> dict[str, Any]:
    told = {"file": path.name, "rows": rows, "bytes": written.stat().st_size, "sha256": sha256_of(written)}
    publish(written, path)
    return told
