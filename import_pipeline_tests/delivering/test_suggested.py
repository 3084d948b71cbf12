"""What the desk shows of a file before anything is chosen (acceptance B-10), and whether a value could be a default."""

import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
from openpyxl import Workbook

from import_pipeline.delivering.suggested import Unreadable, as_choices, look_at, look_at_upload, suggest_for_upload, value_problems
from import_pipeline.failures import PermanentFailure
from import_pipeline.landing import vault
from import_pipeline.ledger import Ledger, formats, uploads
from import_pipeline.ledger.uploads import Upload
from import_pipeline.model.account import Account
from import_pipeline.model.draft import DraftBody
from import_pipeline.model.format import Format
from import_pipeline.model.object_type import ObjectType
from import_pipeline.settings import Settings
from import_pipeline_tests.ledgers import ledger_url

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CASE = ObjectType.model_validate(
    {
        "name": "Case",
        "addresses": {"Home": {"City": "City", "Zip": "Zip"}},
        "stages": {"Active": ["New"]},
        "fields": [
            {"name": "Client", "type": "SingleChoice", "choices": ["Alpha", "Beta"], "spellings": {"A": "Alpha"}},
            {"name": "Name"},
            {"name": "Due", "type": "Date"},
            {"name": "City"},
            {"name": "Zip", "max_length": 5},
        ],
    }
)
ACCOUNT = Account(name="acme", object_types=(CASE,))
ROWS = [("Name", "Due", "Sobriquet"), ("Ann", "2026-03-04", "x"), ("Bob", "2026-03-05", "y")]


def written(folder: Path, kind: str) -> Path:
    """The same rows in each kind of file."""
    path = folder / f"a.{kind}"
    if kind == "xlsx":
        book = Workbook()
        for cells in ROWS:
            book.active.append(cells)  # type: ignore[union-attr]
        out = io.BytesIO()
        book.save(out)
        path.write_bytes(out.getvalue())
    elif kind == "jsonl":
        path.write_text("".join(f'{{"Name":"{name}","Due":"{due}","Sobriquet":"{what}"}}\n' for name, due, what in ROWS[1:]))
    else:
        path.write_text("".join(";".join(cells) + "\n" for cells in ROWS))
    return path


def test_every_kind_of_file_tells_its_header_and_what_it_probably_means(tmp_path: Path) -> None:
    """The file's facts go into the draft; what was saved as a format a moment ago is learnt from."""
    settings = Settings(home=tmp_path, accounts=tmp_path, ledger_url=ledger_url(tmp_path))
    with Ledger(settings.ledger_url) as ledger:
        ledger.upgrade()
        for kind in ("csv", "jsonl", "xlsx"):
            stored = vault.put(settings.vault, "test", [written(tmp_path, kind).read_bytes()])
            upload = Upload(uploads.new_id(), "acme", "desk", kind, None, None, f"a.{kind}", stored.sha256, stored.size, "", NOW, NOW)
            looked = look_at_upload(settings, upload)
            assert (looked.file.name, looked.file.kind, looked.file.header, looked.file.size) == (f"a.{kind}", kind, ROWS[0], stored.size)
            assert looked.file.delimiter == (";" if kind == "csv" else None)
            before = as_choices(suggest_for_upload(settings, ledger, ACCOUNT, CASE, upload))
            assert before == {"Name": "Name", "Due": "Due", "Sobriquet": None}
        with ledger.begin() as conn:
            for number in range(3):
                made = Format(name=f"f{number}", object_type="Case", columns={"Sobriquet": "City"})
                formats.save(conn, "acme", made, listed=True, by="ana", now=NOW)
        assert as_choices(suggest_for_upload(settings, ledger, ACCOUNT, CASE, upload))["Sobriquet"] == "City"
        vault.path_of(settings.vault, stored.sha256).unlink()
        with pytest.raises(PermanentFailure, match="choose it again"):
            look_at_upload(settings, upload)


@pytest.mark.parametrize(
    ("name", "content", "code", "words"),
    [
        ("a.csv", b"", "empty_file", "empty"),
        ("a.csv", b"1,2\n3,4\n", "no_header", "header"),
        ("a.zip", b"PK\x05\x06" + bytes(18), "archive", "unpack it"),
        ("a.pdf", b"%PDF-1.7\n", "unsupported_kind", "PDF"),
    ],
)
def test_a_file_that_no_import_could_read_says_why(tmp_path: Path, name: str, content: bytes, code: str, words: str) -> None:
    """In the words of the import's own faults."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(Unreadable) as refused:
        look_at(tmp_path / name, name)
    assert (refused.value.fault.code, words in str(refused.value)) == (code, True), refused.value.fault


def test_a_default_is_judged_as_a_cell_would_be() -> None:
    """With the nearest value; at the place where it was given, an address as a whole."""
    said = DraftBody(defaults={"Due": "soon", "Home": ",Denver,,123456", "Name": "x", "Stage": "Nw"}, fixed={"Client": "Betta"})
    found = {one.place: one.message for one in value_problems(said, CASE)}
    assert set(found) == {"defaults/Due", "defaults/Home", "defaults/Stage", "fixed/Client"}
    assert "did you mean 'Beta'?" in found["fixed/Client"] and found["defaults/Home"].startswith("Zip: ")
    good = DraftBody(defaults={"Due": "2026-01-02", "Home": ",Denver,,12345", "Nonsense": "x", "Name": " "}, fixed={"Client": "A"})
    assert value_problems(good, CASE) == []
