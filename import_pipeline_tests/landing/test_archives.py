"""Archives: what is read, and what hostile or broken ones are answered (acceptance S-13, reference/readers/README.md «ZIP»).

Belongs here: ZIP files made by hand. Does not belong here: what members' names mean (test_names.py).
"""

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from import_pipeline.landing import archives
from import_pipeline.landing.archives import ArchiveError, Limits, MemberError

from .kit import Intake, names_in


def packed(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", method) as made:
        for name, content in members:
            made.writestr(zipfile.ZipInfo(name), content, compress_type=method)
    return held.getvalue()


def by_hand(*entries: dict[str, object]) -> bytes:
    """A ZIP of entries with any field lied about: name, data, size, crc, flags, method, attr, offset, local (False: no bytes)."""
    body, directory = b"", b""
    for entry in entries:
        name, data = bytes(entry.get("name", b"Contact_a.csv")), bytes(entry.get("data", b"Title\n"))  # type: ignore[call-overload]
        flags, method = entry.get("flags", 0), entry.get("method", 0)
        size, crc = entry.get("size", len(data)), entry.get("crc", zlib.crc32(data))
        raw = bytes(entry.get("raw", data))  # type: ignore[call-overload]
        length = entry.get("packed", len(raw))
        offset = entry.get("offset", len(body))
        numbers = (20, flags, method, 0, 0x21, crc, length, size, len(name), 0)
        if entry.get("local", True):
            body += b"PK\x03\x04" + struct.pack("<HHHHHIIIHH", *numbers) + name + raw
        directory += b"PK\x01\x02" + struct.pack("<HHHHHHIIIHHHHHII", 0x314, *numbers, 0, 0, 0, entry.get("attr", 0), offset) + name
    count = len(entries)
    return body + directory + b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, count, count, len(directory), len(body), 0)


def deflate(data: bytes) -> bytes:
    stream = zlib.compressobj(9, zlib.DEFLATED, -15)
    return stream.compress(data) + stream.flush()


def read(archive: bytes, limits: Limits | None = None) -> dict[str, bytes | str]:
    """Every member's bytes, or why it has none."""
    held = io.BytesIO(archive)
    found: dict[str, bytes | str] = {}
    for member in archives.listing(held, limits).members:
        try:
            found[member.path] = member.fault.message if member.fault else b"".join(member.content(held))
        except MemberError as damaged:
            found[member.path] = str(damaged)
    return found


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_members_are_read_whole_and_folders_are_flattened(method: int) -> None:
    """acceptance S-13; two files of one name in two folders are two files."""
    big = random.Random(1).randbytes(700_000)
    content = {"Contact_a.csv": b"Title\na\n", "2025/q1/Contact_a.csv": b"Title\nb\n", "2025/big.csv": big, "empty.csv": b""}
    made = packed(*content.items(), method=method)
    assert read(made) == content
    assert [m.name for m in archives.listing(io.BytesIO(made)).members] == ["Contact_a.csv", "Contact_a.csv", "big.csv", "empty.csv"]


def test_what_systems_add_is_skipped_and_told() -> None:
    """macOS and Windows add files nobody meant to send."""
    listing = archives.listing(
        io.BytesIO(packed(("__MACOSX/._a.csv", b"x"), ("d/.DS_Store", b"x"), ("Thumbs.db", b"x"), ("d/", b""), ("a.csv", b"x")))
    )
    assert [m.path for m in listing.members] == ["a.csv"]
    assert listing.skipped == ("__MACOSX/._a.csv", "d/.DS_Store", "Thumbs.db")


