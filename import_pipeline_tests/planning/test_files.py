"""The files of a plan: CSV, Parquet and page, and the summary."""

import csv
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from import_pipeline.model.job import Counts, ParsedFile
from import_pipeline.model.plan import PlanSummary
from import_pipeline.model.row_error import FileFault
from import_pipeline.planning.page import percent
from import_pipeline.planning.shape import COLUMNS
from import_pipeline.reporting.names import answer_name
from import_pipeline.store.staging import ERRORS
from import_pipeline_tests.planning.kit import JOB, write

HOSTILE = "<script>alert(1)</script>\" onload='x' {{ 7*7 }} & \u202egpj.exe \x1b[31m"


def row(action: str, line: int | None = 2, **more: Any) -> dict[str, Any]:
    """One row of a plan."""
    given = {"job": JOB, "type": "Place", "line": line, "action": action, "record": f"a0000000{line or 0:016x}"}
    return dict.fromkeys(COLUMNS) | given | more


def frame(*rows: dict[str, Any]) -> pl.DataFrame:
    """Rows as a plan's Parquet file has them."""
    return pl.DataFrame(list(rows), schema=COLUMNS)


UPDATES = (
    row("update", 3, external_id="A", label="Oak", column="Score", old="1", new="2"),
    row("update", 3, external_id="A", label="Oak", column="Name", old=None, new="Oak"),
    row("update", 4, external_id="B", label="Elm", column="Score", old="5", new="-6"),
)


class Seen(HTMLParser):
    """Elements and text of a page."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.text += " " * (tag in ("td", "th"))

    def handle_data(self, data: str) -> None:
        self.text += data

    @property
    def words(self) -> str:
        """All text on one line."""
        return " ".join(self.text.split())

    def count(self, tag: str) -> int:
        """How many elements there are of this kind."""
        return sum(found == tag for found, _ in self.tags)


def test_the_files_are_named_after_the_file_and_the_job(tmp_path: Path) -> None:
    """Beside receipt and errors they are found by the same name; the Parquet and CSV files by the page's."""
    made = write(tmp_path, frame(row("create")))
    assert [p.name for p in made[:3]] == [f"Place_x.{JOB}.plan.{kind}" for kind in ("html", "csv", "parquet")]
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == sorted(p.name for p in made[:3])
    assert len(answer_name("Ä" * 200 + ".csv", JOB, "plan.parquet", "csv").encode()) <= 255


def test_csv_and_parquet_hold_every_row_of_the_job_and_of_no_other(tmp_path: Path) -> None:
    """A change set is of all files of a delivery; each sender gets their own."""
    other = row("create", 9, external_id="Z") | {"job": "other"}
    made = write(tmp_path, frame(*UPDATES, other))
    held = pl.read_parquet(made.parquet)
    assert held.schema == pl.Schema(COLUMNS)
    assert held.to_dicts() == list(UPDATES)
    assert pl.read_csv(made.csv, infer_schema=False)["external_id"].to_list() == ["A", "A", "B"]
    both = write(tmp_path, frame(*UPDATES, other), also=("other",))
    assert pl.read_parquet(both.parquet).height == 4


def test_no_cell_of_the_csv_is_taken_for_a_formula_and_parquet_keeps_values_as_they_are(tmp_path: Path) -> None:
    """As in the list of errors (docs/security.md)."""
    bad = row("refuse", 2, column="=c", old='=HYPERLINK("x")', note="@n", label="+l", external_id="-e") | {"record": None}
    made = write(tmp_path, frame(bad, row("update", 3, column="Score", old="\t1", new="=2")))
    with made.csv.open(newline="", encoding="utf-8") as file:
        cells = [cell for found in csv.DictReader(file) for cell in found.values()]
    assert cells.count('\'=HYPERLINK("x")') == 1
    assert [cell for cell in cells if cell[:1] in "=+-@\t" and cell] == []
    assert pl.read_parquet(made.parquet)["old"].to_list() == ['=HYPERLINK("x")', "\t1"]


def test_equal_input_gives_equal_bytes_and_nothing_else_is_left(tmp_path: Path) -> None:
    """A run that is tried again gives the same files."""
    rows = frame(*UPDATES, row("create", 7, label="Fir"), row("park", 8, note="waits for the Place Q"))
    first = [p.read_bytes() for p in write(tmp_path, rows)[:3]]
    again = write(tmp_path, rows)
    assert [p.read_bytes() for p in again[:3]] == first
    assert len(list((tmp_path / "out").iterdir())) == 3


def test_the_summary_counts_records_by_action_and_by_field(tmp_path: Path) -> None:
    """Two fields of one record are one changed record; the shares are of the ten stored ones."""
    rows = frame(row("create", 2), *UPDATES, row("park", 5), row("refuse", 6))
    summary = write(tmp_path, rows, counts=Counts(rows=7, unchanged=1, refused=1)).summary
    assert summary.actions == {"create": 1, "park": 1, "update": 2}
    (place,) = summary.types
    assert (place.fields, place.stored, place.changed_share, place.deleted_share) == ({"Name": 1, "Score": 2}, 10, 0.2, 0.0)
    assert (summary.rows, summary.unchanged, summary.refused, summary.changes_nothing) == (7, 1, 1, False)
    assert PlanSummary.model_validate_json(summary.model_dump_json()) == summary


