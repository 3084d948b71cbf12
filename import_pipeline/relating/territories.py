"""Where territories and places hang: what a change set makes of the tree of territories, and which pins lie in another one after it.

Belongs here: comparing what will be with what is stored (acceptance S-14, B-14). Does not belong here: geometry (territories/), pins
themselves (pins.py), writing (applying/).

Both are derived: a territory's parent from shapes and levels, a pin's territory from its coordinates and the shapes. So an undo or a
replay of territories needs no rule of its own: what hangs where is worked out again from the shapes that it leaves.

The parts written here:
  tree         `territory`, `parent`, `share` of the territories that hang elsewhere than before; `gone` ones are no more
  moves        `pin`, `before`, `after` of the stored pins that lie in another territory than before
  inspection   what does not fit together in the whole tree (territories/inspection.py)
  territories  all territories as they will be: `id`, `title`, `level`, `shape`, `parent`, `change` (created, updated or null), `pins`
  points       some of the pins: `lng`, `lat`, `territory`
  placed       `pin`, `territory` of new pins, in a change set of records
"""

from pathlib import Path

import polars as pl

from import_pipeline.model.object_type import ObjectType
from import_pipeline.model.territory import LEVEL, MAP_PINS, SHAPE, TITLE, Territories
from import_pipeline.relating.after import ChangeSetFiles, after_sql
from import_pipeline.store.names import Tables, ident, idents
from import_pipeline.store.session import Session
from import_pipeline.store.staging import ERRORS, StageWriter

KEYS = (TITLE, LEVEL, SHAPE)
"""The columns of a territory that decide what hangs where."""
FRAME = f"_id AS id, {ident(TITLE)} AS title, CAST({ident(LEVEL)} AS BIGINT) AS level, {ident(SHAPE)} AS shape"
_PLACE = ("_job", "_line", "job")
_EXPECTED = {
    "no_parent_territory": "a territory of the level above that contains it",
    "outside_parent": "a shape inside of {}",
    "overlap": "no overlap with {}, which has the same level",
    "gap": "territories below it that cover all of it",
}


def write_shifts(session: Session, object_type: ObjectType, settings: Territories, change_set: ChangeSetFiles, writer: StageWriter) -> None:
    """Writes what a change set of territories makes of the whole: all parts above but `placed`, and warnings among `errors`."""
    from import_pipeline.territories.hierarchy import parents
    from import_pipeline.territories.inspection import inspect

    after = _fetch(session, f"SELECT {FRAME} FROM ({after_sql(object_type, change_set, KEYS)}) ORDER BY 1", writer.folder)
    tree = parents(after, settings.tolerance)
    _write(writer, "tree", _tree_shifts(session, tree, writer.folder))
    pins = _placed_pins(session, after, writer.folder)
    known = pl.col("known") & pl.col("before").eq_missing(pl.col("territory"))
    _write(writer, "moves", pins.filter(~known).select(pin="id", before="before", after="territory"))
    found = inspect(after, tree, settings.tolerance)
    _write(writer, "inspection", found)
    _write_map(change_set, after, tree, pins, writer)
    write_warnings(change_set, after, found, writer)


