"""What an export looks like on the disk: names, formats, manifest, ZIP, and that it appears complete or not at all."""

import csv
import hashlib
import json
import os
import zipfile
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from import_pipeline.exporting import files
from import_pipeline.exporting.windows import window_of
from import_pipeline.landing.names import object_type_of
from import_pipeline.model.object_type import ObjectType
from import_pipeline_tests.exporting.chain import NEW_YORK, Chain
from import_pipeline_tests.lab import ACCOUNT, CONTACT

FORMATS = ("csv", "jsonl", "parquet")
AWKWARD = [
    'say "hi", then',
    "two\nlines",
    "cr\ronly\r\n",
    "=1+1",
    "NULL",
    "'",
    '"',
    ",",
    "#no comment",
    "😀 é 漢",
    "a;b\tc",
    "\\N",
    "\u2028",
]


@pytest.fixture
def lab(tmp_path: Path) -> Chain:
    return Chain(tmp_path, (ACCOUNT, CONTACT))


def named(names: list[str]) -> list[dict[str, object]]:
    return [{"ExternalDataObjectId": f"A{n}", "Name": name} for n, name in enumerate(names)]


def visible(folder: Path) -> set[str]:
    return {p.name for p in folder.iterdir()}


def test_every_format_has_the_columns_of_the_template_and_the_records_in_order_of_their_ids(lab: Chain) -> None:
    """What the template takes is what an export gives; a file that came in another order each time could not be compared."""
    lab.deliver("Account", named(["b", "a", "c"]))
    lab.deliver("Account", [{"ExternalDataObjectId": "A1", "Score": 2.5}])
    paths = {f: lab.export("Account", format=f).path for f in FORMATS}
    with paths["csv"].open(newline="", encoding="utf-8") as file:
        header, *rows = list(csv.reader(file))
    assert tuple(header) == ACCOUNT.template_header
    assert [r[1] for r in rows] == ["A0", "A1", "A2"]
    assert [r[0] for r in rows] == sorted(r[0] for r in rows)
    as_json = [json.loads(line) for line in paths["jsonl"].read_text("utf-8").splitlines()]
    assert [tuple(r) for r in as_json] == [ACCOUNT.template_header] * 3
    assert [list(r.values()) for r in as_json] == [
        [float(c) if k == "Score" and c else c or None for k, c in zip(header, r, strict=True)] for r in rows
    ]
    typed = pl.read_parquet(paths["parquet"])
    assert typed.to_dicts() == as_json
    assert typed.schema["Score"] == pl.Float64


def test_a_csv_export_is_utf_8_without_bom_with_commas_and_line_feeds(lab: Chain) -> None:
    """RFC 4180 but for the line end; nothing is quoted that need not be."""
    lab.deliver("Contact", [{"ExternalDataObjectId": "C1", "Name": "Zoë, née Q", "Title": 'a "b"'}])
    data = lab.bytes_of("Contact")
    tag = lab.query("SELECT tag FROM store._lock")[0][0]
    assert data.decode("utf-8") == f'RecordID,ExternalDataObjectId,RelatedTo,Name,Title\n{tag}{1:016x},C1,,"Zoë, née Q","a ""b"""\n'


@settings(max_examples=6)
@given(
    st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1) | st.sampled_from(AWKWARD), min_size=1, max_size=20)
)
def test_any_text_is_read_again_from_every_format_as_it_was(tmp_path_factory: pytest.TempPathFactory, names: list[str]) -> None:
    """Quotes, delimiters, line ends and control characters belong to the text; readers of others must agree on that."""
    lab = Chain(tmp_path_factory.mktemp("lab"), (ACCOUNT, CONTACT))
    lab.deliver("Account", named([*names, *AWKWARD]))
    with lab.export("Account").path.open(newline="", encoding="utf-8") as file:
        assert [row["Name"] for row in csv.DictReader(file)] == [*names, *AWKWARD]
    lines = lab.bytes_of("Account", format="jsonl").decode("utf-8").removesuffix("\n").split("\n")
    assert [json.loads(line)["Name"] for line in lines] == [*names, *AWKWARD]
    assert pl.read_parquet(lab.export("Account", format="parquet").path)["Name"].to_list() == [*names, *AWKWARD]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("format", FORMATS)
def test_the_same_state_gives_the_same_bytes_and_the_same_manifest_but_for_when_it_was_made(lab: Chain, format: str, packed: bool) -> None:
    """Whoever compares hashes sees a change only where records changed; so no file holds a time, ZIP entries included."""
    lab.deliver("Account", named(AWKWARD * 20))
    window = window_of("daily", "2026-11-01", NEW_YORK)
    day = timedelta(days=1)
    first = lab.export("Account", window, "one", format=format, zip=packed, now=window.end)
    os.utime(first.path, (0, 0))
    lab.deliver("Account", [{"ExternalDataObjectId": "A1", "Score": 2.5}]) if lab.now >= window.end else None
    second = lab.export("Account", window, "two", format=format, zip=packed, now=window.end + day)
    assert first.path.read_bytes() == second.path.read_bytes()
    told = [json.loads(r.manifest.read_text()) for r in (first, second)]
    assert told[0].pop("made_at") == "2026-11-02T05:00:00Z"
    assert told[1].pop("made_at") == "2026-11-03T05:00:00Z"
    assert told[0] == told[1]


