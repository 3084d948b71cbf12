"""What becomes of one placemark: a row, or row errors that name it (acceptance S-14, decision 7).

Belongs here: rules on single placemarks and their order in a file. Does not belong here: coordinates (test_kml_coordinates.py), broken
and hostile files (test_kml_attacks.py).
"""

from pathlib import Path

import pytest

from import_pipeline.store.staging import END, JOB, LINE, POS
from import_pipeline_tests.parsing.kml_lab import NAMESPACE, SQUARE, SQUARE_WKT, kml, placemark, polygon, read
from import_pipeline_tests.parsing.lab import CONTACT, job, parse
from import_pipeline_tests.parsing.test_links import links

HOLE = "0.2,0.2 0.3,0.2 0.3,0.3 0.2,0.2"
POINT = "<Point><coordinates>1,2</coordinates></Point>"
SEVERAL_SHAPES = f"<MultiGeometry>{polygon()}<MultiGeometry>{polygon('5,5 6,5 6,6 5,5', HOLE)}</MultiGeometry></MultiGeometry>"


def test_a_placemark_becomes_a_row_with_title_level_shape_and_line(tmp_path: Path) -> None:
    """The level is told by the file's name; the numbers stay as they stand in the file."""
    content = kml(placemark("North", polygon("-96.10,41.2000,0 1e1,.5,12.5 +3.,-4,0 -96.10,41.2000,0")), placemark("South"))
    got = read(tmp_path, content, name="2_Regions.kml")
    shape = "POLYGON ((-96.10 41.2000, 1e1 .5, +3. -4, -96.10 41.2000))"
    assert got.rows.columns[4:] == ["Title", "Level", "Shape"]
    assert got.rows.rows() == [(0, 3, 3, 0, "North", "2", shape), (0, 4, 4, 1, "South", "2", SQUARE_WKT)]
    assert (got.file.rows, got.file.read, got.file.refused, got.file.encoding) == (2, 2, 0, "UTF-8")
    assert got.file.keys == ("Title", "Level", "Shape")


def test_a_description_is_taken_where_one_is_given(tmp_path: Path) -> None:
    """A column that comes late is in every part; a blank one is none."""
    described = f"<description>\n <![CDATA[<b>Two</b>\nlines]]> </description>{polygon()}"
    blank = f"<description> </description>{polygon()}"
    got = read(tmp_path, kml(placemark("A"), placemark("B", described), placemark("C", blank)))
    assert got.cells("Title", "Description") == [(3, "A", None), (4, "B", "<b>Two</b>\nlines"), (7, "C", None)]
    assert got.rows[END].to_list() == [3, 6, 7]


@pytest.mark.parametrize("written", [" North \n\t East ", "<![CDATA[North East]]>", "North<b> </b>East", "North&#32;&#x45;ast"])
def test_titles_are_trimmed_and_inner_white_space_is_one_blank(tmp_path: Path, written: str) -> None:
    """The title is what a territory is known by; editors break lines inside of it."""
    assert read(tmp_path, kml(placemark(written))).rows["Title"].to_list() == ["North East"]


