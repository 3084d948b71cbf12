"""Trackops: the sentences of the acceptance list (T-2, T-4 to T-8, E-3) through real runs; the pages have tests of their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from import_pipeline.delivering.again import book_replay, book_undo
from import_pipeline.exporting.export import export_type
from import_pipeline.failures import PermanentFailure
from import_pipeline.landing import drafts as steps
from import_pipeline.landing.drafts import status_of
from import_pipeline.store.session import open_store
from import_pipeline_tests.scenarios.cases import HEADER, Cases, body, cases_site, row

pytestmark = pytest.mark.here
BAD = row(2, budget="much")
STRICT = {"strict: false": "strict: true"}
HALT = {"on_error: skip": "on_error: halt"}


@pytest.fixture
def cases(tmp_path: Path) -> Iterator[Cases]:
    """The shipped account."""
    with cases_site(tmp_path) as made:
        yield made


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[Cases]:
    """The account that follows the document to the letter, and halts."""
    with cases_site(tmp_path, **STRICT, **HALT) as made:
        yield made


def test_a_halted_file_changes_nothing_and_its_first_error_has_a_place(cases: Cases) -> None:
    """T-2, kind: nothing of a halted file is applied."""
    job = cases.imported(HEADER + row(1) + BAD + row(3), on_error="halt")
    assert (job.state, job.counts.good, job.counts.refused) == ("failed", 0, 1) and cases.site.records("Case") == []
    assert job.reason is not None and "line 3: Budget Money: the value is not a number" in job.reason
    assert status_of(cases.progress(job.delivery)) == "Error" and cases.site.errors(job) == {(3, "Budget Money", "not_a_number")}


def test_a_file_that_skips_is_complete_with_its_exceptions(cases: Cases) -> None:
    """T-2: Skip Row and Continue."""
    job = cases.imported(HEADER + row(1) + BAD + row(3), on_error="skip")
    assert (job.state, job.counts.created, job.counts.refused) == ("applied", 2, 1)
    assert status_of(cases.progress(job.delivery)) == "Complete" and cases.site.errors(job) == {(3, "Budget Money", "not_a_number")}
    nothing = cases.imported(HEADER + BAD, on_error="skip")
    assert (nothing.state, status_of(cases.progress(nothing.delivery))) == ("failed", "Complete")


def test_a_strict_halt_keeps_the_rows_before_the_error(strict: Cases) -> None:
    """T-2, strict: Error with the position known; what was imported can be undone, and the mended file is no duplicate."""
    job = strict.site.deliver("Case_a.csv", HEADER + row(1) + row(2) + row(3, budget="x") + row(4) + row(5, budget="y"))
    assert (job.state, job.counts.created, job.counts.good, job.counts.refused) == ("applied", 2, 2, 2)
    assert job.reason is not None and job.reason.startswith("halted on the first error, in line 4: Budget Money")
    assert strict.cases("Reference 1") == [("C-1",), ("C-2",)] and status_of(strict.progress(job.delivery)) == "Error"
    assert "halted on the first error, in line 4" in strict.site.receipt(job)["outcome"]
    book_undo(strict.site.pipeline, job.id, dry_run=False)
    strict.site.work()
    assert strict.cases("Reference 1") == []
    first = strict.site.deliver("Case_b.csv", HEADER + row(1, budget="x") + row(2))
    assert (first.state, first.counts.good, strict.cases("Reference 1")) == ("failed", 0, [])


@pytest.mark.parametrize("edits", [HALT, {**HALT, **STRICT}], ids=["kind", "strict"])
def test_a_row_that_the_store_refuses_halts_the_file_too(tmp_path: Path, edits: dict[str, str]) -> None:
    """T-2: a validation error is one whether the value or the stored records tell it."""
    with cases_site(tmp_path, **edits) as cases:
        text = "RecordID," + HEADER + "," + row(1) + "a00000000000000000000009," + row(2) + "," + row(3)
        job = cases.site.deliver("Case_a.csv", text)
        kept = [("C-1",)] if "strict: false" in edits else []
        assert cases.cases("Reference 1") == kept and job.state == ("applied" if kept else "failed")
        assert job.reason is not None and "line 3: RecordID" in job.reason
        assert (job.counts.good, job.counts.refused) == (len(kept), 1)
        assert cases.site.errors(job) == {(3, "RecordID", "unknown_record_id")}


def test_defaults_fill_blank_and_unmapped_cells_and_mapped_values_win(cases: Cases) -> None:
    """T-4; T-5: what is stated for the whole file stands in no column."""
    text = "Claim,First,Last,Region,Office\nC-1,Ann,Abbott,Plains,\nC-2,Bob,Baker,,Boulder\n"
    said = {"fixed": {"Client": "Northwind Mutual", "Case Type": "Locate"}, "defaults": {"Region": "Pacific", "Flags": "Rush"}}
    columns = {"Claim": "Reference 1", "First": "Subject First Name", "Last": "Subject Last Name", "Office": "Company Location"}
    job = cases.imported(text, columns=columns, **said)
    assert job.counts.created == 2
    assert cases.cases("Client", "Case Type", "Region", "Company Location", "Flags") == [
        ("Northwind Mutual", "Locate", "Plains", None, "Rush"),
        ("Northwind Mutual", "Locate", "Pacific", "Boulder", "Rush"),
    ]


def test_a_file_of_two_clients_is_refused_with_the_line(cases: Cases) -> None:
    """T-5, through the folder, without any format."""
    job = cases.site.deliver("Case_a.csv", HEADER + row(1) + row(2) + row(3, client="Blue Harbor Insurance"))
    assert job.state == "failed" and job.reason is not None and "one Client" in job.reason
    assert cases.site.errors(job) == {(4, "Client", "several_values")} and cases.site.records("Case") == []


def test_an_export_of_several_clients_comes_back_unchanged(cases: Cases, tmp_path: Path) -> None:
    """T-5 is about new cases: rows that name their record may be of several clients."""
    cases.site.deliver("Case_a.csv", HEADER + row(1, address=",Denver,CO", location="1 Elm St,Omaha"))
    cases.site.deliver("Case_b.csv", HEADER + row(2, client="Blue Harbor Insurance"))
    with open_store(cases.site.settings, "cases") as session:
        exported = export_type(session, cases.account, cases.type, None, tmp_path, format="csv", now=cases.site.clock.now())
    job = cases.site.deliver("Case_c.csv", exported.path.read_bytes())
    assert (job.state, job.counts.unchanged, job.counts.rows, job.errors_file) == ("applied", 2, 2, None)


def test_a_column_for_a_second_subject_is_told_and_not_imported(cases: Cases) -> None:
    """T-5: no additional subjects."""
    header = HEADER.replace("\n", ",Second Subject Last Name\n")
    job = cases.site.deliver("Case_a.csv", header + row(1).replace("\n", ",Zimmer\n"))
    assert job.counts.created == 1 and "Zimmer" not in str(cases.site.records("Case"))
    told = [notice["column"] for notice in cases.site.receipt(job)["notices"] if notice["code"] == "column_unknown"]
    assert told == ["Second Subject Last Name"]


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        (",Denver,CO,80202", (None, "Denver", "CO", "80202", None)),
        (",,CO,80202", (None, None, "CO", "80202", None)),
        (",,,80202", (None, None, None, "80202", None)),
        ("123 Main St,Denver,CO,80202,US", ("123 Main St", "Denver", "CO", "80202", "US")),
        ('""123 Main St, Apt 4"",Denver', ("123 Main St, Apt 4", "Denver", None, None, None)),
        ("123 Main St", ("123 Main St", None, None, None, None)),
        ("", (None, None, None, None, None)),
    ],
)
def test_an_address_is_read_from_left_to_right(cases: Cases, address: str, parts: tuple[str | None, ...]) -> None:
    """T-6: the printed examples, quoted commas, a missing tail; in the subject's column and in that of the place."""
    job = cases.site.deliver("Case_a.csv", HEADER + row(1, address=address, location=address))
    assert job.counts.created == 1
    names = ("Subject Street", "Subject City", "Subject State", "Subject Zip", "Subject Country")
    assert cases.cases(*names) == [parts]
    found = cases.site.query('SELECT "House Number", "Street", "City", "State", "Zip", "Country" FROM store._pins')
    placed = [(f"{house} {street}" if house else street, *rest) for house, street, *rest in found]
    assert placed == ([parts] if any(parts) else [])


