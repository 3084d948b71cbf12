"""Files that are broken, cut off or made to do harm: refused as a whole, with the line, and without a trace (issue of territories, 7).

Belongs here: XML. Does not belong here: bad placemarks in good files (test_kml_placemarks.py).
"""

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from import_pipeline.parsing.batch import Refused, Task
from import_pipeline.parsing.header import mapper
from import_pipeline.parsing.kml_reader import KmlReader
from import_pipeline.parsing.kml_xml import Placemarks
from import_pipeline_tests.parsing.kml_lab import SQUARE_WKT, STRICT, fault, kml, placemark, polygon, read
from import_pipeline_tests.parsing.lab import job

LAUGHS = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 12))
BOMB = f'<!DOCTYPE kml [<!ENTITY l0 "lol">{LAUGHS}]>'


def hostile(doctype: str, name: str = "North") -> bytes:
    """A good file but for what stands before its root."""
    return doctype.encode() + b"\n" + kml(placemark(name)).partition(b"\n")[2]


@pytest.mark.parametrize(
    "content",
    [
        hostile(BOMB, "&l11;"),
        hostile(BOMB + " "),
        hostile(f'<!DOCTYPE kml [<!ENTITY a "{"x" * 60_000}">]>', "&a;" * 1000),
        hostile('<!DOCTYPE kml [<!ENTITY a SYSTEM "file:///etc/passwd">]>', "&a;"),
        hostile('<!DOCTYPE kml [<!ENTITY % a SYSTEM "file:///etc/passwd"> %a;]>'),
        hostile("<!DOCTYPE kml [<!ENTITY % a \"<!ENTITY b 'x'>\"> %a;]>", "&b;"),
        hostile('<!DOCTYPE kml SYSTEM "file:///etc/passwd">'),
        hostile('<!DOCTYPE kml SYSTEM "http://127.0.0.1:9/x.dtd">'),
        hostile('<!DOCTYPE kml PUBLIC "-//x//y" "x.dtd">'),
        hostile("<!DOCTYPE kml>"),
        hostile("<!DOCTYPE kml [<!ELEMENT kml ANY><!ATTLIST kml a CDATA 'default'>]>"),
        hostile("<!DOCTYPE kml [<!ENTITY"),
        hostile("<!DOCTYPE kml [" + "<!-- much -->" * 100_000 + "]>"),
        hostile("<!DOCTYPE kml>").decode().encode("utf-16"),
    ],
    ids=lambda content: content[:40].decode(errors="replace"),
)
def test_entities_and_document_types_are_forbidden(tmp_path: Path, content: bytes) -> None:
    """Entity bombs, files and addresses fetched by a reader: KML needs none of it, so none of it is looked at."""
    assert fault(tmp_path, content).code == "forbidden_xml"


def test_no_external_document_type_is_ever_opened(tmp_path: Path) -> None:
    """A pipe that nobody writes to would stop whoever opens it; with the parser's option `collect_ids=False` this one would."""
    pipe = tmp_path / "x.dtd"
    os.mkfifo(pipe)
    code = (
        "import sys\nfrom pathlib import Path\nfrom import_pipeline.parsing.batch import Refused\n"
        "from import_pipeline.parsing.kml_xml import Placemarks\n"
        "try:\n    list(Placemarks(Path(sys.argv[1])))\nexcept Refused as r:\n    print(r.fault.code)"
    )
    (tmp_path / "x.kml").write_bytes(hostile(f'<!DOCTYPE kml SYSTEM "file://{pipe}">'))
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "x.kml")], capture_output=True, text=True, timeout=30)
    assert done.stdout == "forbidden_xml\n", done.stderr


@pytest.mark.parametrize("space", ["http://www.w3.org/2001/XInclude", "http://www.w3.org/2003/XInclude"])
@pytest.mark.parametrize("inside", [True, False])
def test_inclusions_are_forbidden(tmp_path: Path, space: str, inside: bool) -> None:
    """Wherever they stand, under any prefix."""
    include = f'<i:include xmlns:i="{space}" href="file:///etc/passwd" parse="text"/>'
    content = kml(placemark(), placemark("B", include + polygon())) if inside else kml(placemark(), include)
    told = fault(tmp_path, content)
    assert (told.code, told.line) == ("forbidden_xml", 4)