GOOD: dict[str, object] = {"name": b"Contact_good.csv"}
MEMBER_FAULTS: dict[str, tuple[dict[str, object], str]] = {
    "a way out of the folder": ({"name": b"../Contact_a.csv"}, "leaves the archive's folder"),
    "a way out with backslashes": ({"name": b"..\\..\\Contact_a.csv"}, "leaves the archive's folder"),
    "a way out in the middle": ({"name": b"a/../../Contact_a.csv"}, "leaves the archive's folder"),
    "an absolute path": ({"name": b"/etc/Contact_a.csv"}, "leaves the archive's folder"),
    "a drive": ({"name": b"C:\\Contact_a.csv"}, "leaves the archive's folder"),
    "no name": ({"name": b""}, "has no name"),
    "encrypted": ({"flags": 1}, "encrypted"),
    "strongly encrypted": ({"flags": 0x41}, "encrypted"),
    "a method that is not read": ({"method": 99}, "method (number 99)"),
    "a link": ({"attr": 0o120777 << 16}, "link or a device"),
    "a device": ({"attr": 0o020666 << 16}, "link or a device"),
    "an archive inside": ({"name": b"inner.zip"}, "archive inside"),
    "the ratio of a bomb": (
        {"method": 8, "raw": deflate(b"0" * 3_000_000), "data": b"0" * 3_000_000},
        "compressed more than 200:1",
    ),
    "a second one of its name": ({"name": b"contact_GOOD.csv"}, "occurs twice"),
    "shorter than listed": ({"size": 99}, "the archive's directory says 99"),
    "longer than listed": ({"size": 2, "crc": zlib.crc32(b"Ti")}, "longer than the archive's directory says"),
    "deflated and longer than listed": (
        {"method": 8, "raw": deflate(b"Title\nlonger\n"), "size": 6, "crc": zlib.crc32(b"Title\n")},
        "longer than the archive's directory says",
    ),
    "a wrong checksum": ({"crc": 1}, "checksum"),
    "broken deflate": ({"method": 8, "raw": b"\xff\xff\xff"}, "damaged"),
    "deflate without its end": ({"method": 8, "raw": deflate(b"Title\n" * 50)[:-4], "data": b"Title\n" * 50}, "damaged"),
    "bytes behind the end": ({"method": 8, "raw": deflate(b"Title\n") + b"more"}, "behind its end"),
}


@pytest.mark.parametrize("case", MEMBER_FAULTS)
def test_a_bad_member_is_refused_with_its_reason_and_the_others_are_read(case: str) -> None:
    """Python's zipfile lets most of these pass (reference/readers/README.md «ZIP»)."""
    entry, reason = MEMBER_FAULTS[case]
    found = list(read(by_hand(GOOD, entry)).items())
    assert found[0] == ("Contact_good.csv", b"Title\n")
    assert isinstance(found[1][1], str) and reason in found[1][1]


def bomb() -> bytes:
    """Two entries of the directory point to the same bytes."""
    return by_hand({"name": b"a.csv"}, {"name": b"b.csv", "offset": 0, "local": False})


def quoted_bomb() -> bytes:
    """The first member's bytes hold the second one's header, as the better-known bombs do."""
    inner = by_hand({"name": b"b.csv", "data": b"x" * 50})[:85]
    return by_hand({"name": b"a.csv", "data": inner}, {"name": b"b.csv", "data": b"x" * 50, "offset": 35, "local": False})


WHOLE_FAULTS: dict[str, tuple[Callable[[], bytes], str]] = {
    "same bytes twice": (bomb, "overlap"),
    "a member inside a member": (quoted_bomb, "overlap"),
    "cut in the directory": (lambda: packed(("a.csv", b"x" * 999))[:-30], "cut off"),
    "cut in the data": (lambda: packed(("a.csv", random.Random(1).randbytes(999)))[:500], "cut off"),
    "a length behind the end": (lambda: by_hand({"packed": 10**6, "size": 10**6}), "cut off"),
    "an offset into nowhere": (lambda: by_hand({"offset": 10**6}), "cut off"),
    "an offset into something else": (lambda: by_hand({}, {"name": b"b", "offset": 3, "local": False}), "damaged"),
    "a directory that lists nothing": (lambda: b"PK\x03\x04" + b"x" * 99 + b"PK\x05\x06" + b"\0" * 18, "lists nothing"),
    "more than it may unpack to": (lambda: by_hand({"size": 3 << 30}), "more than the 2,147,483,648 allowed"),
    "more members than allowed": (lambda: packed(*[(f"{n}.csv", b"") for n in range(10_001)]), "more than the 10,000 allowed"),
    "not a ZIP at all": (lambda: b"Title\nx\n", "cut off"),
}


@pytest.mark.parametrize("case", WHOLE_FAULTS)
def test_a_dangerous_or_broken_archive_is_refused_as_a_whole(case: str) -> None:
    """acceptance S-13: bombs and cut archives; nothing of them is imported."""
    make, reason = WHOLE_FAULTS[case]
    with pytest.raises(ArchiveError, match=reason):
        archives.listing(io.BytesIO(make()))