@pytest.mark.parametrize(
    ("content", "code", "value"),
    [
        ("", "not_a_polygon", "no geometry"),
        (POINT, "not_a_polygon", "Point"),
        (f"<LineString><coordinates>{SQUARE}</coordinates></LineString>", "not_a_polygon", "LineString"),
        (f"<LinearRing><coordinates>{SQUARE}</coordinates></LinearRing>", "not_a_polygon", "LinearRing"),
        ("<Model/>", "not_a_polygon", "Model"),
        ('<g:Track xmlns:g="http://www.google.com/kml/ext/2.2"/>', "not_a_polygon", "Track"),
        ('<g:MultiTrack xmlns:g="http://www.google.com/kml/ext/2.2"/>', "not_a_polygon", "MultiTrack"),
        ("<MultiGeometry/>", "not_a_polygon", "MultiGeometry without polygons"),
        (f"<MultiGeometry>{POINT}</MultiGeometry>", "not_a_polygon", "Point"),
        (f"<MultiGeometry>{polygon()}{POINT}</MultiGeometry>", "not_a_polygon", "Point beside polygons"),
        (polygon() + POINT, "not_a_polygon", "Point beside polygons"),
        ("<Polygon/>", "bad_placemark", "0 outer boundaries"),
        ("<Polygon><outerBoundaryIs/></Polygon>", "bad_placemark", "a boundary without LinearRing"),
        (polygon().replace("LinearRing", "Polygon"), "bad_placemark", "Polygon as a boundary"),
        (polygon().replace("</Polygon>", "") + polygon().removeprefix("<Polygon>"), "bad_placemark", "2 outer boundaries"),
        (
            f"<Polygon><LinearRing><coordinates>{SQUARE}</coordinates></LinearRing></Polygon>",
            "bad_placemark",
            "LinearRing inside of Polygon",
        ),
        (polygon().replace("coordinates", "Coordinates"), "bad_placemark", "0 times coordinates in a ring"),
        (polygon("0,0 <b/>1,1"), "bad_placemark", "elements inside of coordinates"),
        (f"<hidden>{polygon()}</hidden>", "bad_placemark", "Polygon inside of hidden"),
        (polygon() + placemark("inner"), "bad_placemark", "Placemark inside of a placemark"),
        (polygon(" \n\t"), "ring_too_short", "a ring without coordinates"),
    ],
)
@pytest.mark.parametrize("several", [False, True])
def test_a_placemark_that_is_no_polygon_fails_alone(tmp_path: Path, content: str, code: str, value: str, several: bool) -> None:
    """With and without accept_multipolygons: its neighbours come in, and the error names it."""
    got = read(tmp_path, kml(placemark("A"), placemark("Odd", content), placemark("B")), several=several)
    assert [title for _, title in got.cells("Title")] == ["A", "B"] and got.rows[POS].to_list() == [0, 2]
    assert got.errors.select(LINE, "code", "column", "value").rows() == [(4, code, "Shape", f"Odd: {value}")]
    assert got.file.refused == 1


@pytest.mark.parametrize(
    ("content", "code", "value", "shape"),
    [
        (polygon(SQUARE, HOLE), "polygon_with_hole", "1 hole", "POLYGON ((0 0, 1 0, 1 1, 0 0), (0.2 0.2, 0.3 0.2, 0.3 0.3, 0.2 0.2))"),
        (
            SEVERAL_SHAPES,
            "several_polygons",
            "2 polygons",
            "MULTIPOLYGON (((0 0, 1 0, 1 1, 0 0)), ((5 5, 6 5, 6 6, 5 5), (0.2 0.2, 0.3 0.2, 0.3 0.3, 0.2 0.2)))",
        ),
        (polygon() * 2, "several_polygons", "2 polygons", "MULTIPOLYGON (((0 0, 1 0, 1 1, 0 0)), ((0 0, 1 0, 1 1, 0 0)))"),
    ],
)
def test_holes_and_several_polygons_come_in_only_where_the_account_says_so(
    tmp_path: Path, content: str, code: str, value: str, shape: str
) -> None:
    """Acceptance, decision 7."""
    content_ = kml(placemark("A"), placemark("Odd", content), placemark("B"))
    strict = read(tmp_path, content_)
    assert strict.errors.select(LINE, "code", "column", "value").rows() == [(4, code, "Shape", f"Odd: {value}")]
    assert strict.errors["expected"].str.contains("accept_multipolygons").all()
    assert read(tmp_path, content_, several=True).cells("Title", "Shape") == [(3, "A", SQUARE_WKT), (4, "Odd", shape), (5, "B", SQUARE_WKT)]


def test_one_polygon_in_a_multigeometry_is_one_polygon(tmp_path: Path) -> None:
    """Nothing is lost by it."""
    assert read(tmp_path, kml(placemark(content=f"<MultiGeometry>{polygon()}</MultiGeometry>"))).rows["Shape"].to_list() == [SQUARE_WKT]