@pytest.mark.parametrize("depth", [260, 5_000])
def test_folders_nested_without_end_are_refused_with_the_line(tmp_path: Path, depth: int) -> None:
    """Some readers end in a stack overflow."""
    content = b"<kml>" + b"\n<Folder>" * depth + placemark().encode() + b"</Folder>" * depth + b"</kml>"
    told = fault(tmp_path, content)
    assert told.code == "bad_xml" and told.line and told.line < 300
    fine = b"<kml>" + b"<Folder>" * 200 + placemark().encode() + b"</Folder>" * 200 + b"</kml>"
    assert read(tmp_path, fine).cells("Title") == [(1, "North")]


@pytest.mark.parametrize(
    ("content", "code", "line"),
    [
        (b"", "empty_file", None),
        (b" \n\n", "empty_file", None),
        (b"\xef\xbb\xbf", "empty_file", None),
        (b"hello", "bad_xml", 1),
        (b"PK\x03\x04 and more of an archive", "bad_xml", 1),
        (b"Title,Shape\nNorth,x\n", "bad_xml", 1),
        (b"<gpx>\n</gpx>", "not_kml", 1),
        (b"\n<html><Placemark/></html>", "not_kml", 2),
        (b"<kml>\n<Placemark><name>A & B</name></Placemark></kml>", "bad_xml", 2),
        (b"<kml>\n\n<Placemark><name>A&nbsp;B</name></Placemark></kml>", "bad_xml", 3),
        (b"<kml>\n<Placemark></Folder></kml>", "bad_xml", 2),
        (b"<kml>\n<Placemark a='1' a='2'/></kml>", "bad_xml", 2),
        (b"<kml>\n<gx:Track/></kml>", "bad_xml", 2),
        (b"<kml>\n<Placemark>\x00</Placemark></kml>", "bad_xml", 2),
        (b"<kml>\n<Placemark>&#1;</Placemark></kml>", "bad_xml", 2),
        (b"<kml>\n</kml>\n<kml/>", "bad_xml", 3),
        (b"<kml>\n</kml>\njunk", "bad_xml", 3),
        (b"<kml>\n<Placemark><name>Zo\xeb</name></Placemark></kml>", "encoding", 2),
        (b"<?xml version='1.0' encoding='UTF-8'?>\n<kml>\n<name>Zo\xeb</name></kml>", "encoding", 3),
        (b"<?xml version='1.0' encoding='ascii'?>\n<kml>\n<name>Zo\xc3\xab</name></kml>", "encoding", 1),
        (b"<?xml version='1.0' encoding='UTF-16'?>\n<kml/>", "encoding", 1),
        (b"<?xml version='1.0' encoding='klingon'?>\n<kml/>", "encoding", 1),
        ("<?xml version='1.0' encoding='UTF-8'?><kml>".encode("utf-16"), "cut_off", 1),
        (b"<kml>\n<Document>\n<Placemark>", "cut_off", 3),
        (b"<kml>\n<Document><!-- half", "cut_off", 2),
        (b"<kml>\n<Document><![CDATA[ half", "cut_off", 2),
        (b"<kml>\n<Document id='ha", "cut_off", 2),
        (b"<kml>\n<Placemark><name>Zo\xc3", "cut_off", 2),
        (b"<kml>\n<Placemark><name>A &", "cut_off", 2),
        (b"<kml>\n<Placemark><name>A &am", "cut_off", 2),
        (b"<kml>\n<Placemark><name>A &#", "cut_off", 2),
        (b"<kml>\n<Placemark><name>A &b c", "bad_xml", 2),
        (b"<?xml versio", "cut_off", 1),
        (b"<km", "cut_off", 1),
    ],
)
def test_a_file_that_is_no_whole_kml_is_refused_with_its_line(tmp_path: Path, content: bytes, code: str, line: int | None) -> None:
    """Nothing is mended: half of a file, or a name without its ampersand, is not what was sent."""
    told = fault(tmp_path, content)
    assert (told.code, told.line) == (code, line), told.message