def test_a_directory_of_gigabytes_is_refused_before_it_is_loaded() -> None:
    """The end record tells its length."""
    made = bytearray(packed(("a.csv", b"x")))
    made[-10:-6] = struct.pack("<I", 200 << 20)
    with pytest.raises(ArchiveError, match=r"directory of the archive has 209,715,200 bytes"):
        archives.listing(io.BytesIO(bytes(made)))


def test_names_of_old_windows_and_of_mac_are_read() -> None:
    """UTF-8 without its flag, else cp437."""
    found = read(by_hand({"name": "Größe_a.csv".encode()}, {"name": b"Gr\x94\xe1e_b.csv"}))
    assert set(found) == {"Größe_a.csv", "Größe_b.csv"}


@given(st.data())
def test_any_damage_is_refused_or_gives_the_exact_bytes(data: st.DataObject) -> None:
    """A flipped byte or a cut never raises anything else and never gives other bytes under a good name."""
    content = {"Contact_a.csv": b"Title\n" + b"row\n" * 30, "Account_b.csv": b"Title\nx\n"}
    made = bytearray(packed(*content.items()))
    if data.draw(st.booleans()):
        made = made[: data.draw(st.integers(0, len(made) - 1))]
    else:
        at = data.draw(st.integers(0, len(made) - 1))
        made[at] ^= data.draw(st.integers(1, 255))
    try:
        found = read(bytes(made))
    except ArchiveError:
        return
    for value in found.values():
        assert isinstance(value, str) or value in content.values()


def test_each_member_becomes_a_job_with_the_archive_in_its_lineage(intake: Intake) -> None:
    """acceptance S-13 and B-6: members of unknown type or other kinds are reported, each for itself."""
    made = packed(
        ("2025/Contact_a.csv", b"Title\na\n"),
        ("Account_b.jsonl", b'{"Title": "b"}\n'),
        ("Contakt_c.csv", b"Title\nc\n"),
        ("readme.pdf", b"%PDF-1.7"),
        ("../Contact_d.csv", b"Title\nd\n"),
        ("Contact_again.csv", b"Title\na\n"),
        ("__MACOSX/._x", b"x"),
    )
    intake.drop("everything.zip", made)
    intake.settle()
    found = intake.run()
    assert [(j.number, j.name, j.object_type, j.kind, j.fault and j.fault.code) for j in found] == [
        (0, "Contact_a.csv", "Contact", "csv", None),
        (1, "Account_b.jsonl", "Account", "jsonl", None),
        (2, "Contakt_c.csv", "", "csv", "unknown_object_type"),
        (3, "readme.pdf", "", "other", "unsupported_kind"),
        (4, "Contact_d.csv", "Contact", "other", "archive"),
        (5, "Contact_again.csv", "Contact", "csv", "duplicate"),
    ]
    assert {(j.archive, j.member) for j in found[:2]} == {("everything.zip", "2025/Contact_a.csv"), ("everything.zip", "Account_b.jsonl")}
    assert found[0].path.read_bytes() == b"Title\na\n" and found[0].sha256 != ""
    assert found[5].fault is not None and found[5].fault.value == found[0].id
    with intake.ledger.read() as conn:
        told = conn.exec_driver_sql("SELECT notices FROM jobs WHERE number = 0").scalar()
    assert told is not None and "__MACOSX/._x" in str(told)
    assert names_in(intake.success) == {b"everything.zip"}


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("cut.zip", packed(("Contact_a.csv", b"x" * 999))[:-30], "cut off"),
        ("bomb.zip", bomb(), "overlap"),
        ("text.zip", b"Title\nx\n", "not a ZIP"),
        ("nothing.zip", packed(), "holds no files"),
    ],
)
def test_a_refused_archive_is_one_failed_job_and_lies_in_failed(intake: Intake, name: str, content: bytes, reason: str) -> None:
    """Each file gets its answer."""
    intake.drop(name, content)
    intake.settle()
    (job,) = intake.run()
    assert job.kind == "zip" and job.fault is not None and job.fault.code == "archive" and reason in job.fault.message
    assert names_in(intake.failed) == {name.encode()}
