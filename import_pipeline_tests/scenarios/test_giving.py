"""Engaging Networks: the sentences of the acceptance list (E-1 to E-11), through the real service and real runs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from import_pipeline_tests.scenarios.giving import HEADER, ONE, PRINTED, TWO, Giving, giving_site

pytestmark = pytest.mark.here


@pytest.fixture
def giving(tmp_path: Path) -> Iterator[Giving]:
    """The shipped account."""
    with giving_site(tmp_path) as made:
        yield made


def test_a_supporter_file_is_imported_to_the_end_and_its_participations_are_exported(giving: Giving) -> None:
    """The document's example with a bad row between: E-1, E-7, E-10's list, E-11."""
    bad = "Supporter,Bad,sam+2@engagingnetworks.net,1,maybe,Y\n"
    told = giving.send(HEADER + ONE + bad + TWO)
    assert told == (
        "Your file has been uploaded successfully and scheduled for import. Your job # is 1. "
        "You will receive an email when your job is complete."
    )
    (before,) = giving.get("jobs").json()
    assert (before["type"], before["job"], before["name"], before["completed"], before["percent"]) == (
        "User Data Import",
        1,
        "November",
        None,
        0,
    )

    giving.site.work()

    (row,) = giving.get("jobs").json()
    assert (row["percent"], row["results"]) == (100, "3 rows: 2 added, 0 updated, 0 unchanged, 1 refused")
    assert row["started"] <= row["completed"] and row["completed"].endswith("-05:00")
    assert {(line, column) for line, column, _ in giving.errors()} >= {(3, "OPT-IN #1")}
    people = giving.supporters()
    assert set(people) == {"sam@engagingnetworks.net", "sam+1@engagingnetworks.net"}
    one = people["sam@engagingnetworks.net"]
    assert (one["First Name"], one["Postcode"], one["OPT-IN #1"], one["Campaign ABC"]) == ("Supporter", "123ABC", "Y", "P")
    rows = giving.exported()
    assert [(r["Supporter Email"], r["Campaign Type"], r["Campaign ID"], r["Campaign Status"], r["Campaign Number"]) for r in rows] == [
        ("sam@engagingnetworks.net", "PET", "20345", "P", "0"),
        ("sam+1@engagingnetworks.net", "PET", "20345", "P", "0"),
    ]


def test_the_documents_example_is_taken_as_printed(giving: Giving) -> None:
    """Two supporters, an opt-in each, a participation each."""
    assert giving.imported(PRINTED)["results"] == "2 rows: 2 added, 0 updated, 0 unchanged, 0 refused"


def test_a_blank_email_gets_a_made_up_one_that_stays_the_key(giving: Giving) -> None:
    """E-5: a column without values is enough; the address names the supporter from then on."""
    giving.imported(HEADER + "Off,Line,,1,Y,\n" + "Off,Grid, ,2,,P\n")
    made = sorted(giving.supporters())
    assert len(made) == 2 and all(address.endswith("@dummy.invalid") for address in made)
    row = giving.imported(HEADER + f"On,,{made[0].upper()},,,\n")
    assert row["results"] == "1 rows: 0 added, 1 updated, 0 unchanged, 0 refused"
    assert giving.supporters()[made[0]]["First Name"] == "On" and sorted(giving.supporters()) == made
    again = giving.imported(HEADER + "Off,Line,,1,Y,\n" + "Off,Grid, ,2,,P\n", segmentId="again")
    assert again["results"].startswith("2 rows: 0 added, 2 updated") and sorted(giving.supporters()) == made
    assert len(giving.exported()) == 1


def test_the_same_address_in_another_case_is_the_same_supporter(giving: Giving) -> None:
    """Mail servers take both for one."""
    giving.imported(PRINTED)
    assert giving.imported(HEADER + "Sam,,SAM@EngagingNetworks.net,,,\n")["results"].startswith("1 rows: 0 added, 1 updated")
    assert giving.supporters()["sam@engagingnetworks.net"]["First Name"] == "Sam"


def test_create_only_adds_new_supporters_and_leaves_known_ones_alone(giving: Giving) -> None:
    """E-6, also for a second row of the same file."""
    giving.imported(PRINTED)
    changed = ONE.replace("Supporter", "Changed").replace(",Y,", ",N,")
    new = "New,Three,three@example.org,9,Y,\n"
    row = giving.imported(HEADER + changed + new + new.replace("New", "Newer"), formatName="new supporters")
    assert row["results"] == "3 rows: 1 added, 0 updated, 2 unchanged, 0 refused"
    people = giving.supporters()
    assert (people["sam@engagingnetworks.net"]["First Name"], people["sam@engagingnetworks.net"]["OPT-IN #1"]) == ("Supporter", "Y")
    assert people["three@example.org"]["First Name"] == "New"


def test_an_opt_in_is_y_or_n_and_a_participation_p(giving: Giving) -> None:
    """E-7: everything else is a row error; a blank cell says nothing."""
    cells = ["Y,P", "N,", ",", "P,", "D,", "y,", "Y,Y", "maybe,P"]
    row = giving.imported(HEADER + "".join(f"A,B,a{n}@example.org,1,{cell}\n" for n, cell in enumerate(cells)))
    assert row["results"].startswith("8 rows: 3 added") and len(giving.exported()) == 1
    assert giving.errors() == {
        *((line, "OPT-IN #1", "unknown_choice") for line in (5, 6, 7, 9)),
        (8, "Campaign ABC", "unknown_choice"),
    }


def test_a_stored_answer_may_be_pending(giving: Giving) -> None:
    """E-7: P and D come back with a file that holds records as they are stored, without a saved format."""
    giving.site.deliver("Supporter_restore.csv", "Email Address,OPT-IN #1,Phone Opt-In\na@example.org,P,D\n")
    person = giving.supporters()["a@example.org"]
    assert (person["OPT-IN #1"], person["Phone Opt-In"]) == ("P", "D")


def test_a_closed_page_takes_no_participations(giving: Giving) -> None:
    """Only live pages can get participations; blank cells are no participations."""
    job = giving.site.deliver("Supporter_old.csv", "Email Address,Old Petition\na@example.org,P\nb@example.org,\n")
    assert (job.counts.created, giving.site.errors(job)) == (1, {(2, "Old Petition", "unknown_choice")})


def test_segments_gather_members_and_filter_exports(giving: Giving) -> None:
    """E-8: the name defaults to the id; who was in one stays in it."""
    giving.imported(PRINTED, segmentId="2014-07-01-SEGMENT")
    giving.imported(HEADER + TWO, segmentId='crm.2/"x"', segmentName="Winter, all")
    assert giving.get("segments").json() == [
        {"segmentId": "2014-07-01-SEGMENT", "segmentName": "2014-07-01-SEGMENT", "members": 2},
        {"segmentId": 'crm.2/"x"', "segmentName": "Winter, all", "members": 1},
    ]
    listed = giving.get("segments/members", segmentId='crm.2/"x"')
    assert [line.split(",")[1] for line in listed.text.splitlines()] == ["Email Address", "sam+1@engagingnetworks.net"]
    assert giving.get("segments/members", segmentId="none").status_code == 404
    assert [r["Supporter Email"] for r in giving.exported(segmentId='crm.2/"x"')] == ["sam+1@engagingnetworks.net"]
    assert len(giving.exported(segmentId="2014-07-01-SEGMENT")) == 2 and giving.exported(segmentId="none") == []
    job = giving.site.deliver("Supporter_members.csv", listed.content)
    assert (job.counts.unchanged, job.counts.rows) == (1, 1)


TRANSACTIONS = "Supporter ID,Supporter Email,Campaign Type,Campaign ID,Campaign Date,Campaign Time,Campaign Status,Campaign Data 1\n"


def test_transactions_need_a_supporter_a_known_campaign_and_dates_as_documented(giving: Giving) -> None:
    """E-9: by e-mail or id; what is wrong costs the row, with line and column."""
    giving.imported(PRINTED)
    known = giving.get("export.service", startDate="2020-01-01").text.splitlines()[1].split(",")[1]
    lines = [
        ",SAM@engagingnetworks.net,PET,20345,2026-11-02,09:30:00,P,hello",
        f"{known},,CQS,20345,,,P,Y",
        ",sam+1@engagingnetworks.net,DCF,20345,2026-11-02,,P,",
        ",nobody@example.org,PET,20345,,,P,",
        ",,PET,20345,,,P,",
        ",sam+1@engagingnetworks.net,XYZ,20345,,,P,",
        ",sam+1@engagingnetworks.net,PET,20345,11/02/2026,,P,",
        ",sam+1@engagingnetworks.net,PET,20345,,0009:30:00,P,",
        ",sam+1@engagingnetworks.net,PET,,,,P,",
    ]
    row = giving.imported(TRANSACTIONS + "".join(line + "\n" for line in lines), formatName="importTransactions")
    assert (row["type"], row["results"]) == ("Transactional Data Import", "9 rows: 3 added, 0 updated, 0 unchanged, 6 refused")
    assert giving.errors() == {
        (5, "Supporter Key", "parent_not_found"),
        (6, "Supporter Key", "required"),
        (7, "Campaign Type", "unknown_choice"),
        (8, "Campaign Date", "ambiguous_date"),
        (9, "Campaign Time", "wrong_pattern"),
        (10, "Campaign ID", "required"),
    }
    stored = giving.site.records("Transaction")
    assert [r["Campaign Type"] for r in stored] == ["PET", "QCS", "DCF"] and len({r["_parent_id"] for r in stored}) == 2
    shown = [(r["Supporter Email"], r["Campaign Type"], r["Campaign Date"], r["Campaign Data 1"]) for r in giving.exported()]
    assert shown[2:] == [
        ("sam@engagingnetworks.net", "PET", "2026-11-02", "hello"),
        ("sam+1@engagingnetworks.net", "DCF", "2026-11-02", ""),
    ]


@pytest.mark.parametrize("campaigns", [("20345", "20346"), ("99999", "99999"), ("PET one", "PET one")])
def test_a_file_of_several_or_of_unknown_campaigns_changes_nothing(giving: Giving, campaigns: tuple[str, str]) -> None:
    """E-9: one campaign id in a file, numeric and known."""
    giving.imported(PRINTED)
    lines = [f",sam@engagingnetworks.net,PET,{campaign},,,P,\n" for campaign in campaigns]
    row = giving.imported(TRANSACTIONS + "".join(lines), formatName="importTransactions")
    job = giving.site.jobs()[-1]
    assert job.state == "failed" and not giving.site.records("Transaction") and row["results"]
    if campaigns[0] != campaigns[1]:
        assert "'20346' stands beside '20345'" in row["results"]


def test_payments_come_in_the_other_layout(giving: Giving) -> None:
    """Decision 6: the payment columns are the second layout behind importTransactions; a gateway's id counts once."""
    giving.imported(PRINTED)
    header = "Donation Amount,Payment Currency,Payment Type,Supporter Email,Gateway Transaction ID,Transaction Date\n"
    gift = "12.50,USD,VISA,sam@engagingnetworks.net,GW-1,2026-11-02\n"
    row = giving.imported(header + gift + gift.replace("12.50", "12.5O"), formatName="importTransactions")
    assert row["results"].startswith("2 rows: 1 added") and {(line, column) for line, column, _ in giving.errors()} == {
        (3, "Donation Amount")
    }
    assert giving.imported(header + gift + "\n", formatName="importTransactions", name="again")["results"].startswith("1 rows: 0 added")
    (last,) = [r for r in giving.exported() if r["Campaign Type"] == "FCS"]
    assert (last["Donation Amount"], last["Campaign Status"]) == ("12.50", "success")
    assert "Donation Amount" not in giving.exported(type="standardcsv")[0]


