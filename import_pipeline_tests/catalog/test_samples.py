"""The committed sample files are what their script makes, and fit the shipped accounts.

Belongs here: the samples as files. Does not belong here: what an import of them does (scenarios/).
"""

import csv
import io
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from import_pipeline.catalog import load_account
from import_pipeline.model.account import Account
from import_pipeline.model.row_error import CODES
from import_pipeline.settings import PACKAGE

SAMPLES = PACKAGE.parent / "data" / "samples"
OWN_SCRIPTS = ("referrals", "giving", "cases")
"""Accounts whose samples a script of their own makes; they have tests of their own."""
FILES = sorted(
    p.relative_to(SAMPLES).as_posix() for p in SAMPLES.glob("*/*/*") if p.is_file() and p.relative_to(SAMPLES).parts[0] not in OWN_SCRIPTS
)


def account_of(file: str) -> Account:
    """The shipped account whose sample this is."""
    account = load_account(PACKAGE / "defs" / file.split("/")[0]).account
    assert account is not None
    return account


def test_the_script_makes_the_committed_files_byte_for_byte(tmp_path: Path) -> None:
    """A sample that was changed by hand would be lost with the next run of the script."""
    command = [sys.executable, "-B", str(SAMPLES / "make_samples.py"), str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    made = {p.relative_to(tmp_path).as_posix(): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    committed = {name: (SAMPLES / name).read_bytes() for name in (*FILES, "expected_errors.csv")}
    assert made.keys() == committed.keys()
    assert [name for name in made if made[name] != committed[name]] == []


@pytest.mark.parametrize("file", [f for f in FILES if not f.endswith(".zip")])
def test_the_name_begins_with_a_type_of_the_account(file: str) -> None:
    """In flexible mode the name tells the object type (acceptance S-3); in classic mode any name is a lead (S-4)."""
    account = account_of(file)
    prefixes = tuple(f"{t.name}_" for t in account.object_types)
    assert account.mode == "classic" or Path(file).name.startswith(prefixes)


@pytest.mark.parametrize("file", [f for f in FILES if f.endswith((".csv", ".jsonl"))])
def test_every_column_of_a_sample_is_known_and_none_comes_twice(file: str) -> None:
    """A column that is not imported would make the demo's receipts noisy."""
    account = account_of(file)
    kind = "Lead" if account.mode == "classic" else Path(file).name.split("_")[0]
    text = (SAMPLES / file).read_bytes().decode("cp1252" if "customer_file" in file else "utf-8-sig")
    if file.endswith(".jsonl"):
        header = tuple(dict.fromkeys(key for line in text.splitlines() for key in json.loads(line)))
    else:
        header = tuple(next(csv.reader(io.StringIO(text), delimiter=";" if "customer_file" in file else ",")))
    mapped = account.object_type(kind).map_header(header)
    assert (mapped.unknown, mapped.duplicates) == ((), ())


def test_the_parents_of_the_first_wave_come_with_the_second() -> None:
    """This is what the demo shows: children wait for their parents and are linked when they come (acceptance B-4)."""

    def column(file: str, name: str) -> set[str]:
        text = (SAMPLES / "field_sales" / file).read_text(encoding="utf-8-sig")
        return {row[name] for row in csv.DictReader(io.StringIO(text, newline=""))}

    parents = column("1_first/Contact_2026-11-01.csv", "RelatedTo")
    assert parents and parents <= column("2_later/Account_2026-11-02.csv", "ExternalDataObjectId")
    first = "1_first/Account_2026-11-01.csv"
    assert not parents & column(first, "ExternalDataObjectId")
    update = column("2_later/Account_2026-11-02_update.csv", "ExternalDataObjectId")
    assert update <= column(first, "ExternalDataObjectId")


def test_the_archive_holds_an_account_file_and_a_contact_file_that_fit_together() -> None:
    """Parent and child of one archive are related within one delivery (acceptance S-13, B-4)."""
    with zipfile.ZipFile(SAMPLES / "field_sales/1_first/partner_2026-11-01.zip") as archive:
        rows = {name: list(csv.DictReader(io.StringIO(archive.read(name).decode()))) for name in archive.namelist()}
    parents = {row["ExternalDataObjectId"] for row in rows["Account_partner.csv"]}
    assert {row["RelatedTo"] for row in rows["Contact_partner.csv"]} <= parents


def test_expected_errors_name_existing_codes_and_lines() -> None:
    """The scenario tests compare the real findings with this file."""
    with (SAMPLES / "expected_errors.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["code"] for row in rows} <= set(CODES)
    for row in rows:
        lines = (SAMPLES / row["file"]).read_bytes().split(b"\r\n")
        assert 1 < int(row["line"]) < len(lines)


def test_the_object_type_of_contributing_is_valid_and_knows_its_sample_row(tmp_path: Path) -> None:
    """A walk-through that does not work is worse than none."""
    text = (PACKAGE.parent / "CONTRIBUTING.md").read_text()
    object_type, header = (text.split(f"```{kind}\n")[1].split("```")[0] for kind in ("yaml", "csv"))
    folder = tmp_path / "field_sales"
    shutil.copytree(PACKAGE / "defs" / "field_sales", folder)
    (folder / "object_types" / "visit.yaml").write_text(object_type)
    loaded = load_account(folder)
    assert loaded.faults == () and loaded.account is not None
    mapped = loaded.account.object_type("Visit").map_header(tuple(header.splitlines()[0].split(",")))
    assert None not in mapped.keys
