"""KML as batches of rows: each placemark is a territory, or row errors with its line.

Belongs here: the columns of a row, titles that occur twice, what a file without placemarks means. Does not belong here: XML
(kml_xml.py), how a placemark is built (kml_placemark.py), coordinates (kml_shapes.py), what a shape must be (validation/shapes.py).
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl

from import_pipeline.model.row_error import Notice
from import_pipeline.model.territory import DESCRIPTION, LEVEL, RING_POINTS, SHAPE, TITLE, level_of
from import_pipeline.parsing import links
from import_pipeline.parsing.batch import Batch, Found, Ints, Refused, Task, finding, findings
from import_pipeline.parsing.header import Mapper
from import_pipeline.parsing.kml_placemark import Placemark, Wrong, read_placemark
from import_pipeline.parsing.kml_shapes import EXPECTED, ring_texts, shape_texts, wrong_coordinate
from import_pipeline.parsing.kml_xml import Placemarks, has_template_mark
from import_pipeline.store.staging import END

BATCH_PLACEMARKS, BATCH_CHARACTERS = 5_000, 4 << 20
"""A batch is closed when it holds this many placemarks, or this many characters of coordinates and descriptions."""


class KmlReader:
    """One KML file. Making it looks at the root element; `batches` raises Refused late for what is wrong further on.

    Rows have String columns Title, Level (of the file's name, acceptance S-14), Shape (WKT with the numbers as they stand in the file,
    altitudes dropped), and Description where one is given. `line` is the placemark's line, `end` the last line with text of it.
    """

    def __init__(self, task: Task, map_: Mapper) -> None:
        # KML has no header that could be mapped: its elements mean the same in every file.
        del map_
        columns = {column.key: column.spec for column in task.object_type.columns}
        if not columns.keys() >= {TITLE, LEVEL, SHAPE}:
            raise Refused("unsupported_kind", f"KML files are not imported as {task.object_type.name}")
        self.task = task
        self.multipolygons = columns[SHAPE].multipolygons
        self.described = DESCRIPTION in columns
        self.level = str(level_of(task.job.name))
        self.placemarks = Placemarks(task.job.path)
        self.found = Found(header=(TITLE, LEVEL, SHAPE), keys=(TITLE, LEVEL, SHAPE))
        self.count = 0
        self._titles: dict[str, int] = {}
        """Titles of the placemarks that were read, with their lines."""

    def batches(self) -> Iterator[Batch]:
        """All rows and row errors in the order of the file. Raises Refused late for broken XML, `cut_off`, `no_placemarks`."""
        waiting: list[Placemark] = []
        size = 0
        for element, line, whole in self.placemarks:
            placemark = read_placemark(element, line, whole, multipolygons=self.multipolygons)
            waiting.append(placemark)
            size += len(placemark.description or "") + sum(len(ring.text) for ring in placemark.rings)
            if len(waiting) == BATCH_PLACEMARKS or size > BATCH_CHARACTERS:
                yield self._batch(waiting)
                waiting, size = [], 0
        if waiting:
            yield self._batch(waiting)
        self._finish()

    def close(self) -> None:
        """Nothing is held."""

    def _batch(self, placemarks: list[Placemark]) -> Batch:
        rings = self._judged(placemarks)
        for placemark in placemarks:
            if not placemark.wrong:
                self._check_title(placemark)
        good = np.array([not placemark.wrong for placemark in placemarks], dtype=np.bool_)
        taken = pl.Series(np.flatnonzero(good), dtype=pl.Int64)
        shapes = shape_texts(rings if good.all() else rings.filter(pl.col("placemark").is_in(taken.implode())))
        rows = [placemark for placemark in placemarks if not placemark.wrong]
        columns = {
            TITLE: pl.Series([row.title for row in rows], dtype=pl.String),
            LEVEL: pl.Series([self.level], dtype=pl.String).new_from_index(0, len(rows)),
            SHAPE: shapes.get_column("shape"),
        }
        if self.described and any(row.description for row in rows):
            columns[DESCRIPTION] = pl.Series([row.description for row in rows], dtype=pl.String)
            if DESCRIPTION not in self.found.keys:
                self.found.header, self.found.keys = (*self.found.header, DESCRIPTION), (*self.found.keys, DESCRIPTION)
        pos = self.count + np.arange(len(placemarks), dtype=np.int64)
        self.count += len(placemarks)
        return Batch(
            pl.DataFrame(columns),
            _ints([row.line for row in rows]),
            _ints([row.end for row in rows]),
            pos[good],
            findings([error for placemark in placemarks for error in _errors(placemark)]),
            len(placemarks) - len(rows),
            scientific=False,
            links=_links(placemarks, pos),
        )

    def _judged(self, placemarks: list[Placemark]) -> pl.DataFrame:
        """The rings of a batch as shape_texts wants them; placemarks whose coordinates cannot be read are refused."""
        given = [(at, ring) for at, placemark in enumerate(placemarks) for ring in placemark.rings]
        made = ring_texts(pl.Series([ring.text for _, ring in given], dtype=pl.String)).with_columns(
            pl.Series("placemark", [at for at, _ in given], dtype=pl.Int64),
            pl.Series("polygon", [ring.polygon for _, ring in given], dtype=pl.Int64),
        )
        wrong = pl.col("ring").is_null() | (pl.col("points") == 0) | (pl.col("points") > RING_POINTS)
        refused: set[int] = set()
        for index, points in made.with_row_index("index").filter(wrong).select("index", "points").iter_rows():
            at, ring = given[index]
            if at in refused:
                continue
            refused.add(at)
            if points == 0:
                placemarks[at].refuse("ring_too_short", "a ring without coordinates", "at least four points, the last equal to the first")
            elif points > RING_POINTS:
                placemarks[at].refuse("too_many_points", f"{points:,} points in a ring", f"at most {RING_POINTS:,}")
            else:
                number, text, down = wrong_coordinate(ring.text)
                placemarks[at].refuse(
                    "bad_coordinate", text, f"{EXPECTED}; this is number {number} of its ring, on line {ring.line + down}"
                )
        return made

    def _check_title(self, placemark: Placemark) -> None:
        """The first of equal titles stays; one that was refused for another reason takes no title away."""
        title = placemark.title or ""
        if title not in self._titles:
            self._titles[title] = placemark.line
            return
        expected = f"a title that no other placemark of the file has; one on line {self._titles[title]} has it"
        placemark.wrong.append(Wrong("duplicate_title", TITLE, placemark.shown, expected))

    def _finish(self) -> None:
        self.found.encoding = self.placemarks.encoding
        for name, number in sorted(self.placemarks.left_out.items()):
            text = f"{number} × {name} was not imported; territories are placemarks with polygons"
            self.found.notices.append(Notice(code="member_skipped", message=text, rows=number))
        if self.count:
            return
        if not has_template_mark(self.task.job.path):
            raise Refused("no_placemarks", "the file is KML and holds no placemark", expected="a Placemark with a name and a Polygon")
        self.found.notices.append(Notice(code="blank_lines", message="the file is the empty template; it holds no placemark yet"))


def _ints(values: list[int]) -> Ints:
    return np.array(values, dtype=np.int64)


def _errors(placemark: Placemark) -> Iterator[dict[str, Any]]:
    for wrong in placemark.wrong:
        told = finding(placemark.line, wrong.code, column=wrong.column, value=wrong.value, expected=wrong.expected)
        yield told | {END: placemark.end}


def _links(placemarks: list[Placemark], pos: Ints) -> pl.DataFrame | None:
    """Placemarks that come back from a file of failed ones, refused ones included: they fail again."""
    linked = [(at, p.line, *p.link) for at, p in zip(pos.tolist(), placemarks, strict=True) if p.link is not None]
    if not linked:
        return None
    at, line, jobs, lines = zip(*linked, strict=True)
    return links.links(_ints(list(at)), _ints(list(line)), links.texts(jobs), links.texts(lines))