def test_failed_rows_are_mended_and_sent_back_through_the_same_door(giving: Giving) -> None:
    """B-1: the reason columns at the end are no other header; the first job's open row is closed."""
    giving.imported(HEADER + ONE + TWO.replace(",N,", ",maybe,"))
    first = giving.site.jobs()[-1]
    assert first.failed_file
    text = Path(first.failed_file).read_text()
    assert text.startswith(HEADER.strip() + ",_import_job")
    row = giving.imported(text.replace(",maybe,", ",N,"), name="mended")
    assert row["results"].startswith("1 rows: 1 added") and len(giving.supporters()) == 2
    assert giving.site.job(first.name).resolved == 0 and next(j for j in giving.site.jobs() if j.id == first.id).resolved == 1


def test_a_dry_run_tells_what_would_happen_and_writes_nothing(giving: Giving) -> None:
    """B-2 over this door; the segment is not made either."""
    row = giving.imported(PRINTED, dryRun="true", segmentId="s")
    assert row["results"] == "planned only, nothing was written: 2 rows: 2 added, 0 updated, 0 unchanged, 0 refused"
    assert (
        giving.get("segments").json() == [] and giving.exported() == [] and giving.get("segments/members", segmentId="s").status_code == 404
    )
    assert giving.imported(PRINTED)["results"].startswith("2 rows: 2 added")


