"""Failed placemarks come back as they were sent, each with its own reasons, and the file can be sent again."""

import io
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.sax.saxutils import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from import_pipeline.failures import PermanentFailure
from import_pipeline.reporting.failed_placemarks import write_failed_placemarks
from import_pipeline_tests.plain_kml import placemarks
from import_pipeline_tests.territory_samples import CUT

KML = "http://www.opengis.net/kml/2.2"
POLYGON = "<Polygon><outerBoundaryIs><LinearRing><coordinates>0,0 1,0 1,1 0,0</coordinates></LinearRing></outerBoundaryIs></Polygon>"
JOB = "ab12cd34"


def mark(name: str, inside: str = "") -> str:
    """A placemark on one line."""
    return f"<Placemark><name>{name}</name>{inside}{POLYGON}</Placemark>"


def document(*lines: str, root: str = f'<kml xmlns="{KML}">') -> bytes:
    """A KML file whose first of `lines` is its line 3."""
    return "\n".join(["<?xml version='1.0' encoding='UTF-8'?>", f"{root}<Document>", *lines, "</Document></kml>"]).encode()


def sent_back(folder: Path, content: bytes, lines: dict[int, str], *, job: str = JOB) -> Path:
    """The failed placemarks of `content` at these lines."""
    original, path = folder / "original.kml", folder / "failed.kml"
    original.write_bytes(content)
    count = write_failed_placemarks(original, lines, path, job)
    assert count == len(placemarks(path))
    return path


def told(line: int, text: str, job: str = JOB) -> dict[str, str]:
    """The reasons of one placemark."""
    return {"_import_job": job, "_import_line": str(line), "_import_errors": text}


def test_only_the_failed_placemarks_come_back_each_with_its_reasons(tmp_path: Path) -> None:
    """The others are imported already; sent again they would only be noise."""
    content = document(*(mark(f"T{n}") for n in range(3, 9)))
    found = placemarks(sent_back(tmp_path, content, {4: "a & b", 7: "<c>\x01"}))
    assert [(p.name, p.data) for p in found] == [("T4", told(4, "a & b")), ("T7", told(7, "<c>\ufffd"))]


def test_everything_else_of_a_placemark_stays_as_it_was_sent(tmp_path: Path) -> None:
    """Whoever mends a border wants to find style, foreign data and text as they were; numbers are not written anew."""
    inside = (
        "<gx:balloonVisibility>1</gx:balloonVisibility><description><![CDATA[<b>x</b> & y]]></description>"
        '<Style id="s"><LineStyle/></Style>'
        '<ExtendedData xmlns:x="urn:x"><Data name="kept"><value> 1.10 </value></Data><x:own a="1">é</x:own></ExtendedData>'
        "<Polygon><outerBoundaryIs><LinearRing><coordinates>\n -96.10,41.20,0\t1e0,2</coordinates></LinearRing></outerBoundaryIs></Polygon>"
    )
    root = f'<kml xmlns="{KML}" xmlns:gx="http://www.google.com/kml/ext/2.2">'
    sent = f'<Placemark id="p&quot;1"><name>A &amp; B</name>{inside}</Placemark>'
    path = sent_back(tmp_path, document("<Style id='shared'/>", sent, mark("good"), root=root), {4: "why"})
    assert "&lt;b&gt;x&lt;/b&gt; &amp; y" in path.read_text() and "shared" not in path.read_text()
    whole = etree.fromstring(f"{root}{sent}</kml>".encode())[0]
    back = etree.parse(str(path)).getroot().find("{*}Document/{*}Placemark")
    added = [data for data in back.iter("{*}Data") if data.get("name") in told(0, "")]
    for data in added:
        data.getparent().remove(data)
    back.tail = None
    assert len(added) == 3
    assert etree.tostring(back, method="c14n", exclusive=True) == etree.tostring(whole, method="c14n", exclusive=True)


def test_reasons_stand_before_the_geometry_where_kml_wants_them(tmp_path: Path) -> None:
    """Map programs that check the order would drop the geometry or the data."""
    path = sent_back(tmp_path, document(mark("A", "<Region/>")), {3: "why"})
    back = etree.parse(str(path)).getroot().find("{*}Document/{*}Placemark")
    assert [etree.QName(child).localname for child in back] == ["name", "Region", "ExtendedData", "Polygon"]


