"""Exports on the desk: made now, as of a moment, compared, and the files of past days (issue 7).

Belongs here: what the page and its downloads hold. Does not belong here: what an export is (exporting/).
"""

import csv
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import polars as pl
import pytest
from playwright.sync_api import Browser
from python_calamine import CalamineWorkbook

from import_pipeline.exporting.export import export_type
from import_pipeline.exporting.windows import last_closed, window_of
from import_pipeline.gateway.http.desk.exports.kept import kept
from import_pipeline.gateway.http.desk.exports.making import BUSY
from import_pipeline.gateway.http.desk.sending import disposition
from import_pipeline.store.horizon import prune_history
from import_pipeline.store.session import open_store
from import_pipeline_tests.gateway.http.desk.kit import Person, add_user, barriers, shot, sign_in, window
from import_pipeline_tests.gateway.http.kit import Service
from import_pipeline_tests.scenarios.conftest import ACCOUNT, CONTACT
from import_pipeline_tests.scenarios.site import Here

FIRST = "ExternalDataObjectId,Name,Email,Employees,Revenue\nA-1,Zoë GmbH,zoe@a.example,5,1250.50\nA-2,=1+1,b@a.example,6,\n"
LATER = "ExternalDataObjectId,Name,Employees\nA-1,Zoë GmbH,7\nA-3,Third,8\n"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Here]:
    """The account acme with two imports behind it and daily and weekly exports; other with one import of its own."""
    made = Here(tmp_path_factory.mktemp("exports"))
    exports = {"daily": ["Account", "Contact"], "weekly": ["Account"], "at": "02:00"}
    made.add_account("acme", [ACCOUNT, CONTACT], title="Acme Field Sales", timezone="America/New_York", exports=exports)
    made.add_account("other", [ACCOUNT])
    for name, account, role in (("ann", "acme", "admin"), ("bob", "acme", "upload"), ("rea", "acme", "read"), ("oto", "other", "admin")):
        add_user(made, name, account, role)  # type: ignore[arg-type]
    made.deliver("Account_1.csv", FIRST)
    made.deliver("Account_2.csv", LATER)
    made.drop("Account_o.csv", "ExternalDataObjectId,Name\nO-1,Secret\n", account="other")
    made.work("other")
    yield made
    made.close()


@pytest.fixture(scope="module")
def rea(service: Service) -> Person:
    """Somebody who may take exports."""
    return Person(service, "rea")


def employees(answer: httpx.Response) -> dict[str, str]:
    """Of each account in a CSV download, by its external id."""
    assert answer.status_code == 200 and answer.headers["content-type"] == "text/csv; charset=utf-8", answer.text
    return {row["ExternalDataObjectId"]: row["Employees"] for row in csv.DictReader(io.StringIO(answer.text))}


def test_an_export_is_what_the_command_writes(rea: Person, site: Here, tmp_path: Path) -> None:
    """Byte by byte, as an attachment that a browser does not run."""
    answer = rea.post("/exports", {"type": "Account"})
    assert employees(answer) == {"A-1": "7", "A-2": "6", "A-3": "8"}
    account = site.pipeline.account("acme")
    with open_store(site.settings, "acme") as session:
        told = export_type(session, account, account.object_type("Account"), None, tmp_path, format="csv", now=site.clock.now())
    assert answer.content == told.path.read_bytes()
    name = answer.headers["content-disposition"]
    assert name.startswith('attachment; filename="Account_20') and name.endswith('Z.csv"')
    assert answer.headers["x-content-type-options"] == "nosniff" and "sandbox" in answer.headers["content-security-policy"]
    assert int(answer.headers["content-length"]) == len(answer.content)