@pytest.mark.parametrize("name", [None, "", " \n "])
def test_a_placemark_without_a_name_is_refused_and_its_shape_is_judged_all_the_same(tmp_path: Path, name: str | None) -> None:
    """Who mends a placemark should see at once all that is wrong with it."""
    got = read(tmp_path, kml(placemark(name), placemark(name, POINT)))
    nameless = {(0, 3, "Title", "required")}
    assert {told for told in got.told() if told[1] == 3} == nameless
    assert {(column, code, value) for column, code, value in got.errors[["column", "code", "value"]].rows() if code != "required"} == {
        ("Shape", "not_a_polygon", "Point")
    }
    assert got.file.refused == 2 and got.errors.height == 3


def test_two_names_are_refused(tmp_path: Path) -> None:
    """Which of them is the title is nobody's guess."""
    got = read(tmp_path, kml(placemark("A", "<name>B</name>" + polygon())))
    assert got.errors.select(LINE, "code", "column", "value").rows() == [(3, "bad_placemark", "Title", "A; B")]


def test_of_equal_titles_in_a_file_the_first_stays(tmp_path: Path) -> None:
    """After trimming; one that is refused anyway, such as the label of a territory, takes no title away."""
    content = kml(placemark("A", POINT), placemark("A"), placemark(" A "), placemark("B"), placemark("A"), placemark("a"))
    got = read(tmp_path, content, kml(placemark("A")))
    assert got.rows.select(JOB, LINE, "Title").rows() == [(0, 4, "A"), (0, 6, "B"), (0, 8, "a"), (1, 3, "A")]
    twice = got.errors.filter(got.errors["code"] == "duplicate_title")
    assert twice.select(LINE, "column", "value").rows() == [(5, "Title", "A"), (7, "Title", "A")]
    assert twice["expected"].str.contains("line 4 ").all()


@pytest.mark.parametrize("root", ["kml", "Document", "Folder", "Placemark"])
@pytest.mark.parametrize(
    "space", [None, NAMESPACE, "http://earth.google.com/kml/2.0", "http://earth.google.com/kml/2.1", "http://www.opengis.net/kml/2.3"]
)
@pytest.mark.parametrize("prefix", ["", "k:"])
def test_any_namespace_prefix_and_root_is_read_the_same(tmp_path: Path, root: str, space: str | None, prefix: str) -> None:
    """KML 2.0 to 2.3, earth.google.com, or none at all."""
    if prefix and space is None:
        space = "urn:anything"
    inner = placemark("North", f"<Style><LineStyle/></Style>{polygon()}")
    text = inner if root == "Placemark" else f"<{root}>{inner}</{root}>"
    text = text.replace("</", "\0").replace("<", f"<{prefix}").replace("\0", f"</{prefix}")
    declared = f' xmlns{":k" if prefix else ""}="{space}"' if space else ""
    text = text.replace(f"<{prefix}{root}", f"<{prefix}{root}{declared}", 1)
    assert read(tmp_path, text.encode()).cells("Title", "Shape") == [(1, "North", SQUARE_WKT)]


def test_what_is_no_placemark_is_passed_over_and_features_are_told(tmp_path: Path) -> None:
    """A network link may hold territories that we do not fetch: its sender must know."""
    before = '<name>D</name><Style id="s"/><Schema/><NetworkLink><Link><href>http://x/y.kml</href></Link></NetworkLink><GroundOverlay/>'
    got = read(tmp_path, kml(f"<Folder><name>F</name>{placemark()}</Folder>", before=before))
    assert got.cells("Title") == [(3, "North")]
    assert {(n.code, n.message.split(" was")[0]) for n in got.file.notices} == {
        ("member_skipped", "1 × NetworkLink"),
        ("member_skipped", "1 × GroundOverlay"),
    }


def test_placemarks_sent_again_keep_their_link_also_those_that_fail_again(tmp_path: Path) -> None:
    """By data, in any spelling that folds the same, also where another program has made simple data of it."""
    data = '<Data name="_import_job"><value>ab12cd34</value></Data><Data name="_import_line"><value>{}</value></Data>'
    simple = '<SchemaData><SimpleData name="_Import Job">ab12cd34</SimpleData><SimpleData name="_IMPORT_LINE"> 9 </SimpleData></SchemaData>'
    half = '<Data name="_import_job"><value>ab12cd34</value></Data>'
    made = [
        placemark(f"T{i}", f"<ExtendedData>{given}</ExtendedData>{shape}")
        for i, (given, shape) in enumerate(
            [(data.format(7), polygon()), (data.format(8), POINT), (simple, polygon()), (half, polygon()), (data.format("x"), polygon())]
        )
    ]
    parsed = read(tmp_path, kml(placemark("first"), *made))
    assert links(parsed) == [(0, 1, 4, "ab12cd34", 7), (0, 2, 5, "ab12cd34", 8), (0, 3, 6, "ab12cd34", 9)]
    assert parsed.file.refused == 1


