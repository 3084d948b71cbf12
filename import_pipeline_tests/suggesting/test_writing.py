"""The suggested format as YAML: the catalog loads exactly what was suggested, whatever a header holds, and files are imported with it."""

import shutil
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from import_pipeline.catalog import load_account
from import_pipeline.catalog.part import read_format
from import_pipeline.settings import PACKAGE
from import_pipeline.suggesting.mapping import SuggestedMapping, Suggestion, suggest
from import_pipeline.suggesting.writing import as_format, as_yaml
from import_pipeline_tests.suggesting.labelled import TUNED, Labelled
from import_pipeline_tests.suggesting.test_labelled import ACCOUNTS, suggested

CELLS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@pytest.fixture
def account(tmp_path: Path) -> Path:
    """A copy of a shipped account's folder."""
    return Path(shutil.copytree(PACKAGE / "defs" / "field_sales", tmp_path / "field_sales"))


@pytest.mark.parametrize("file", [file for file in TUNED if file.account == "field_sales"], ids=lambda file: file.name)
def test_the_catalog_loads_the_format_as_it_was_suggested(account: Path, file: Labelled) -> None:
    """«Ready to use» means that nothing has to be mended by hand."""
    mapping = suggested(file)
    (account / "formats").mkdir(exist_ok=True)
    (account / "formats" / "suggested.yaml").write_text(as_yaml(mapping, "suggested", file="a.csv"))
    loaded = load_account(account)
    assert loaded.faults == () and loaded.account is not None
    assert loaded.account.format("suggested") == as_format(mapping, "suggested")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(CELLS, st.sampled_from([None, "Email", "Name"]), CELLS), max_size=6), CELLS.filter(bool), CELLS)
def test_any_header_name_and_reason_survive_the_yaml(
    tmp_path: Path, cells: list[tuple[str, str | None, str]], name: str, file: str
) -> None:
    """Header cells hold colons, quotes, line breaks and signs of every script; a comment must not end early."""
    mapping = SuggestedMapping("Contact", tuple(Suggestion(header, key, 0.7, reason) for header, key, reason in cells))
    path = tmp_path / "any.yaml"
    path.write_text(as_yaml(mapping, name, file=file), encoding="utf-8", newline="")
    part = read_format(path)
    assert part.faults == []
    assert part.good == as_format(mapping, name)


def test_a_very_long_header_cell_survives_the_yaml(tmp_path: Path) -> None:
    """YAML takes keys of more than 1,024 characters only when they are marked as keys."""
    cell = "A question with very many words, as forms have them? " * 60
    path = tmp_path / "long.yaml"
    path.write_text(as_yaml(SuggestedMapping("Contact", (Suggestion(cell, "Name", 0.9, "long"),)), "long"))
    assert read_format(path).good == as_format(SuggestedMapping("Contact", (Suggestion(cell, "Name", 0.9, "long"),)), "long")


def test_each_line_tells_how_sure_it_is_and_why() -> None:
    """The person who looks through it decides by this."""
    values = pl.DataFrame({"0": ["a@b.example", "c@d.example"], "1": ["1", "2"]})
    text = as_yaml(suggest(("E-Mail-Adresse", "Lot SQFT"), values, ACCOUNTS["field_sales"].object_type("Contact")), "mine", file="x.csv")
    assert '  "E-Mail-Adresse": "Email"  # 9' in text and "all values are e-mail addresses" in text
    assert '  "Lot SQFT": null  # ' in text
    assert "1 of 2 columns are imported" in text