@pytest.mark.slow
def test_every_format_holds_the_same_records(rea: Person, site: Here) -> None:
    """A leading `=` is kept in each of them: whatever was put in front of it would be imported with it (docs/security.md)."""
    lines = [json.loads(line) for line in rea.post("/exports", {"type": "Account", "form": "jsonl"}).text.splitlines()]
    parquet = pl.read_parquet(io.BytesIO(rea.post("/exports", {"type": "Account", "form": "parquet"}).content))
    book = rea.post("/exports", {"type": "Account", "form": "xlsx"})
    header, *rows = CalamineWorkbook.from_filelike(io.BytesIO(book.content)).get_sheet_by_index(0).to_python()
    sheet = {str(name): [row[place] for row in rows] for place, name in enumerate(header)}
    packed = zipfile.ZipFile(io.BytesIO(rea.post("/exports", {"type": "Account", "packed": "yes"}).content))
    (member,) = packed.namelist()
    texts = [packed.read(member).decode(), *(json.dumps(line, ensure_ascii=False) for line in lines)]
    assert "Zoë GmbH" in texts[0] and "Zoë GmbH" in texts[1]
    for found in ([line["Name"] for line in lines], parquet["Name"].to_list(), sheet["Name"]):
        assert found == ["Zoë GmbH", "=1+1", "Third"]
    assert [line["Employees"] for line in lines] == sheet["Employees"] == [7, 6, 8]
    assert sheet["Revenue"] == [1250.5, "", ""]
    assert book.headers["content-type"].endswith("spreadsheetml.sheet")


def test_a_workbook_imported_back_changes_nothing(rea: Person, site: Here) -> None:
    """Acceptance S-16, for spreadsheets: numbers as numbers, everything else as text."""
    job = site.deliver("Account_back.xlsx", rea.post("/exports", {"type": "Account", "form": "xlsx"}).content)
    assert (job.state, job.counts.unchanged, job.counts.updated, job.counts.refused) == ("applied", 3, 0, 0)


def test_an_export_as_of_a_time_or_an_import_holds_what_was_there_then(rea: Person, site: Here) -> None:
    """Acceptance B-9: before the first import there is nothing, after it A-1 has five employees, now it has seven."""
    first, second = site.job("Account_1.csv"), site.job("Account_2.csv")
    one = {"A-1": "5", "A-2": "6"}
    assert employees(rea.post("/exports", {"type": "Account", "at_kind": "after", "at_job": first.id})) == one
    assert employees(rea.post("/exports", {"type": "Account", "at_kind": "before", "at_job": second.id})) == one
    assert employees(rea.post("/exports", {"type": "Account", "at_kind": "before", "at_job": first.id})) == {}
    now = (site.clock.now() - timedelta(seconds=1)).astimezone(ZoneInfo("America/New_York"))
    answer = rea.post("/exports", {"type": "Account", "at_kind": "time", "at_time": f"{now:%Y-%m-%dT%H:%M:%S}"})
    assert employees(answer) == {"A-1": "7", "A-2": "6", "A-3": "8"}


def test_a_difference_tells_what_one_import_did(rea: Person, site: Here) -> None:
    """Right before and right after it; the other way round is told beside the second moment, and the form stays open."""
    job = site.job("Account_2.csv").id
    moments = {"at_kind": "before", "at_job": job, "until_kind": "after", "until_job": job}
    answer = rea.post("/exports/difference", {"type": "Account", **moments})
    found = [row for row in csv.DictReader(io.StringIO(answer.text)) if row["change"] == "changed"]
    assert [(row["external_id"], row["column"], row["old"], row["new"], row["job"]) for row in found] == [
        ("A-1", "Employees", "5", "7", job)
    ]
    assert 'filename="diff_Account_' in answer.headers["content-disposition"]
    turned = {"at_kind": "after", "at_job": job, "until_kind": "before", "until_job": job}
    refused = rea.post("/exports/difference", {"type": "Account", **turned})
    assert (
        refused.status_code == 422 and "exchange the two" in refused.text and '<details class="card" id="difference" open>' in refused.text
    )


def test_what_cannot_be_exported_is_told_beside_its_field(rea: Person, site: Here) -> None:
    """With what was chosen still in the form."""

    def told(**fields: str) -> str:
        answer = rea.post("/exports", {"type": "Account", **fields})
        assert answer.status_code == 422, answer.text
        assert 'aria-invalid="true"' in answer.text
        return answer.text

    assert "Choose what to export." in told(type="Nothing")
    assert "Give a day and a time." in told(at_kind="time")
    assert "Choose an import." in told(at_kind="after")
    assert "has not come yet" in told(at_kind="time", at_time="2999-01-01T00:00")
    assert "never comes" in told(at_kind="time", at_time="2026-03-08T02:30")
    filled = told(form="jsonl", packed="yes", at_kind="time", at_time="2999-01-01T00:00")
    assert '<option value="jsonl" selected>' in filled and 'value="2999-01-01T00:00"' in filled and "checked" in filled