def test_the_same_file_again_is_recognised_and_says_so(cases: Cases) -> None:
    """T-8, kind: by its bytes with the same mapping, and row by row in another file."""
    first = cases.imported(HEADER + row(1) + row(2))
    again = cases.imported(HEADER + row(1) + row(2), on_error="halt", name="december.csv")
    assert again.state == "duplicate" and first.id in (again.reason or "")
    assert status_of(cases.progress(again.delivery)) == "Complete"
    other = cases.imported(HEADER + row(2) + row(3))
    assert (other.counts.created, other.counts.unchanged, len(cases.site.records("Case"))) == (1, 1, 3)
    mapped = cases.imported(HEADER + row(1) + row(2), columns={"Budget Money": None})
    assert (mapped.state, mapped.counts.unchanged) == ("applied", 2)


def test_a_strict_account_imports_every_row_again(strict: Cases) -> None:
    """T-8, strict: as documented; a retry of the same delivery doubles nothing."""
    for many in (2, 4):
        job = strict.site.deliver(f"Case_{many}.csv", HEADER + row(1) + row(2))
        assert (job.state, job.counts.created, len(strict.site.records("Case"))) == ("applied", 2, many)
    assert strict.site.deliver("Case_two.csv", HEADER + row(5) * 2).counts.created == 2
    book_replay(strict.site.pipeline, job.id)
    strict.site.work()
    assert len(strict.site.records("Case")) == 6


