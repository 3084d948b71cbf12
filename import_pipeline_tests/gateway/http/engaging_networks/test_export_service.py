"""The bulk export: layouts, days, delimiters, what is in it and what is not (acceptance E-11)."""

import csv
import io
from collections.abc import Iterator
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from lxml import etree

from import_pipeline.landing.undoing import submit_undo
from import_pipeline.model.giving import LAYOUT
from import_pipeline_tests.scenarios.giving import HEADER, ONE, TWO, Giving, giving_site

TRANSACTIONS = "Supporter Email,Campaign Type,Campaign ID,Campaign Status,Campaign Data 1\n"
NASTY = 'a <b> & "c"; d'
EVER = {"startDate": "2020-01-01", "endDate": "2090-01-01"}


@pytest.fixture(scope="module")
def giving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Giving]:
    """Two supporters with participations, a transaction and an imported answer; two days later a change of one supporter."""
    with giving_site(tmp_path_factory.mktemp("giving")) as made:
        assert made.exported() == []
        made.imported(HEADER + ONE + TWO)
        quoted = NASTY.replace('"', '""')
        lines = f'sam@engagingnetworks.net,PET,20345,P,"{quoted}"\nsam@engagingnetworks.net,QCB,20345,Y,Y\n'
        made.imported(TRANSACTIONS + lines, formatName="importTransactions")
        made.site.clock.jump(timedelta(days=2))
        made.imported(HEADER + ONE.replace("Supporter", "Sam"), name="later")
        yield made


def day(giving: Giving, back: int) -> str:
    """A day of the account's calendar."""
    return (giving.site.clock.now().astimezone(ZoneInfo("America/New_York")) - timedelta(days=back)).date().isoformat()


def test_the_layout_is_that_of_the_document(giving: Giving) -> None:
    """Columns in order, campaign number 0, ISO dates; the supporter's present values; answers to questions are absent."""
    answer = giving.get("export.service", **EVER, type="standardcsv")
    assert answer.headers["content-type"].startswith("text/csv")
    header, *rows = list(csv.reader(io.StringIO(answer.text)))
    assert tuple(header) == LAYOUT and len(rows) == 3
    found = giving.exported()
    assert {(r["Campaign Type"], r["Campaign Number"], r["Account ID"]) for r in found} == {("PET", "0", "giving")}
    assert [r["First Name"] for r in found] == ["Sam", "Supporter", "Sam"]
    assert found[2]["Campaign Data 1"] == NASTY
    assert all(r["Date Created"].startswith("20") and r["Date Created"].endswith("Z") for r in found)
    assert list(found[0])[: len(LAYOUT)] == list(LAYOUT) and "Donation Amount" in found[0]


@pytest.mark.parametrize("kind", ["xml", "standardxml"])
def test_xml_holds_the_same_values(giving: Giving, kind: str) -> None:
    """Read by an XML parser, whatever signs values have; columns without a value are left out."""
    answer = giving.get("export.service", **EVER, type=kind)
    assert answer.headers["content-type"].startswith("application/xml")
    rows = [{f.get("name"): f.text or "" for f in row} for row in etree.fromstring(answer.content)]
    assert rows == [{k: v for k, v in row.items() if v} for row in giving.exported(type=kind.replace("xml", "csv"))]


@pytest.mark.parametrize("delimiter", [";", "|", "\t", "tab"])
def test_csv_may_have_another_delimiter(giving: Giving, delimiter: str) -> None:
    """And values that hold it are quoted."""
    answer = giving.get("export.service", **EVER, delimiter=delimiter)
    found = list(csv.DictReader(io.StringIO(answer.text), delimiter="\t" if delimiter == "tab" else delimiter))
    assert found == giving.exported()


def test_only_what_was_created_or_modified_in_the_days_is_there(giving: Giving) -> None:
    """A later change of the supporter is no change of the transaction; both spellings of a day are taken."""
    made, today = day(giving, 2), day(giving, 0)
    assert len(giving.exported(startDate=made, endDate=made)) == 3
    assert giving.exported(startDate=today, endDate=today) == [] and giving.exported(startDate="2020-01-01", endDate=day(giving, 3)) == []
    year, month, number = made.split("-")
    assert len(giving.exported(startDate=f"{month}{number}{year}", endDate=made)) == 3


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"startDate": "yesterday"},
        {"startDate": "2026-02-30"},
        {"startDate": "13012026"},
        {"startDate": "2026-11-02", "endDate": "2026-11-01"},
        {"startDate": "2026-11-02", "type": "pdf"},
        {"startDate": "2026-11-02", "delimiter": ";;"},
        {"startDate": "2026-11-02", "delimiter": '"'},
    ],
)
def test_a_request_that_cannot_be_meant_is_refused_with_what_is_expected(giving: Giving, query: dict[str, str]) -> None:
    """Not with an export of something else."""
    answer = giving.get("export.service", **query)
    assert answer.status_code == 400 and answer.json()["detail"]


def test_nothing_of_an_export_is_left_on_the_disk(giving: Giving) -> None:
    """It is written for one answer."""
    giving.exported()
    assert list((giving.site.settings.home / "tmp").glob("export-*")) == []


def test_an_undone_import_takes_its_participations_with_it(tmp_path_factory: pytest.TempPathFactory) -> None:
    """B-3: participations are derived from supporters, so nothing of them is left."""
    with giving_site(tmp_path_factory.mktemp("undone")) as made:
        made.imported(HEADER + ONE)
        made.imported(HEADER + TWO, name="second")
        site = made.site
        submit_undo(site.pipeline.ledger, site.pipeline.account("giving"), site.jobs()[-1].id, now=site.clock.now(), dry_run=False)
        site.work()
        assert [r["Supporter Email"] for r in made.exported()] == ["sam@engagingnetworks.net"]