def test_another_accounts_import_is_as_unknown_as_one_that_never_was(rea: Person, site: Here) -> None:
    """Neither that it exists nor whose it is may be learned by asking."""
    foreign = site.jobs("other")[0].id
    answers = [rea.post("/exports", {"type": "Account", "at_kind": "after", "at_job": job}) for job in (foreign, "a1234567")]
    assert [a.status_code for a in answers] == [422, 422]
    assert f"There is no import {foreign}." in answers[0].text and "There is no import a1234567." in answers[1].text
    assert "other" not in answers[0].text.replace("Other files", "")


def test_a_state_before_the_horizon_is_refused_with_the_reason(tmp_path: Path) -> None:
    """What is left of it would be a wrong answer; the present one can be had all the same."""
    site = Here(tmp_path)
    site.add_account("acme", [ACCOUNT])
    add_user(site, "rea", "acme", "read")
    first, _ = site.deliver("Account_1.csv", FIRST), site.deliver("Account_2.csv", LATER)
    with open_store(site.settings, "acme", writable=True) as session:
        cut = session.one("SELECT max(_valid_from) FROM store.account") + timedelta(microseconds=1)
        assert prune_history(session, site.pipeline.account("acme").object_types, cut)
    with Service(site) as service:
        answer = Person(service, "rea").post("/exports", {"type": "Account", "at_kind": "after", "at_job": first.id})
        assert answer.status_code == 422 and "were pruned, so only states from then on are complete" in answer.text
        assert employees(Person(service, "rea").post("/exports", {"type": "Account"})) == {"A-1": "7", "A-2": "6", "A-3": "8"}
    site.close()


def test_nothing_of_an_export_is_left_behind(rea: Person, site: Here) -> None:
    """Neither of one that was sent nor of one that was refused."""
    rea.post("/exports", {"type": "Account"})
    rea.post("/exports", {"type": "Account", "at_kind": "time", "at_time": "2999-01-01T00:00"})
    assert list((site.settings.home / "tmp" / "desk").iterdir()) == []


def test_exports_are_for_those_who_may_read(service: Service) -> None:
    """Who only sends files neither gets them nor is shown the way."""
    bob = Person(service, "bob")
    answers = [bob.get("/exports"), bob.post("/exports", {"type": "Account"}), bob.post("/exports/difference", {"type": "Account"})]
    assert [a.status_code for a in answers] == [403] * 3
    assert ">Exports<" not in bob.get("/templates").text


def write_past(site: Here, account: str, cadence: str, key: str) -> Path:
    """What the schedule writes for a window, with the clock ahead of its end."""
    chosen = site.pipeline.account(account)
    folder = site.path("Exports", cadence.capitalize(), account=account)
    with open_store(site.settings, account) as session:
        period = window_of(cadence, key, chosen.timezone)  # type: ignore[arg-type]
        return export_type(
            session, chosen, chosen.object_type("Account"), period, folder, format="csv", now=max(site.clock.now(), period.end)
        ).path


def test_past_files_are_listed_by_their_windows_with_rows_and_sent_as_they_are(rea: Person, site: Here) -> None:
    """Newest first; a cadence that the account does not have is not shown."""
    closed = last_closed("daily", site.clock.now(), "America/New_York")
    older = last_closed("daily", closed.start, "America/New_York")
    path = write_past(site, "acme", "daily", older.label)
    page = rea.get("/exports").text
    assert page.index(closed.label) < page.index(path.name)
    assert f'href="/desk/exports/daily/{path.name}"' in page
    assert "Daily files" in page and "Weekly files" in page and "Monthly files" not in page
    assert "Not there" in page or "Not yet due" in page or "None yet" in page
    answer = rea.get(f"/exports/daily/{path.name}")
    assert answer.content == path.read_bytes()
    assert answer.headers["content-disposition"] == f'attachment; filename="{path.name}"'


