"""Fix and resubmit (acceptance B-1): failed rows come back as a file; mended and dropped again, they close the open rows of their job."""

import csv
import io
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
import python_calamine
import xlsxwriter
import yaml

from import_pipeline.delivering.again import book_replay, book_undo
from import_pipeline.ledger.jobs import JobRow
from import_pipeline_tests.scenarios.conftest import LEAD
from import_pipeline_tests.scenarios.site import Site

HEADER = "ExternalDataObjectId,Name,Employees"
FAILED = "DataObjects/Import/Failed"


def dirty(rows: int = 3, good: int = 1, prefix: str = "B") -> str:
    """A file with `good` good rows, then `rows` whose number is a word."""
    lines = [f"A{i},Good {i},{i}" for i in range(good)] + [f"{prefix}{i},Bad {i},x{i}" for i in range(rows)]
    return "\n".join([HEADER, *lines, ""])


def failed(job: JobRow) -> str:
    """The failed-rows file of a job."""
    assert job.failed_file
    return Path(job.failed_file).read_text()


def mended(text: str, *numbers: int) -> str:
    """The failed rows with the words of these rows made numbers."""
    for number in numbers:
        text = text.replace(f",x{number},", f",{number},", 1)
    return text


def resolved(site: Site, name: str) -> tuple[int, int, dict[str, int]]:
    """What the receipt of a file's job says: rows that came in since, rows still open, and by which jobs."""
    told = site.receipt(site.job(name))["resolved"]
    return told["rows"], told["open"], {by["job"]: by["rows"] for by in told["by"]}


def test_mended_rows_under_any_name_close_the_rows_of_their_job(site: Site) -> None:
    """Acceptance B-1: the file's name says nothing about its type, the rows do."""
    first = site.deliver("Account_1.csv", dirty(3))
    assert site.receipt(first)["resolved"] is None
    again = site.deliver("mended at last.csv", mended(failed(first), 0, 1, 2))
    assert (again.object_type, again.counts.created, again.counts.refused, again.failed_file) == ("Account", 3, 0, None)
    assert resolved(site, "Account_1.csv") == (3, 0, {again.id: 3})
    now, told = site.job("Account_1.csv"), site.receipt(site.job("Account_1.csv"))
    assert (now.resolved, now.counts, now.state) == (3, first.counts, "applied")
    assert f"All 3 refused rows came in since (job {again.id})." in told["outcome"] and "send it again" not in told["outcome"]
    own = site.receipt(again)
    assert own["resubmits"] == [{"job": first.id, "rows": 3, "closed": 3}] and own["resolved"] is None
    assert f"3 rows of job {first.id} were sent again; this closes 3 of them." in own["outcome"]


@pytest.mark.here
def test_rows_that_fail_again_get_a_new_file_and_the_chain_goes_on(site: Site) -> None:
    """Acceptance B-1: half mended, sent, the rest mended and sent: the first job's rows are closed along the chain."""
    first = site.deliver("Account_1.csv", dirty(4))
    half = site.deliver("half.csv", mended(failed(first), 1, 3))
    assert (half.counts.created, half.counts.refused) == (2, 2)
    assert resolved(site, "Account_1.csv") == (2, 2, {half.id: 2})
    assert "2 of the 4 refused rows came in since" in site.receipt(site.job("Account_1.csv"))["outcome"]
    rows = list(csv.DictReader(io.StringIO(failed(half))))
    assert [(r["ExternalDataObjectId"], r["_import_job"], r["_import_line"]) for r in rows] == [("B0", half.id, "2"), ("B2", half.id, "4")]
    assert failed(half).splitlines()[0] == f"{HEADER},_import_job,_import_line,_import_errors" and first.id not in failed(half)
    rest = site.deliver("rest.csv", mended(failed(half), 0, 2))
    assert resolved(site, "half.csv") == (2, 0, {rest.id: 2})
    assert resolved(site, "Account_1.csv") == (4, 0, {half.id: 2, rest.id: 2})
    assert site.job("Account_1.csv").resolved == 4 and site.receipt(rest)["resubmits"] == [{"job": half.id, "rows": 2, "closed": 2}]


