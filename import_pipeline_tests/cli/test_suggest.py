"""`suggest`: from a file with foreign names to an imported file, what it writes, and what it refuses."""

import shutil
from pathlib import Path

import pytest
import yaml

from import_pipeline.settings import PACKAGE
from import_pipeline_tests.cli.conftest import Run, runner

GERMAN = (
    "Firma;Kundennummer;E-Mail-Adresse;PLZ;Ort;Betreuer E-Mail;Verkaufsphase;Steuernummer\n"
    "Acme Dach GmbH;K1001;info@acme.example;10115;Berlin;ana.silva@acme.example;Prospect;12/345/67890\n"
    "Bolt AG;K1002;post@bolt.example;80331;München;ben.carter@acme.example;Customer;21/815/08150\n"
    "Cord KG;K1003;hallo@cord.example;20095;Hamburg;ana.silva@acme.example;Lost;13/111/22222\n"
)
EXPECTED = {
    "Firma": "Name",
    "Kundennummer": "Customer ID",
    "E-Mail-Adresse": "Email",
    "PLZ": "Zip",
    "Ort": "City",
    "Betreuer E-Mail": "Owner Email",
    "Verkaufsphase": "Stage",
    "Steuernummer": None,
}


@pytest.fixture
def accounts(tmp_path: Path) -> Path:
    """A copy of the shipped accounts, to save formats in."""
    return Path(shutil.copytree(PACKAGE / "defs", tmp_path / "accounts"))


@pytest.fixture
def run(tmp_path: Path, accounts: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Commands that work in an empty folder."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return runner({"IMPORT_PIPELINE_HOME": str(tmp_path / "home"), "IMPORT_PIPELINE_ACCOUNTS": str(accounts)})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file whose header nobody knows and whose name tells no type."""
    path = tmp_path / "kunden 2026.csv"
    path.write_text(GERMAN)
    return path


def test_a_saved_suggestion_imports_the_file(run: Run, file: Path, accounts: Path) -> None:
    """From a foreign export to records in two commands."""
    (told,) = run("suggest", file, "-a", "field_sales", "--save", "--name", "kunden", "--json").objects
    assert (told["object_type"], told["format"]) == ("Account", "kunden")
    assert {one["header"]: one["column"] for one in told["columns"]} == EXPECTED
    assert Path(told["path"]) == accounts / "field_sales" / "formats" / "kunden.yaml"
    assert run("check").code == 0
    (done,) = run("import", file, "-a", "field_sales", "--format", "kunden", "--json").objects
    assert (done["state"], done["counts"]["created"]) == ("applied", 3)
    records = run("records", "-a", "field_sales", "-t", "Account", "--json").objects
    assert {(r["Name"], r["Customer ID"], r["City"], r["Stage"]) for r in records} == {
        ("Acme Dach GmbH", "K1001", "Berlin", "Prospect"),
        ("Bolt AG", "K1002", "München", "Customer"),
        ("Cord KG", "K1003", "Hamburg", "Lost"),
    }


def test_what_was_imported_with_a_format_is_suggested_the_next_time(run: Run, file: Path, tmp_path: Path, accounts: Path) -> None:
    """A mapping that a person has mended is not asked for twice."""
    formats = accounts / "field_sales" / "formats"
    formats.mkdir(exist_ok=True)
    columns = {**EXPECTED, "Steuernummer": "Unit"}
    (formats / "mine.yaml").write_text(yaml.safe_dump({"name": "mine", "object_type": "Account", "columns": columns}, allow_unicode=True))
    assert run("import", file, "-a", "field_sales", "--format", "mine", "--json").objects[0]["state"] == "applied"
    (formats / "mine.yaml").unlink()
    (told,) = run("suggest", file, "-a", "field_sales", "-t", "Account", "--json").objects
    (found,) = (one for one in told["columns"] if one["header"] == "Steuernummer")
    assert found["column"] == "Unit" and "imported as 'Unit' 1 time before" in found["reason"]


def test_people_see_a_table_and_the_next_command(run: Run, file: Path) -> None:
    """The command is there to be copied."""
    said = run("suggest", file, "-a", "field_sales")
    assert said.code == 0
    assert "E-Mail-Adresse" in said.stdout and "info@acme.example" in said.stdout and "not imported" in said.stdout
    assert f"import-pipeline import '{file}' --account field_sales --format kunden_2026" in said.stdout
    assert yaml.safe_load(Path("kunden_2026.yaml").read_text())["columns"] == EXPECTED


def test_a_file_is_overwritten_only_when_told_so(run: Run, file: Path, accounts: Path) -> None:
    """A format that was mended by hand is work."""
    target = accounts / "field_sales" / "formats" / "kunden.yaml"
    arguments = ("suggest", file, "-a", "field_sales", "--name", "kunden")
    assert run(*arguments, "--save").code == 0
    target.write_text(target.read_text() + "# mine\n")
    again = run(*arguments, "--save")
    assert again.code == 2 and "--force" in again.stderr and target.read_text().endswith("# mine\n")
    assert run(*arguments, "--save", "--force").code == 0
    assert not target.read_text().endswith("# mine\n")
    assert run(*arguments, "--out", "here.yaml").code == 0
    other = run(*arguments, "--out", "here.yaml")
    assert other.code == 2 and "here.yaml exists" in other.stderr
    assert sorted(path.name for path in Path().iterdir()) == ["here.yaml"]


def test_the_files_name_or_the_option_tells_the_type(run: Run, tmp_path: Path) -> None:
    """As the landing folder has it; what is told is not guessed."""
    path = tmp_path / "Contact_web.csv"
    path.write_text("Wer,Mail\nAnn Lee,a@b.example\n")
    assert run("suggest", path, "-a", "field_sales", "--json", "-o", "a.yaml").objects[0]["object_type"] == "Contact"
    assert run("suggest", path, "-a", "field_sales", "-t", "Account", "--json", "-o", "b.yaml").objects[0]["object_type"] == "Account"


@pytest.mark.parametrize(
    ("content", "arguments", "code", "said"),
    [
        (b"1,2\n3,4\n", [], 1, "looks like a header"),
        (b"", [], 1, "empty"),
        (b"%PDF-1.4", [], 1, "a PDF"),
        (b"Wer\nAnn\n", ["-t", "Contract"], 2, "Did you mean 'Contact'?"),
        (b"Wer\nAnn\n", ["--save", "--out", "x.yaml"], 2, "two places"),
    ],
)
def test_what_cannot_be_done_is_told_and_writes_nothing(
    run: Run, tmp_path: Path, content: bytes, arguments: list[str], code: int, said: str
) -> None:
    """A half-written format would be loaded with the account."""
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    answer = run("suggest", path, "-a", "field_sales", *arguments)
    assert answer.code == code and said in answer.stderr
    assert list(Path().iterdir()) == []