def test_a_type_whose_files_began_later_is_missed_from_then_on_only(tmp_path: Path) -> None:
    """A type that joined the schedule today lacks nothing of last year."""
    site = Here(tmp_path)
    site.add_account("acme", [ACCOUNT, CONTACT], exports={"daily": ["Account", "Contact"]})
    site.add_account("new", [ACCOUNT], exports={"daily": ["Account"]})
    for day, name in ((2, "Account"), (3, "Account"), (4, "Contact"), (5, "Account")):
        told = {"file": f"{name}_2026-01-0{day}.csv", "type": name, "rows": day}
        (site.path("Exports", "Daily") / f"{told['file']}.manifest.json").write_text(json.dumps(told))
        (site.path("Exports", "Daily") / str(told["file"])).write_text("x")
    found = kept(site.settings, site.pipeline.account("acme"), "daily", datetime(2026, 1, 6, 12, tzinfo=UTC))
    shown = {window.label[-2:]: {e.object_type: e.rows for e in window.exports} for window in found.windows}
    assert shown == {
        "05": {"Account": 5, "Contact": None},
        "04": {"Account": None, "Contact": 4},
        "03": {"Account": 3},
        "02": {"Account": 2},
    }
    assert [e.ever for window in found.windows for e in window.exports] == [True] * 6
    (new,) = kept(site.settings, site.pipeline.account("new"), "daily", datetime(2026, 1, 6, 12, tzinfo=UTC)).windows
    assert (new.label, [(e.late, e.ever) for e in new.exports]) == ("2026-01-05", [(True, False)])
    site.close()


def test_a_window_that_is_not_due_is_told_apart_from_one_that_is_missing(site: Here) -> None:
    """Weeks are due on the Monday after, days on the next, at the hour of the account in its time zone."""
    account = site.pipeline.account("acme")
    zone = ZoneInfo("America/New_York")
    for hour, late in ((1, False), (3, True)):
        now = datetime(2031, 5, 6, hour, tzinfo=zone).astimezone(UTC)
        found = kept(site.settings, account, "weekly", datetime(2031, 5, 5, hour, tzinfo=zone).astimezone(UTC))
        (export,) = found.windows[0].exports
        assert (found.windows[0].label, found.windows[0].first, found.windows[0].last) == ("2031-W18", "2031-04-28", "2031-05-04")
        assert (export.late, export.due) == (late, datetime(2031, 5, 5, 2, tzinfo=zone))
        daily = kept(site.settings, account, "daily", now)
        assert daily.next_due == datetime(2031, 5, 6 + late, 2, tzinfo=zone)


def test_a_file_that_is_not_in_the_listing_is_not_found_however_it_is_asked_for(rea: Person, service: Service, site: Here) -> None:
    """Names are looked up and never made into paths; a link leads nowhere; another account has files of its own."""
    theirs = write_past(site, "other", "daily", "2026-01-05")
    secret = site.path("Exports", "Daily").parent / "secret_2026-01-05.csv"
    secret.write_text("secret")
    link = site.path("Exports", "Daily") / "link_2026-01-05.csv"
    link.unlink(missing_ok=True)
    link.symlink_to(secret)
    tricks = [theirs.name + "x", "link_2026-01-05.csv", "..%2fsecret_2026-01-05.csv", "%2e%2e%2fsecret_2026-01-05.csv"]
    tricks += ["..", ".", "%2fetc%2fpasswd", "..%5csecret_2026-01-05.csv", "x%00_2026-01-05.csv", "%ff%fe_2026-01-05.csv"]
    for name in tricks:
        answer = rea.get(f"/exports/daily/{name}")
        assert answer.status_code == 404 or "text/html" in answer.headers["content-type"], name
        assert "secret" not in answer.text.replace(name, ""), name
    assert rea.get("/exports/hourly/x_2026-01-05.csv").status_code == 404
    own = write_past(site, "acme", "weekly", "2026-W02")
    assert rea.get(f"/exports/weekly/{own.name}").status_code == 200
    assert rea.get(f"/exports/weekly/{own.name}.manifest.json").status_code == 404
    assert Person(service, "oto").get(f"/exports/weekly/{own.name}").status_code == 404