def test_a_replay_of_a_strict_halt_brings_the_rest_and_doubles_nothing(strict: Cases) -> None:
    """B-7 beside T-8: «again» means sent again; a replay knows the cases that its rows made."""
    job = strict.site.deliver("Case_a.csv", HEADER + row(1) + row(2, budget="x") + row(3) + row(4))
    assert strict.cases("Reference 1") == [("C-1",)]
    defs = strict.site.accounts / "cases" / "defs.yaml"
    defs.write_text(defs.read_text().replace("on_error: halt", "on_error: skip"))
    strict.site.reload()
    book_replay(strict.site.pipeline, job.id)
    strict.site.work()
    assert sorted(strict.cases("Reference 1")) == [("C-1",), ("C-3",), ("C-4",)]
    told = strict.site.job("Case_a.csv")
    assert (told.state, told.reason, told.counts.good, told.counts.refused) == ("applied", None, 3, 1)


def test_the_plan_of_a_halted_file_says_so(cases: Cases) -> None:
    """T-2 in a plan: the same words, and nothing is written."""
    planned = cases.plan(cases.draft(HEADER + row(1) + BAD, on_error="halt"))
    (job,) = cases.progress(planned.plan).jobs
    assert job.state == "failed" and "line 3: Budget Money" in (job.reason or "") and job.counts.good == 0
    assert status_of(cases.progress(planned.plan)) == "Error"


def test_a_draft_is_planned_and_started_once(cases: Cases) -> None:
    """T-1: the plan writes nothing and leaves the file to be imported; a second start is refused in words."""
    draft = cases.draft(HEADER + row(1) + BAD)
    planned = cases.plan(draft)
    (job,) = cases.progress(planned.plan).jobs
    assert (job.state, job.counts.created, cases.site.settings.store_file("cases").exists()) == ("planned", 1, False)
    again = cases.plan(planned)
    assert again.plan != planned.plan and cases.progress(again.plan).jobs[0].counts.created == 1
    started = cases.start(again)
    assert cases.progress(started.delivery).jobs[0].counts.created == 1 and len(cases.site.records("Case")) == 1
    for late in (again.version, started.version):
        with pytest.raises(PermanentFailure, match="was started already"), cases.site.pipeline.ledger.begin() as conn:
            steps.start(conn, cases.site.pipeline.ledger, cases.account, cases.site.settings, draft.id, late, now=cases.site.clock.now())
    assert len(cases.site.jobs()) == 3