def test_a_file_without_the_email_column_is_refused(giving: Giving) -> None:
    """E-5: the column is always required; lines of JSON may leave the key out."""
    job = giving.site.deliver("Supporter_none.csv", "First Name,Last Name\nAnn,B\n")
    assert job.state == "failed" and "'Email Address'" in (job.reason or "")
    job = giving.site.deliver("Supporter_some.jsonl", '{"First Name": "Ann"}\n{"First Name": "Bob", "Email Address": "bob@example.org"}\n')
    assert job.counts.created == 2 and len([key for key in giving.supporters() if key.endswith("@dummy.invalid")]) == 1


def test_an_export_of_supporters_sent_back_changes_nothing(giving: Giving) -> None:
    """S-16 for this account, made-up addresses and ids included."""
    giving.imported(PRINTED + "Off,Line,,,Y,\n", segmentId="s")
    text = giving.get("segments/members", segmentId="s").text
    job = giving.site.deliver("Supporter_back.csv", text)
    assert (job.counts.rows, job.counts.unchanged) == (3, 3)


def test_a_byte_order_mark_is_told_in_the_receipt(giving: Giving) -> None:
    """E-4, kind: taken off, with a note."""
    giving.imported(b"\xef\xbb\xbf" + PRINTED.encode())
    receipt = giving.site.receipt(giving.site.jobs()[-1])
    assert [n["code"] for n in receipt["notices"]] == ["bom_removed"] and len(giving.supporters()) == 2