def test_a_placemark_that_fails_again_has_its_reasons_once(tmp_path: Path) -> None:
    """Two sets of reasons would leave it open which of them is true."""
    first = sent_back(tmp_path, document(mark("A"), mark("B")), {4: "old reason"}, job="0ld00000").read_bytes()
    (line,) = [found.line for found in placemarks(tmp_path / "failed.kml")]
    (again,) = placemarks(sent_back(tmp_path, first, {line: "new reason"}))
    assert again.data == told(line, "new reason")
    assert b"old reason" not in (tmp_path / "failed.kml").read_bytes()


@pytest.mark.parametrize(
    "root",
    [
        '<k:kml xmlns:k="http://earth.google.com/kml/2.1">',
        '<kml xmlns="http://earth.google.com/kml/2.0">',
        "<kml>",
    ],
)
def test_namespace_and_prefix_stay_as_they_were(tmp_path: Path, root: str) -> None:
    """A file of an old program comes back in the words that this program knows."""
    content = document(mark("A"), mark("B"), root=root).decode()
    if root.startswith("<k:"):
        content = re.sub(r"<(/?)(?=[A-Zaceno])(?!k:)", r"<\1k:", content).replace("</kml", "</k:kml")
    path = sent_back(tmp_path, content.encode(), {4: "why"})
    (found,) = placemarks(path)
    elements = list(etree.parse(str(path)).getroot().iter())
    sent = etree.fromstring(content.encode())
    assert found.name == "B" and found.data == told(4, "why")
    assert {etree.QName(e).namespace for e in elements} == {etree.QName(sent).namespace}
    assert {e.prefix for e in elements} == {sent.prefix}


def test_a_placemark_without_a_document_around_it_and_other_encodings_come_back(tmp_path: Path) -> None:
    """Some programs write one placemark as the whole file; what comes back is UTF-8."""
    content = f'<?xml version="1.0" encoding="UTF-16"?><Placemark xmlns="{KML}"><name>Zoë</name></Placemark>'.encode("utf-16")
    path = sent_back(tmp_path, content, {1: "what is 'Ω'?"})
    (found,) = placemarks(path)
    assert (found.name, found.data) == ("Zoë", told(1, "what is 'Ω'?"))
    assert path.read_bytes().startswith(b"<?xml version='1.0' encoding='utf-8'?>")


def test_lines_beyond_65535_are_found(tmp_path: Path) -> None:
    """XML libraries used to keep line numbers in 16 bits."""
    content = document(*[""] * 70_000, mark("far"), mark("next"))
    (found,) = placemarks(sent_back(tmp_path, content, {70_003: "why"}))
    assert (found.name, found.data["_import_line"]) == ("far", "70003")


def test_placemarks_that_begin_on_one_line_come_back_together(tmp_path: Path) -> None:
    """A line is all that names them; a good one among them is imported again and changes nothing."""
    found = placemarks(sent_back(tmp_path, document(mark("A") + mark("B"), mark("C")), {3: "why"}))
    assert [(p.name, p.data) for p in found] == [("A", told(3, "why")), ("B", told(3, "why"))]


def test_without_failed_lines_there_is_no_file(tmp_path: Path) -> None:
    """An empty file in Failed would ask for an answer."""
    (tmp_path / "a.kml").write_bytes(document(mark("A")))
    assert write_failed_placemarks(tmp_path / "a.kml", {}, tmp_path / "failed.kml", JOB) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["a.kml"]


def test_a_stream_is_written_as_a_file_is(tmp_path: Path) -> None:
    """Answers are written to an open file that is renamed in the end."""
    content = document(mark("A"))
    path = sent_back(tmp_path, content, {3: "why"})
    out = io.BytesIO()
    assert write_failed_placemarks(tmp_path / "original.kml", {3: "why"}, out, JOB) == 1
    assert out.getvalue() == path.read_bytes()


DOCTYPE = b'<!DOCTYPE kml [<!ENTITY a "x">]>'


