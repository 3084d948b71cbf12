"""The grammar of coordinates: what is read, and how the first wrong one is named.

Belongs here: texts of coordinates. Does not belong here: elements around them (test_kml_placemarks.py).
"""

import re
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from import_pipeline.model.territory import RING_POINTS
from import_pipeline.parsing.kml_shapes import ring_texts, shape_texts, wrong_coordinate
from import_pipeline_tests.parsing.kml_lab import kml, placemark, polygon, read

GOOD = {
    "1,2 3,4 5,6": "1 2, 3 4, 5 6",
    "1,2,3 3,4,5": "1 2, 3 4",
    "1,2,3 3,4 5,6,7": "1 2, 3 4, 5 6",
    " \n\t1,2\r\n3,4\n": "1 2, 3 4",
    "1 , 2 3,\n4 5 ,6": "1 2, 3 4, 5 6",
    "-1.50,+2. .5,-.5e-3 1E+2,1e0": "-1.50 +2., .5 -.5e-3, 1E+2 1e0",
    "007,1": "007 1",
    "": "",
    " \n ": "",
}
BAD = (
    "NaN,1", "1,nan", "inf,0", "-INF,0", "Infinity,0", "0x1,2", "1_0,2", "1,2d", "1e,2", "e1,2", ".,1", "+-1,2", "1", "1,2,3,4", "1,,2",
    ",1,2", "1,2,", "1;2", "1.5.1,2", "1,2,x", "١,٢", "１,２", "1,2 3", "1e1234,2", "1,2, 3,4", "1\u00a02", "°1,2", "1,2\u20033,4",
)  # fmt: skip


@pytest.mark.parametrize("text", GOOD)
def test_numbers_stay_as_they_are_written_and_altitudes_go(text: str) -> None:
    """Blanks of any kind separate coordinates; beside a comma they are forgiven."""
    made = ring_texts(pl.Series([text]))
    assert made.rows() == [(GOOD[text], GOOD[text].count(",") + bool(GOOD[text]))]


def test_all_kinds_of_rings_may_stand_in_one_column() -> None:
    """Each is judged for itself, whatever the vectorised ways that others need."""
    texts = [*GOOD, *BAD] * 2
    made = ring_texts(pl.Series(texts)).get_column("ring").to_list()
    assert made == [GOOD.get(text) for text in texts]


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_pair_of_plain_numbers_is_named_with_its_place(tmp_path: Path, text: str) -> None:
    """No NaN, no infinity, no hexadecimal, no digits of other scripts, nothing missing, nothing too many."""
    got = read(tmp_path, kml(placemark("A"), placemark("Odd", polygon(f"0,0\n1,1 {text}\n2,2 0,0")), placemark("B")))
    assert [title for _, title in got.cells("Title")] == ["A", "B"]
    ((line, code, column, value, expected),) = got.errors.select("_line", "code", "column", "value", "expected").rows()
    assert (line, code, column) == (4, "bad_coordinate", "Shape")
    assert value.startswith("Odd: ") and (value.removeprefix("Odd: ") in re.sub(r"\s", "", f"1,1{text}2,2") or value[5:] in text)
    assert expected.endswith("on line 5")


def test_the_wrong_coordinate_is_counted_from_one() -> None:
    """With the lines before it, also where blanks stand beside commas."""
    assert wrong_coordinate("1,1 2 ,\n 2\n3,3 4;4 5,x") == (4, "4;4", 2)


def test_a_ring_of_too_many_points_fails_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody can draw is no border; the limit itself is allowed."""
    assert RING_POINTS == 500_000
    monkeypatch.setattr("import_pipeline.parsing.kml_reader.RING_POINTS", 5)
    got = read(tmp_path, kml(placemark("A", polygon("1,1 " * 5)), placemark("B", polygon("1,1 " * 6))))
    assert [title for _, title in got.cells("Title")] == ["A"]
    assert got.errors.select("code", "value", "expected").rows() == [("too_many_points", "B: 6 points in a ring", "at most 5")]


PIECES = st.sampled_from(["1", "-2.5", ".5", "3.", "1e2", "nan", "x", "", "+", "1e", "٣", "0x1"])
TEXTS = st.lists(st.tuples(st.lists(PIECES, min_size=1, max_size=4).map(",".join), st.sampled_from([" ", "\n", "\t ", "  "])), max_size=6)
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)


@settings(max_examples=60)
@given(st.lists(TEXTS.map(lambda parts: "".join(a + b for a, b in parts)), min_size=1, max_size=8))
def test_whole_columns_are_judged_as_one_coordinate_after_the_other(texts: list[str]) -> None:
    """Against a plain loop over coordinates."""

    def plain(text: str) -> str | None:
        found = []
        for one in re.sub(r"\s*,\s*", ",", text.strip()).split():
            numbers = one.split(",")
            if not 2 <= len(numbers) <= 3 or not all(NUMBER.fullmatch(n) for n in numbers):
                return None
            found.append(" ".join(numbers[:2]))
        return ", ".join(found)

    expected = [plain(text) for text in texts]
    made = ring_texts(pl.Series(texts, dtype=pl.String))
    assert made["ring"].to_list() == expected
    assert [points for points, text in zip(made["points"], expected, strict=True) if text is not None] == [
        len(text.split(", ")) if text else 0 for text in expected if text is not None
    ]


@settings(max_examples=40)
@given(st.lists(st.lists(st.integers(1, 3), min_size=1, max_size=3), max_size=6))
def test_rings_are_put_together_in_the_order_of_the_file(shapes: list[list[int]]) -> None:
    """`shapes` gives for each placemark how many rings each of its polygons has; placemark numbers have gaps, as refused ones leave."""
    rows, expected, number = [], [], 0
    for at, polygons in enumerate(shapes):
        made = []
        for index, rings in enumerate(polygons):
            texts = [f"{number + i} 0, 1 1" for i in range(rings)]
            number += rings
            rows += [(3 * at, index, text) for text in texts]
            made.append("(" + ", ".join(f"({text})" for text in texts) + ")")
        expected.append((3 * at, "POLYGON " + made[0] if len(made) == 1 else "MULTIPOLYGON (" + ", ".join(made) + ")"))
    frame = pl.DataFrame(rows, schema={"placemark": pl.Int64, "polygon": pl.Int64, "ring": pl.String}, orient="row")
    assert shape_texts(frame).rows() == expected