def test_a_file_cut_at_every_hundredth_byte_is_always_refused(tmp_path: Path) -> None:
    """Whole files end with their root, so that every shorter one is told."""
    content = kml(
        *(placemark(f"T{i} é &amp; &#x45;&#101;", f"<description><![CDATA[<b>x</b>]]></description>{polygon()}") for i in range(30))
    )
    codes = set()
    path = tmp_path / "cut.kml"
    for length in [*range(1, len(content) - 1, 100), *range(500, 900), *range(len(content) - 12, len(content) - 1)]:
        path.write_bytes(content[:length])
        with pytest.raises(Refused) as refused:
            list(Placemarks(path))
        codes.add(refused.value.fault.code)
    assert codes == {"cut_off"}
    path.write_bytes(content[:-1])
    assert len(list(Placemarks(path))) == 30


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "iso-8859-1", "windows-1252"])
def test_every_encoding_that_a_file_states_or_marks_gives_the_same(tmp_path: Path, encoding: str) -> None:
    """A byte order mark outweighs what the first line says."""
    stated = {"utf-8-sig": "iso-8859-1", "utf-16-le": "utf-16", "utf-16-be": "utf-16"}.get(encoding, encoding)
    text = kml(placemark("Zoë", "<description>naïve</description>" + polygon())).decode()
    got = read(tmp_path, text.replace("UTF-8", stated).encode(encoding))
    assert got.cells("Title", "Shape", "Description") == [(3, "Zoë", SQUARE_WKT, "naïve")]
    assert got.file.encoding


def test_a_fault_at_the_end_takes_back_what_was_read_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is applied before the end: the other files of the delivery stay."""
    monkeypatch.setattr("import_pipeline.parsing.parts.PART_ROWS", 5)
    monkeypatch.setattr("import_pipeline.parsing.kml_reader.BATCH_PLACEMARKS", 5)
    many = [placemark(f"T{i}") for i in range(2_000)]
    got = read(tmp_path, kml(placemark("A")), kml(*many, placemark("x & y")), kml(*many)[:-3], kml(placemark("B")))
    assert [f.fault.code if f.fault else None for f in got.files] == [None, "bad_xml", "cut_off", None]
    assert got.rows["Title"].to_list() == ["A", "B"] and got.errors.height == 0


def _large(kind: str) -> Iterator[bytes]:
    """About 60 MB or more of one thing."""
    yield b"<kml><Document>"
    if kind == "vertices":
        yield b"<Placemark><name>A</name><Polygon><outerBoundaryIs><LinearRing><coordinates>"
        yield from (b"-96.1,41.2,0 " * 10_000 for _ in range(1_000))
        yield b"</coordinates></LinearRing></outerBoundaryIs></Polygon></Placemark>"
    elif kind == "styles":
        yield from (b"<Style id='s'><LineStyle><color>ff0000ff</color></LineStyle></Style>\n" * 1_000 for _ in range(900))
    elif kind == "names":
        yield from (b"".join(b"<a%d/>" % (i * 1_000 + j) for j in range(1_000)) for i in range(6_000))
    elif kind == "placemark":
        yield b"<Placemark><name>A</name><ExtendedData>"
        yield from (b"<Data name='x'><value>some value</value></Data>" * 1_000 for _ in range(1_300))
        yield b"</ExtendedData></Placemark>"
    elif kind == "descriptions":
        yield from (f"<Placemark><name>T{i}</name><description>{'d' * 3_000_000}</description></Placemark>".encode() for i in range(20))
    elif kind == "comments":
        yield from (b"<!-- a comment --><?pi x?>" * 1_000 for _ in range(2_500))
    yield b"<Placemark><name>B</name></Placemark></Document></kml>"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("vertices", "bad_xml"),
        ("styles", None),
        ("names", "bad_xml"),
        ("placemark", None),
        ("descriptions", None),
        ("comments", None),
    ],
)
def test_memory_does_not_grow_with_what_a_file_holds(tmp_path: Path, kind: str, code: str | None) -> None:
    """10 million vertices in one ring, and whatever else a file may be full of. A process of its own tells the peak."""
    path = tmp_path / "large.kml"
    with path.open("wb") as out:
        out.writelines(_large(kind))
    ran = subprocess.run([sys.executable, "-m", __name__, str(path)], capture_output=True, text=True, timeout=120)
    told, megabytes = ran.stdout.split()
    assert told == str(code), ran.stderr
    assert float(megabytes) < 100


def _measure(path: Path) -> None:
    """Prints the code of the file's fault, and by how many megabytes the peak has grown while it was read."""

    def peak() -> int:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

    def task(file: Path) -> Task:
        return Task(job(file, kind="kml"), STRICT, None, file.parent)

    small = path.with_name("small.kml")
    small.write_bytes(kml(placemark()))
    list(KmlReader(task(small), mapper(STRICT, None)).batches())
    before, code = peak(), None
    try:
        for _ in KmlReader(task(path), mapper(STRICT, None)).batches():
            pass
    except Refused as refused:
        code = refused.fault.code
    print(code, peak() - before)


if __name__ == "__main__":
    _measure(Path(sys.argv[1]))