def test_a_manifest_that_points_elsewhere_shows_nothing(rea: Person, site: Here) -> None:
    """People may put files into that folder: what a manifest says counts for plain files beside it only."""
    folder = site.path("Exports", "Monthly")
    told = {"file": "../../../../ledger.sqlite", "type": "Account", "rows": 1, "made_at": "nonsense"}
    (folder / "Account_2026-01.csv.manifest.json").write_text(json.dumps(told))
    (folder / "Contact_2026-02.csv.manifest.json").write_text("[" * 100_000)
    page = rea.get("/exports")
    assert page.status_code == 200 and "ledger.sqlite" not in page.text
    for manifest in folder.glob("*.manifest.json"):
        manifest.unlink()


@pytest.mark.parametrize(
    ("name", "stated"),
    [
        ("Account_1.csv", 'attachment; filename="Account_1.csv"'),
        ("Zoë_1.csv", "attachment; filename=\"Zo__1.csv\"; filename*=UTF-8''Zo%C3%AB_1.csv"),
        ('a"b\r\nc;d.csv', 'attachment; filename="a_b__c_d.csv"'),
        ("合同.csv", "attachment; filename=\"__.csv\"; filename*=UTF-8''%E5%90%88%E5%90%8C.csv"),
    ],
)
def test_names_of_downloads_are_safe_in_a_header(name: str, stated: str) -> None:
    """RFC 6266: no name ends the quotes or the line."""
    assert disposition(name) == stated


@pytest.mark.slow
def test_while_a_run_writes_the_page_says_so_and_keeps_what_was_chosen(rea: Person, site: Here) -> None:
    """In words of ours: those of the store name paths of the machine."""
    hold = (
        "import sys, duckdb; c = duckdb.connect(); c.execute(f\"ATTACH '{sys.argv[1]}' AS s\"); print('held', flush=True); sys.stdin.read()"
    )
    store = str(site.settings.store_file("acme"))
    with subprocess.Popen([sys.executable, "-c", hold, store], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout and writer.stdin
        assert writer.stdout.readline() == b"held\n"
        answer = rea.post("/exports", {"type": "Contact", "form": "jsonl"})
        writer.stdin.close()
    assert answer.status_code == 503 and BUSY in answer.text
    assert '<option value="jsonl" selected>' in answer.text and str(site.settings.home) not in answer.text


@pytest.mark.slow
def test_a_person_exports_in_a_browser_and_looks_at_the_past(browser: Browser, service: Service, site: Here) -> None:
    """Fields that a choice does not need are hidden; the page is fine on a phone and in the dark."""
    write_past(site, "acme", "daily", last_closed("daily", site.clock.now() - timedelta(days=2), "America/New_York").label)
    with window(browser, service, viewport={"width": 1280, "height": 900}) as page:
        sign_in(page, "rea")
        page.get_by_role("link", name="Exports").click()
        assert barriers(page) == []
        form = page.locator("#now")
        assert not form.get_by_label("Day and time").is_visible()
        form.get_by_label("Moment").select_option("after")
        form.get_by_label("Import").select_option(site.job("Account_1.csv").id)
        with page.expect_download() as begun:
            form.get_by_role("button", name="Export").click()
        assert begun.value.suggested_filename.startswith("Account_20")
        assert len(Path(begun.value.path()).read_text().splitlines()) == 3
        shot(page, "exports")
        form.get_by_label("Moment").select_option("time")
        form.get_by_label("Day and time").fill("2999-01-01T00:00:00")
        form.get_by_role("button", name="Export").click()
        page.get_by_text("has not come yet").wait_for()
        assert barriers(page) == []
        page.set_viewport_size({"width": 390, "height": 800})
        page.goto("/desk/exports?about=difference&at_kind=now")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        shot(page, "exports_phone")
    with window(browser, service, color_scheme="dark", viewport={"width": 1280, "height": 900}) as page:
        sign_in(page, "rea")
        page.goto("/desk/exports?about=difference&at_kind=now")
        assert barriers(page) == []
        shot(page, "exports_dark")