def test_kept_and_changed_fields_of_one_record_count_it_once_each(tmp_path: Path) -> None:
    """Kept fields stand between changed ones, in the order of the columns."""
    rows = frame(
        row("keep", 3, column="Name", note="edited since by job y0"),
        row("update", 3, column="Score", old="2", new="1"),
        row("keep", 3, column="Since", note="edited since by job y0"),
        row("update", 3, column="Seen", old="2", new=None),
        row("delete", 4),
    )
    summary = write(tmp_path, rows, undo_of="x0").summary
    assert summary.actions == {"delete": 1, "keep": 1, "update": 1}
    assert summary.types[0].deleted_share == 0.1


def test_a_plan_without_effect_says_so(tmp_path: Path) -> None:
    """Nobody has to compare zeros."""
    made = write(tmp_path, frame(), counts=Counts(rows=3, unchanged=3))
    assert made.summary.changes_nothing
    assert "Applying this plan would change nothing." in Seen(made.page).words


def test_the_page_says_first_that_nothing_has_been_written(tmp_path: Path) -> None:
    """Whoever opens it must not think that it has happened."""
    page = Seen(write(tmp_path, frame(*UPDATES)).page)
    assert "Plan of Place_x.csv: nothing has been written" in page.words
    assert page.count("h1") == 1
    undo = Seen(write(tmp_path, frame(row("delete")), undo_of="x0").page)
    assert "Plan of the undo of job x0 (Place_x.csv): nothing has been written" in undo.words


def test_the_page_shows_each_kind_of_row(tmp_path: Path) -> None:
    """Changed fields with old and new, refused rows with their sentence, waiting rows by parent, created records, and how to go on."""
    rows = frame(
        row("create", 2, external_id="N", label="New one"),
        *UPDATES,
        row("park", 5, note="waits for the Place Q"),
        row("park", 6, note="waits for the Place Q"),
        row("refuse", 7, column="Score", old="x", note="Score: 'x' is not a number") | {"record": None},
    )
    error = {"_job": 0, "_line": 7, "_end": 7, "code": "not_a_number", "severity": "error", "column": "Score", "value": "x"}
    warning = error | {"code": "not_updatable", "severity": "warning", "column": "Name", "value": None}
    parsed = ParsedFile(job=0, header=("Points",), keys=("Score",))
    page = Seen(write(tmp_path, rows, errors=pl.DataFrame([error, warning], schema=ERRORS), parsed=parsed).page)
    assert (page.count("del"), page.count("ins")) == (2, 3)
    for said in (
        "Oak A line 3 Score 1 2 Name empty Oak",
        "1 row: Points: 'x' is not a number",
        "Score: 'x' is not a number",
        "waits for the Place Q 2 lines 5, 6",
        "New one N",
        "Good to know",
        "import-pipeline import Place_x.csv",
    ):
        assert said in page.words


def test_the_page_of_an_undo_shows_what_goes_what_stays_and_what_waits(tmp_path: Path) -> None:
    """Acceptance B-3: shown as a plan first."""
    rows = frame(
        row("delete", None, external_id="D", label="Gone"),
        row("update", 3, external_id="A", label="Oak", column="Score", old="2", new=None),
        row("update", 5, external_id="P", label="Child", column="RelatedTo", old="x", note="loses its parent"),
        row("create", 6, external_id="C", label="Back"),
        row("keep", 7, external_id="K", label="Kept", note="edited since by job y0"),
        row("park", 8, note="waits again for the Place D"),
        row("unpark", 9, note="waits no longer for the Place C"),
    )
    page = Seen(write(tmp_path, rows, undo_of="x0", how="import-pipeline undo x0 --yes").page)
    for said in (
        "Records to remove 1",
        "Values to restore 1",
        "Oak A line 3 Score 2 empty",
        "Records that lose their parent 1",
        "Records to restore 1",
        "the whole record edited since by job y0",
        "waits again for the Place D",
        "waits no longer for the Place C",
        "import-pipeline undo x0 --yes",
    ):
        assert said in page.words


def test_a_section_shows_at_most_500_entries_and_says_how_many_more_there_are(tmp_path: Path) -> None:
    """A page of a million rows would open in no browser; the CSV file has them."""
    changed = [row("update", n, column=c, old="1", new="2", label=f"r{n}") for n in range(620) for c in ("Score", "Name")]
    created = [row("create", 1000 + n, label=f"c{n}") for n in range(230)]
    refused = [row("refuse", 2000 + n, note="bad") for n in range(510)]
    made = write(tmp_path, frame(*changed, *created, *refused))
    page = Seen(made.page)
    assert (page.count("del"), page.count("ins")) == (1000, 1000)
    assert f"120 more stand in {made.csv.name}" in page.words
    assert f"30 more stand in {made.csv.name}" in page.words
    assert f"10 more stand in {made.csv.name}" in page.words
    assert "c199" in page.words and "c200" not in page.words