def _write_map(change_set: ChangeSetFiles, after: pl.DataFrame, tree: pl.DataFrame, pins: pl.DataFrame, writer: StageWriter) -> None:
    """`territories` with what becomes of each, how many pins lie in each, and some of these pins."""
    changes = pl.concat([pl.read_parquet(part, columns=["id", "action"]) for part in change_set.parts("changes")])
    words = changes.select("id", change=pl.col("action").replace_strict({"create": "created", "update": "updated"}, default=None))
    held = pins.drop_nulls("territory").group_by("territory").agg(pins=pl.len().cast(pl.Int64))
    whole = after.join(tree.select("id", "parent"), on="id", how="left", maintain_order="left")
    whole = whole.join(words, on="id", how="left", maintain_order="left")
    whole = whole.join(held, left_on="id", right_on="territory", how="left", maintain_order="left").with_columns(
        pl.col("pins").fill_null(0)
    )
    writer.part("territories", whole)
    writer.part("points", pins.gather_every(max(1, -(-pins.height // MAP_PINS))).select("lng", "lat", "territory"))


def write_warnings(change_set: ChangeSetFiles, after: pl.DataFrame, found: pl.DataFrame, writer: StageWriter) -> None:
    """What the inspection found about territories of this delivery's files, and titles that come again in a later one, as warnings at
    their lines. An undo has no lines."""
    rows = pl.concat([pl.read_parquet(part) for part in change_set.parts("outcomes")]).filter(pl.col("_line").is_not_null())
    titles = after.select("id", "title")
    counts = pl.col("_seq") == pl.col("_seq").max().over("record")
    told = (
        found.join(rows.filter(counts).select("_job", "_line", "job", id="record"), on="id", how="inner", maintain_order="left")
        .join(titles, on="id", how="left", maintain_order="left")
        .join(titles.rename({"id": "other", "title": "of"}), on="other", how="left", maintain_order="left")
    )
    size = pl.format("{}: {} km² ({} %)", "title", pl.col("km2").round(2), (100 * pl.col("share")).round(2))
    where = pl.col("of").fill_null("the level above")
    expected = pl.col("code").replace_strict(_EXPECTED, default=None, return_dtype=pl.String).str.replace("{}", where, literal=True)
    value = pl.when(pl.col("code") == "no_parent_territory").then("title").otherwise(size)
    again = rows.filter(~counts).join(titles.rename({"id": "record"}), on="record", how="left", maintain_order="left")
    once = pl.lit("one territory of this title in a delivery")
    both = pl.concat(
        [
            told.select(*_PLACE, "code", column=pl.lit(SHAPE), value=value, expected=expected),
            again.select(*_PLACE, code=pl.lit("title_again"), column=pl.lit(TITLE), value="title", expected=once),
        ]
    )
    if both.is_empty():
        return
    more = {"_end": pl.col("_line"), "severity": pl.lit("warning"), "suggestion": pl.lit(None, pl.String)}
    columns = [pl.col(name).cast(kind) for name, kind in {**ERRORS, "job": pl.String()}.items()]
    frame = both.with_columns(**more).select(columns)
    frame.write_parquet(writer.folder / "errors-00001.parquet", compression="lz4", statistics=False)
    writer.rows["errors"] = writer.rows.get("errors", 0) + frame.height


def write_places(session: Session, object_type: ObjectType, writer: StageWriter) -> None:
    """Writes `placed`: the territories of the change set's new pins, by the territories as they are stored."""
    made = sorted(writer.folder.glob("pins-*.parquet"))
    if not made:
        return
    pins = pl.concat([pl.read_parquet(part, columns=["_id", "Lat", "Lng"]) for part in made])
    stored = _fetch(session, f"SELECT {FRAME} FROM {Tables(object_type).current} ORDER BY 1", writer.folder)
    found = _territories_of(pins.select(id="_id", lng="Lng", lat="Lat"), stored)
    _write(writer, "placed", found.rename({"id": "pin"}))


def _tree_shifts(session: Session, tree: pl.DataFrame, folder: Path) -> pl.DataFrame:
    stored = _fetch(session, "SELECT territory AS id, parent AS was, share AS old FROM store._tree WHERE _valid_to IS NULL", folder)
    both = tree.join(stored.with_columns(known=True), on="id", how="full", coalesce=True)
    gone = pl.col("id").is_in(tree.get_column("id").implode()).not_()
    same = pl.col("known").is_not_null() & pl.col("parent").eq_missing(pl.col("was")) & pl.col("share").eq_missing(pl.col("old"))
    return both.filter(gone | ~same).select(territory="id", parent="parent", share="share", gone=gone).sort("territory")


def _placed_pins(session: Session, after: pl.DataFrame, folder: Path) -> pl.DataFrame:
    """All stored pins with coordinates: `id`, `lng`, `lat`, `before`, whether that is `known`, and their `territory` from now on."""
    located = "SELECT _id AS id, Lng AS lng, Lat AS lat FROM store._pins WHERE Lat IS NOT NULL AND Lng IS NOT NULL"
    stored = "SELECT pin AS id, territory AS before FROM store._placed WHERE _valid_to IS NULL"
    select = f"SELECT p.*, s.before, s.id IS NOT NULL AS known FROM ({located}) p LEFT JOIN ({stored}) s ON s.id = p.id ORDER BY p.id"
    pins = _fetch(session, select, folder)
    found = _territories_of(pins.select("id", "lng", "lat"), after)
    return pins.join(found, on="id", how="left", maintain_order="left")


def _territories_of(points: pl.DataFrame, territories: pl.DataFrame) -> pl.DataFrame:
    """`id`, `territory` of the points that have coordinates."""
    from import_pipeline.territories.assignment import assign

    return assign(points.drop_nulls(), territories)


def _fetch(session: Session, select: str, folder: Path) -> pl.DataFrame:
    """A query's result as a frame; it goes through a file, because there may be millions of pins."""
    path = folder / "fetched.tmp"
    session.to_parquet(select, path)
    try:
        return pl.read_parquet(path)
    finally:
        path.unlink()


def _write(writer: StageWriter, name: str, rows: pl.DataFrame) -> None:
    if rows.height:
        writer.part(name, rows)


def tree_sql(object_type: ObjectType) -> str:
    """SELECT of the territories as they are stored: id, title, level, shape, parent, share."""
    listed = idents(["territory", "parent", "share"])
    return f"""
        SELECT t.*, s.parent, s.share
        FROM (SELECT {FRAME} FROM {Tables(object_type).current}) t
        LEFT JOIN (SELECT {listed} FROM store._tree WHERE _valid_to IS NULL) s ON s.territory = t.id
        ORDER BY t.id
        """