@pytest.mark.here
def test_a_delivery_whose_every_row_is_refused_again_still_carries_the_chain(site: Site) -> None:
    """The links of refused rows are booked with the change set, even when it changes nothing."""
    first = site.deliver("Account_1.csv", dirty(2, good=0))
    assert first.state == "failed"
    still = site.deliver("again.csv", failed(first).replace(",x0,", ",y0,"))
    assert still.state == "failed" and resolved(site, "Account_1.csv") == (0, 2, {})
    last = site.deliver("last.csv", failed(still).replace(",y0,", ",1,").replace(",x1,", ",2,"))
    assert resolved(site, "Account_1.csv") == (2, 0, {last.id: 2})
    assert "Nothing was imported" in site.receipt(site.job("Account_1.csv"))["outcome"]


@pytest.mark.here
def test_the_files_that_people_work_on_are_left_alone(site: Site) -> None:
    """Somebody may edit the failed rows where they lie, and move them to New: what was moved does not come back."""
    first = site.deliver("Account_1.csv", dirty(3))
    lying = Path(first.failed_file or "")
    text = mended(lying.read_text(), 0)
    lying.unlink()
    site.deliver(lying.name, text)
    assert not lying.exists() and resolved(site, "Account_1.csv")[:2] == (1, 2)


@pytest.mark.here
def test_the_same_rows_sent_twice_count_once(site: Site) -> None:
    """Every line is closed by the first row that came in; the same bytes again are a duplicate (B-5)."""
    first = site.deliver("Account_1.csv", dirty(3))
    one = site.deliver("one.csv", mended(failed(first), 0, 1, 2))
    assert site.deliver("two.csv", mended(failed(first), 0, 1, 2)).state == "duplicate"
    three = site.deliver("three.csv", mended(failed(first), 0, 1, 2).replace(",Bad 1,", ",Bad One,"))
    assert resolved(site, "Account_1.csv") == (3, 0, {one.id: 3})
    assert site.receipt(three)["resubmits"] == [{"job": first.id, "rows": 3, "closed": 0}]


@pytest.mark.here
def test_a_link_to_a_job_that_is_none_is_told_and_the_row_imported(site: Site) -> None:
    """A made-up job, another type's job, a job of another account: the row counts, the link does not."""
    job = site.deliver("Account_1.csv", f"{HEADER},_import_job,_import_line\nA1,Acme,1,zz99zz99,2\n")
    assert (job.counts.created, site.receipt(job)["resubmits"]) == (1, [])
    (notice,) = [n for n in site.receipt(job)["notices"] if n["code"] == "unknown_job"]
    assert "zz99zz99" in notice["message"] and notice["rows"] == 1
    contact = site.deliver("Contact_1.csv", f"ExternalDataObjectId,Name,_import_job,_import_line\nC1,Ann,{job.id},2\n")
    assert "unknown_job" in {n["code"] for n in site.receipt(contact)["notices"]}
    assert site.query("SELECT count(*) FROM store._resubmitted") == [(0,)]


@pytest.mark.here
def test_a_link_to_a_line_that_was_never_refused_closes_nothing(site: Site) -> None:
    """Line 2 was imported, line 99 does not exist."""
    first = site.deliver("Account_1.csv", dirty(1))
    rows = "\n".join(f"N{line},New,1,{first.id},{line}" for line in (2, 99))
    again = site.deliver("Account_2.csv", f"{HEADER},_import_job,_import_line\n{rows}\n")
    assert resolved(site, "Account_1.csv") == (0, 1, {})
    assert site.receipt(again)["resubmits"] == [{"job": first.id, "rows": 2, "closed": 0}]


@pytest.mark.here
def test_a_row_that_waits_for_its_parent_closes_its_line_when_the_parent_comes(site: Site) -> None:
    """Parked is not in; once the parent is there the first job's receipt follows, without anybody sending anything again."""
    header = "ExternalDataObjectId,Name,RelatedTo"
    first = site.deliver("Contact_1.csv", f"{header}\nC1,Ann,A9,extra\nC2,Bob,\n")
    again = site.deliver("mended.csv", failed(first).replace(",extra,", ","))
    assert (again.counts.parked, resolved(site, "Contact_1.csv")) == (1, (0, 1, {}))
    site.deliver("Account_1.csv", f"{HEADER}\nA9,Acme,1\n")
    assert resolved(site, "Contact_1.csv") == (1, 0, {again.id: 1})
    assert site.receipt(site.job("mended.csv"))["resubmits"] == [{"job": first.id, "rows": 1, "closed": 1}]
    assert site.job("Contact_1.csv").resolved == 1