def test_a_duplicated_import_needs_only_its_file(cases: Cases) -> None:
    """T-7: defaults, mapping and error handling are those of the first."""
    columns = {"Nr": "Reference 1", "Who": "Subject Last Name", "Extra": None}
    said = {"fixed": {"Client": "Northwind Mutual", "Case Type": "Locate"}, "defaults": {"Region": "Plains"}, "on_error": "halt"}
    first = cases.start(cases.draft("Nr,Who,Extra\n1,Abbott,x\n", columns=columns, **said))
    with cases.site.pipeline.ledger.begin() as conn:
        copied = steps.copy(conn, cases.account, first.id, "bob", now=cases.site.clock.now())
    assert (copied.copy_of, copied.state, copied.upload, body(copied).file) == (first.id, "open", None, None)
    draft = cases.draft("Who,nr,Extra\nBaker,2,x\n", of=copied, name="december.csv")
    assert body(draft).columns == {"Who": "Subject Last Name", "nr": "Reference 1", "Extra": None} and body(draft).on_error == "halt"
    cases.start(draft)
    assert cases.cases("Subject Last Name", "Reference 1", "Region") == [("Abbott", "1", "Plains"), ("Baker", "2", "Plains")]


def test_a_format_saved_a_second_ago_works_everywhere(cases: Cases, tmp_path: Path) -> None:
    """E-3: without a restart of anything, in files from the command line and in later drafts, and mended rows find it."""
    columns = {"Nr": "Reference 1", "Who": "Subject Last Name", "Cost": "Budget Money"}
    said = {"fixed": {"Client": "Northwind Mutual", "Case Type": "Locate"}}
    draft = cases.draft("Nr,Who,Cost\n1,Abbott,5\n", columns=columns, **said)
    with cases.site.pipeline.ledger.begin() as conn:
        steps.save_as_format(conn, cases.account, draft.id, "adjusters", by="ana", now=cases.site.clock.now())
    path = tmp_path / "monday.csv"
    path.write_text("Nr,Who,Cost\n2,Baker,7\n3,Cole,much\n")
    job = cases.submitted(path, format="adjusters")
    assert (job.format, job.counts.created, job.counts.refused) == ("adjusters", 1, 1)
    assert job.failed_file is not None
    mended = Path(job.failed_file).read_text().replace("much", "9")
    back = cases.site.deliver("mended.csv", mended)
    assert (back.format, back.state, back.counts.created) == ("adjusters", "applied", 1)
    from_it = cases.imported("Nr,Who,Cost\n4,Dahl,8\n", format="adjusters")
    assert (from_it.format, from_it.counts.created) == ("adjusters", 1)
    assert cases.cases("Case Type", "Reference 1") == [("Locate", "2"), ("Locate", "3"), ("Locate", "4")]


def test_failed_rows_of_a_draft_come_back_through_the_folder(cases: Cases) -> None:
    """B-1: the mapping of a single import is found again by the job that the rows name."""
    columns = {"Nr": "Reference 1", "Who": "Subject Last Name", "Cost": "Budget Money"}
    job = cases.imported("Nr,Who,Cost\n1,Abbott,x\n", columns=columns, fixed={"Client": "Northwind Mutual", "Case Type": "Locate"})
    assert job.state == "failed" and job.failed_file is not None
    back = cases.site.deliver("mended.csv", Path(job.failed_file).read_text().replace(",x", ",6"))
    assert (back.state, back.format, back.counts.created) == ("applied", job.format, 1)


def test_a_format_that_names_a_lost_field_refuses_its_file_alone(cases: Cases, tmp_path: Path) -> None:
    """The type lost a field since the format was saved."""
    draft = cases.draft("Nr,Who,Car\n1,Abbott,VW\n", columns={"Nr": "Reference 1", "Who": "Subject Last Name", "Car": "Vehicle"})
    with cases.site.pipeline.ledger.begin() as conn:
        steps.save_as_format(conn, cases.account, draft.id, "cars", by="ana", now=cases.site.clock.now())
    file = cases.site.accounts / "cases" / "object_types" / "case.yaml"
    file.write_text("".join(line for line in file.read_text().splitlines(keepends=True) if "name: Vehicle" not in line))
    cases.site.reload()
    path = tmp_path / "monday.csv"
    path.write_text("Nr,Who,Car\n2,Baker,VW\n")
    job = cases.submitted(path, format="cars")
    assert job.state == "failed" and job.reason is not None and "names 'Vehicle', which Case does not have" in job.reason