def test_the_manifest_tells_what_the_file_is_and_its_hash(lab: Chain) -> None:
    """A receiver checks rows, bytes and hash before it trusts the file."""
    lab.deliver("Account", named(["a", "b"]))
    lab.deliver("Contact", [{"ExternalDataObjectId": "C1", "Name": "Cy", "RelatedTo": "A1"}])
    window = window_of("weekly", "2026-10-26", NEW_YORK)
    result = lab.export("Contact", window, content="changes", now=window.end)
    data = result.path.read_bytes()
    assert (result.rows, result.sha256) == (1, hashlib.sha256(data).hexdigest())
    assert json.loads(result.manifest.read_text()) == {
        "account": "lab",
        "type": "Contact",
        "file": "Contact_2026-W44.csv",
        "content": "changes",
        "window": {
            "cadence": "weekly",
            "label": "2026-W44",
            "start": "2026-10-26T04:00:00Z",
            "end": "2026-11-02T05:00:00Z",
            "timezone": NEW_YORK,
        },
        "as_of": "2026-11-02T04:59:59.999999Z",
        "format": "csv",
        "zip": False,
        "columns": list(CONTACT.template_header),
        "rows": 1,
        "bytes": len(data),
        "sha256": result.sha256,
        "made_at": "2026-11-02T05:00:00Z",
    }
    assert visible(result.path.parent) == {"Contact_2026-W44.csv", "Contact_2026-W44.csv.manifest.json"}


def test_a_zip_holds_the_one_file_under_its_own_name(lab: Chain) -> None:
    """Dropped back, the member's name tells the object type; the hash is that of what is sent, the ZIP."""
    lab.deliver("Account", named(["a"]))
    result = lab.export("Account", zip=True)
    assert result.path.name == "Account_2026-11-01T120100Z.csv.zip"
    with zipfile.ZipFile(result.path) as archive:
        assert archive.namelist() == ["Account_2026-11-01T120100Z.csv"]
        assert archive.read(archive.namelist()[0]) == lab.bytes_of("Account")
    assert result.sha256 == hashlib.sha256(result.path.read_bytes()).hexdigest()


@pytest.mark.parametrize("name", ["Contact", "Sales Order", "A/B test", ".hidden", "Über_Typ"])
def test_an_export_s_name_begins_with_its_type_so_that_it_can_be_dropped_back(tmp_path: Path, name: str) -> None:
    """Acceptance S-3. A type's name may hold what a file's name may not."""
    kind = ObjectType.model_validate({"name": name, "fields": [{"name": "Name"}]})
    lab = Chain(tmp_path, (kind, CONTACT) if name != "Contact" else (kind,))
    result = lab.export(name)
    assert result.path.parent == tmp_path / "out"
    assert not result.path.name.startswith(".")
    assert object_type_of(lab.account, result.path.name) == name


def test_an_export_that_fails_leaves_the_older_file_as_it_was_and_nothing_else(lab: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever takes files out of the folder must never see half of one; a full disk shows when it is forced to the disk."""
    lab.deliver("Account", named(["a"]))
    before = lab.export("Account").path.read_bytes()
    names = visible(lab.home / "out")
    lab.query("SELECT 1")
    now = lab.now
    lab.deliver("Account", named(["a", "b"]))

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        lab.export("Account", now=now)
    assert visible(lab.home / "out") == names
    assert (lab.home / "out" / "Account_2026-11-01T120100Z.csv").read_bytes() == before


def test_the_manifest_appears_after_its_file(lab: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits for the manifest finds a complete file beside it."""
    seen: list[set[str]] = []
    publish = files.publish

    def watched(temporary: Path, path: Path) -> None:
        seen.append(visible(path.parent) - {temporary.name})
        publish(temporary, path)

    monkeypatch.setattr(files, "publish", watched)
    monkeypatch.setattr("import_pipeline.exporting.export.publish", watched)
    result = lab.export("Account")
    assert seen == [set(), {result.path.name}]


def test_what_a_killed_process_left_behind_goes_after_a_day(lab: Chain) -> None:
    """Hidden leftovers of large exports would fill the disk; one of a process that still writes must stay."""
    folder = lab.home / "out"
    folder.mkdir()
    old, new = (folder / f".Account_2026-11-01T120000Z.csv.{pid}.writing" for pid in (1, 2))
    for left in (old, new):
        left.write_text("half")
    os.utime(old, (0, 0))
    lab.export("Account")
    assert not old.exists()
    assert new.exists()