@pytest.mark.here
def test_objects_and_sheets_come_back_under_any_name(site: Site, tmp_path: Path) -> None:
    """JSON lines and workbooks are known by their first rows as CSV is."""
    lines = [{"ExternalDataObjectId": f"J{i}", "Name": f"N{i}", "Employees": f"x{i}"} for i in range(2)]
    first = site.deliver("Account_j.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    again = site.deliver("fixed.jsonl", failed(first).replace('"x0"', "1").replace('"x1"', "2"))
    assert again.object_type == "Account" and resolved(site, "Account_j.jsonl") == (2, 0, {again.id: 2})
    book = _book([HEADER.split(","), ["S1", "One", "x"], ["S2", "Two", 2]], tmp_path / "a.xlsx")
    sheet = site.deliver("Account_s.xlsx", book)
    rows = python_calamine.CalamineWorkbook.from_path(str(sheet.failed_file)).get_sheet_by_index(0).to_python()
    fixed = [[3 if cell == "x" else cell for cell in row] for row in rows]
    back = site.deliver("fixed sheet.xlsx", _book(fixed, tmp_path / "b.xlsx"))
    assert back.object_type == "Account" and resolved(site, "Account_s.xlsx") == (1, 0, {back.id: 1})


def _book(rows: Sequence[Sequence[object]], path: Path) -> bytes:
    made = xlsxwriter.Workbook(path)
    sheet = made.add_worksheet()
    for number, row in enumerate(rows):
        sheet.write_row(number, 0, row)
    made.close()
    return path.read_bytes()


@pytest.mark.here
def test_mended_rows_may_come_in_an_archive(site: Site) -> None:
    """Two failed files, zipped under names of their own, beside one that nothing is known of."""
    accounts = site.deliver("Account_1.csv", dirty(1))
    contacts = site.deliver("Contact_1.csv", "ExternalDataObjectId,Name\nC1,\n")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/one.csv", mended(failed(accounts), 0))
        archive.writestr("b/one.csv", failed(contacts).replace("C1,,", "C1,Ann,"))
        archive.writestr("other.csv", "ExternalDataObjectId,Name\nX1,Who\n")
    site.drop("back.zip", out.getvalue())
    site.work()
    assert resolved(site, "Account_1.csv")[0] == resolved(site, "Contact_1.csv")[0] == 1
    assert site.job("other.csv").state == "failed"


@pytest.mark.here
def test_the_first_jobs_saved_format_reads_the_mended_rows_too(tmp_path: Path, site: Site) -> None:
    """Columns that only the format knows must mean the same the second time."""
    folder = site.accounts / "acme" / "formats"
    folder.mkdir()
    columns = {"Key": "ExternalDataObjectId", "Firm": "Name", "Heads": "Employees"}
    (folder / "partner.yaml").write_text(yaml.safe_dump({"name": "partner", "object_type": "Account", "columns": columns}))
    site.reload()
    given = tmp_path / "partner file.csv"
    given.write_text("Key,Firm,Heads\nA1,Acme,many\n")
    first = _by_hand(site, given, "partner")
    assert (first.format, first.counts.refused) == ("partner", 1)
    again = site.deliver("mended.csv", failed(first).replace("many", "7"))
    assert (again.format, again.object_type, again.counts.created) == ("partner", "Account", 1)
    assert resolved(site, "partner file.csv") == (1, 0, {again.id: 1})


def _by_hand(site: Site, path: Path, format_: str) -> JobRow:
    from import_pipeline.landing.submit import submit

    account = site.pipeline.account("acme")
    submit(site.pipeline.ledger, account, site.settings, [path], format=format_, now=site.clock.now(), door="test")
    site.work()
    return site.job(path.name)


@pytest.mark.here
def test_a_classic_accounts_failed_rows_come_back_as_well(site: Site) -> None:
    """Their type is never in question; the link is the same."""
    site.add_account("doors", [LEAD], mode="classic")
    site.account = "doors"
    first = site.deliver("fair.csv", "ExternalLeadId,Name\nL1,\nL2,Lee\n", folder="Leads/Import/New")
    again = site.deliver("fair mended.csv", failed(first).replace("L1,,", "L1,Ann,"), folder="Leads/Import/New")
    assert resolved(site, "fair.csv") == (1, 0, {again.id: 1})


@pytest.mark.here
def test_moved_columns_and_a_changed_order_make_no_difference(site: Site) -> None:
    """A spreadsheet user puts the reasons first and sorts the rows."""
    first = site.deliver("Account_1.csv", dirty(3))
    rows = list(csv.DictReader(io.StringIO(mended(failed(first), 0, 2))))
    out = io.StringIO()
    names = ["_import_errors", "Name", "_import_line", "Employees", "_import_job", "ExternalDataObjectId"]
    writer = csv.DictWriter(out, names)
    writer.writeheader()
    writer.writerows(rows[::-1])
    again = site.deliver("sorted.csv", out.getvalue())
    assert resolved(site, "Account_1.csv") == (2, 1, {again.id: 2})
    assert failed(again).splitlines()[0] == "Name,Employees,ExternalDataObjectId,_import_job,_import_line,_import_errors"
    (row,) = csv.DictReader(io.StringIO(failed(again)))
    assert (row["ExternalDataObjectId"], row["Employees"], row["_import_job"], row["_import_line"]) == ("B1", "x1", again.id, "3")


@pytest.mark.here
@pytest.mark.parametrize("where", ["folder", "cli"])
def test_a_plan_books_no_link(site: Site, where: str) -> None:
    """Acceptance B-2: nothing is written, neither to the first job nor to the store."""
    first = site.deliver("Account_1.csv", dirty(2))
    text = mended(failed(first), 0, 1)
    if where == "folder":
        planned = site.deliver("mended.csv", text, folder="DataObjects/Check/New")
    else:
        given = site.folder / "mended.csv"
        given.write_text(text)
        planned = _planned(site, given)
    assert planned.dry_run and planned.counts.created == 2 and planned.object_type == "Account"
    assert site.receipt(site.job("Account_1.csv"))["resolved"] is None
    assert site.query("SELECT count(*) FROM store._resubmitted") == [(0,)]
    real = site.deliver("for real.csv", text)
    assert resolved(site, "Account_1.csv") == (2, 0, {real.id: 2})


def _planned(site: Site, path: Path) -> JobRow:
    from import_pipeline.landing.submit import submit

    account = site.pipeline.account("acme")
    submit(site.pipeline.ledger, account, site.settings, [path], now=site.clock.now(), door="test", dry_run=True)
    site.work()
    return site.job(path.name)


@pytest.mark.here
def test_undoing_the_mended_rows_opens_them_again_and_undoing_that_closes_them(site: Site) -> None:
    """Acceptance B-3: what was taken back is not in; every receipt on the way says so."""
    first = site.deliver("Account_1.csv", dirty(3))
    again = site.deliver("mended.csv", mended(failed(first), 0, 2))
    assert resolved(site, "Account_1.csv") == (2, 1, {again.id: 2})
    _, key = book_undo(site.pipeline, again.id, dry_run=False)
    site.work()
    assert resolved(site, "Account_1.csv") == (0, 3, {}) and site.job("Account_1.csv").resolved == 0
    assert site.receipt(site.job("mended.csv"))["resubmits"] == [{"job": first.id, "rows": 3, "closed": 0}]
    undo = next(row for row in site.jobs() if row.delivery == key)
    book_undo(site.pipeline, undo.id, dry_run=False)
    site.work()
    assert resolved(site, "Account_1.csv") == (2, 1, {again.id: 2}) and site.job("Account_1.csv").resolved == 2


@pytest.mark.here
def test_a_replay_of_the_first_job_counts_what_it_still_refuses(site: Site) -> None:
    """Acceptance B-7: a row that the replay takes in is neither refused nor resolved; the one sent again stays closed."""
    first = site.deliver("Account_1.csv", f"{HEADER},Stage\nA1,Acme,1,Kunde\nA2,Bolt,x2,New\nA3,Carl,x3,New\n")
    again = site.deliver("mended.csv", mended(failed(first), 2))
    assert resolved(site, "Account_1.csv") == (1, 2, {again.id: 1})
    path = site.accounts / "acme" / "object_types" / "account.yaml"
    stated = yaml.safe_load(path.read_text())
    stated["stages"]["Won"].append("Kunde")
    path.write_text(yaml.safe_dump(stated))
    site.reload()
    book_replay(site.pipeline, first.delivery)
    site.work()
    now = site.job("Account_1.csv")
    assert (now.counts.created, now.counts.refused, now.resolved) == (1, 2, 1)
    assert resolved(site, "Account_1.csv") == (1, 1, {again.id: 1})
    assert site.receipt(now)["replay"]["number"] == 1