@pytest.mark.parametrize("undo_of", [None, HOSTILE])
def test_nothing_that_people_sent_becomes_part_of_the_page(tmp_path: Path, undo_of: str | None) -> None:
    """Files come from strangers: their values are shown, never run."""
    texts = dict.fromkeys(("type", "external_id", "label", "column", "old", "new", "note"), HOSTILE)
    rows = frame(*(row(action, 2) | texts for action in ("create", "update", "park", "refuse", "delete", "keep", "unpark")))
    error = {"_job": 0, "_line": 7, "_end": 7, "code": HOSTILE, "severity": "error", "column": HOSTILE, "value": HOSTILE}
    plain = Seen(write(tmp_path, frame(*UPDATES, row("create"), row("park"), row("refuse"))).page)
    made = write(
        tmp_path,
        rows,
        name=f"javascript:{HOSTILE}.csv",
        how=HOSTILE,
        account_title=HOSTILE,
        reason=HOSTILE,
        undo_of=undo_of,
        errors=pl.DataFrame([error, error | {"severity": "warning"}], schema=ERRORS),
    )
    page = Seen(made.page)
    assert page.count("script") == 0
    assert "<script>alert(1)</script>" in page.text and "{{ 7*7 }}" in page.text
    assert {name for _, attrs in page.tags for name in attrs} - {name for _, attrs in plain.tags for name in attrs} == {"aria-label"}
    assert all(str(attrs["href"]).startswith("./") for tag, attrs in page.tags if tag == "a")
    assert not {"\x1b", "\u202e"} & set(page.text)


def test_the_page_asks_for_nothing_and_is_told_in_headings_and_captions(tmp_path: Path) -> None:
    """It is opened from a mail or a share, by people with and without eyes."""
    rows = frame(*UPDATES, row("create"), row("park", note="w"), row("refuse", note="bad"))
    made = write(tmp_path, rows)
    page, source = Seen(made.page), made.page.read_text(encoding="utf-8")
    assert not {"script", "link", "img", "iframe"} & {tag for tag, _ in page.tags}
    assert re.findall(r"url\(|@import|https?://", source) == []
    assert "default-src 'none'" in source and "prefers-color-scheme: dark" in source
    assert page.count("table") == page.count("caption") > 3
    assert all(attrs.get("scope") for tag, attrs in page.tags if tag == "th")
    ids = {attrs["id"] for _, attrs in page.tags if "id" in attrs}
    assert {attrs["aria-labelledby"] for _, attrs in page.tags if "aria-labelledby" in attrs} <= ids


def test_a_file_refused_as_a_whole_says_why_in_every_file(tmp_path: Path) -> None:
    """Its plan has no other row."""
    fault = FileFault(code="encoding", message="the file is no text")
    made = write(tmp_path, frame(), parsed=ParsedFile(job=0, fault=fault))
    assert pl.read_parquet(made.parquet).select("job", "action", "note").rows() == [(JOB, "refuse", "the file is no text")]
    assert "the file is no text" in made.csv.read_text()
    assert "Nothing would be applied the file is no text" in Seen(made.page).words


def test_plans_of_several_types_are_one_plan(tmp_path: Path) -> None:
    """An undo reaches the types below: its page names the type of each record."""
    first, second = tmp_path / "a.parquet", tmp_path / "b.parquet"
    frame(row("delete", None, label="Oak")).write_parquet(first, metadata={"type": "Place", "stored": "4", "kind": "undo"})
    child = row("update", None, label="Ann", column="RelatedTo", old="x", note="loses its parent") | {"type": "Person"}
    frame(child).write_parquet(second, metadata={"type": "Person", "stored": "8", "kind": "undo"})
    made = write(tmp_path, frame(), undo_of="x0", plans=[first, second])
    assert made.summary.actions == {"delete": 1, "update": 1}
    assert [(t.type, t.deleted_share, t.changed_share) for t in made.summary.types] == [("Place", 0.25, 0.0), ("Person", 0.0, 0.125)]
    assert pl.read_parquet(made.parquet)["type"].to_list() == ["Place", "Person"]
    assert "Ann Person" in Seen(made.page).words


@pytest.mark.parametrize(("share", "said"), [(0, "0 %"), (0.00001, "less than 0.1 %"), (0.1235, "12.3 %"), (0.5, "50 %"), (1.0, "100 %")])
def test_a_share_that_is_not_zero_is_never_told_as_zero(share: float, said: str) -> None:
    """One of a million records is not none."""
    assert percent(share).replace("\u00a0", " ") == said