def test_placemarks_on_one_line_keep_their_own_positions(tmp_path: Path) -> None:
    """Many programs write KML without line ends; positions tell packages and links apart."""
    data = '<Data name="_import_job"><value>ab12cd34</value></Data><Data name="_import_line"><value>5</value></Data>'
    data = f"<ExtendedData>{data}</ExtendedData>"
    content = kml(placemark("A") + placemark("B", POINT) + placemark("C", data + polygon()) + placemark("D"))
    got = read(tmp_path, content)
    assert got.rows.select(LINE, POS, "Title").rows() == [(3, 0, "A"), (3, 2, "C"), (3, 3, "D")]
    assert links(got) == [(0, 2, 3, "ab12cd34", 5)]


def test_lines_are_right_beyond_the_65_535th(tmp_path: Path) -> None:
    """The parser keeps 16 bits of an element's line."""
    spread = "<Placemark>\n\n <name>B</name>\n" + polygon("0,0\n1,0\n1,x\n0,0") + "\n</Placemark>"
    compact = f"<Placemark\n id='c'><name>C</name>{polygon()}</Placemark>"
    got = read(tmp_path, kml("\n" * 70_000, placemark("A"), spread, compact, "<Placemark/>", placemark("D")))
    assert got.cells("Title") == [(70_004, "A"), (70_014, "C"), (70_016, "D")]
    assert {(line, code) for _, line, _, code in got.told()} == {
        (70_005, "bad_coordinate"),
        (70_015, "required"),
        (70_015, "not_a_polygon"),
    }
    (told,) = got.errors.filter(got.errors["code"] == "bad_coordinate")["expected"]
    assert told.endswith("number 3 of its ring, on line 70010")


def test_batches_do_not_change_what_a_file_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Titles, lines and positions run through the whole file."""
    content = kml(*(placemark(f"T{i % 40}", POINT if i % 7 == 3 else None) for i in range(60)))
    whole = read(tmp_path, content)
    monkeypatch.setattr("import_pipeline.parsing.kml_reader.BATCH_PLACEMARKS", 7)
    monkeypatch.setattr("import_pipeline.parsing.kml_xml.CHUNK", 100)
    cut = read(tmp_path, content)
    assert cut.rows.equals(whole.rows) and cut.errors.equals(whole.errors) and cut.file == whole.file
    assert whole.errors.filter(whole.errors["code"] == "duplicate_title").height > 5


def test_kml_is_refused_for_types_without_shapes(tmp_path: Path) -> None:
    """A file of territories among files of contacts."""
    path = tmp_path / "Contact_x.kml"
    path.write_bytes(kml(placemark()))
    got = parse(tmp_path, object_type=CONTACT, jobs=[job(path, kind="kml")])
    assert got.file.fault and got.file.fault.code == "unsupported_kind"


@pytest.mark.parametrize("content", [kml(), b"<kml/>", b"<kml><Document><name>x</name></Document></kml>"])
def test_a_file_without_placemarks_is_refused_unless_it_is_the_empty_template(tmp_path: Path, content: bytes) -> None:
    """An export that went wrong must not pass as a success; the template that was never filled in may (acceptance S-15)."""
    got = read(tmp_path, content)
    assert got.file.fault and got.file.fault.code == "no_placemarks"
    mark = '<name>n</name><description>how</description><ExtendedData><Data name="_import_template"/></ExtendedData>'
    empty = read(tmp_path, kml(before=mark))
    assert empty.file.fault is None and empty.rows.height == 0 and empty.notices() == {"blank_lines"}
    assert read(tmp_path, kml(placemark(), before=mark)).cells("Title") == [(3, "North")]