@pytest.mark.parametrize(
    "content",
    [
        document(mark("A"), mark("B"))[:-20],
        document(mark("A"), "<oops>"),
        document(mark("A"), "", mark("B")),
        document(mark("A"), mark("B")).replace(b"?>\n", b"?>" + DOCTYPE + b"\n", 1),
        document(mark("A"), mark("&b;")),
        b"",
        b"Title,Shape\n",
    ],
    ids=["cut", "not closed", "no placemark at the line", "document type", "unknown entity", "empty", "no XML"],
)
def test_an_original_that_is_not_what_was_imported_gives_no_file(tmp_path: Path, content: bytes) -> None:
    """No file is better than one in which a placemark is missing or has the reasons of another."""
    (tmp_path / "a.kml").write_bytes(content)
    with pytest.raises(PermanentFailure, match=r"a\.kml"):
        write_failed_placemarks(tmp_path / "a.kml", {3: "why", 4: "why"}, tmp_path / "failed.kml", JOB)
    assert [path.name for path in tmp_path.iterdir()] == ["a.kml"]


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"], exclude_characters="\ufffe\uffff"), max_size=10)


@settings(max_examples=50, deadline=None)
@given(names=st.lists(TEXT, min_size=1, max_size=8), folders=st.booleans(), data=st.data())
def test_whatever_stands_in_them_the_chosen_placemarks_come_back_in_order(names: list[str], folders: bool, data: st.DataObject) -> None:
    """Names, errors, folders and gaps of any kind: line by line what was chosen."""
    texts, lines, at = [], [], 3
    for name in names:
        gap = data.draw(st.integers(0, 2))
        texts += [*["<Style/>"] * gap, f"<Folder>{mark(escape(name))}</Folder>" if folders else mark(escape(name))]
        lines.append(at + gap)
        at += gap + 1
    content = document(*texts)
    chosen = data.draw(st.dictionaries(st.sampled_from(lines), TEXT, min_size=1))
    with tempfile.TemporaryDirectory() as folder:
        found = placemarks(sent_back(Path(folder), content, chosen))
    expected = [(name, told(line, chosen[line])) for name, line in zip(names, lines, strict=True) if line in chosen]
    assert [(p.name or "", {k: v or "" for k, v in p.data.items()}) for p in found] == expected


def test_the_refused_placemarks_of_the_sample_come_back(tmp_path: Path) -> None:
    """The sample is a file as map programs write it: a folder, a shared style, tabs."""
    refused = {p.line: f"reason {p.line}" for p in placemarks(CUT / "2_counties.kml") if p.name and "County" not in p.name}
    found = placemarks(sent_back(tmp_path, (CUT / "2_counties.kml").read_bytes(), refused))
    assert {int(p.data["_import_line"] or 0): p.data["_import_errors"] for p in found} == refused
    assert [p.others for p in found] == [["styleUrl"], ["styleUrl"], ["styleUrl", "Point"]]


MEMORY = """
import resource, sys
from pathlib import Path
from import_pipeline.reporting.failed_placemarks import write_failed_placemarks
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
lines = {int(line): "why" for line in sys.argv[3:]}
print(write_failed_placemarks(Path(sys.argv[1]), lines, Path(sys.argv[2]), "ab12cd34"))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.slow
def test_memory_stays_flat_however_long_the_original_is(tmp_path: Path) -> None:
    """What stands between placemarks counts too: 60 MB of styles, folders and polygons for one placemark at the end."""
    ring = " ".join(f"{-96 - n / 997},{41 + n / 991}" for n in range(300))
    line = f"<Folder><Style id='x'><LineStyle/></Style><!-- {'c' * 3000} --><Placemark><name>A</name>"
    line += f"<Polygon><coordinates>{ring}</coordinates></Polygon></Placemark></Folder>"
    with (tmp_path / "a.kml").open("wb") as out:
        out.write(document(*[line] * 4_000, mark("last")))
    command = [sys.executable, "-c", MEMORY, str(tmp_path / "a.kml"), str(tmp_path / "failed.kml"), "4003"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    count, kilobytes = done.stdout.split()
    assert (tmp_path / "a.kml").stat().st_size > 50_000_000
    assert count == "1" and int(kilobytes) < 10_000
