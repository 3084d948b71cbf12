"""The words of a job's states.

Belongs here: which state is called what, and that the list's filters mean the same. Does not belong here: pages.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from import_pipeline.gateway.http.desk.monitor.words import age, door_words, kind_of, standing_of
from import_pipeline.gateway.http.desk.states import state_of
from import_pipeline.ledger import job_list, jobs
from import_pipeline.ledger.job_list import Standing, Wanted
from import_pipeline.ledger.jobs import NewJob
from import_pipeline.ledger.schema import jobs as table
from import_pipeline_tests.scenarios.site import Here

CASES: list[tuple[dict[str, Any], str, str, Standing]] = [
    ({"state": "waiting"}, "", "Waiting", "waiting"),
    ({"state": "running"}, "busy", "Processing", "running"),
    ({"state": "applied"}, "ok", "Complete", "complete"),
    ({"state": "applied", "refused": 3, "resolved": 1}, "warn", "Complete with 2 errors", "errors"),
    ({"state": "applied", "refused": 1}, "warn", "Complete with 1 error", "errors"),
    ({"state": "applied", "refused": 3, "resolved": 3}, "ok", "Complete", "complete"),
    ({"state": "applied", "refused": 3, "undone_by": "abcdefgh"}, "", "Undone", "undone"),
    ({"state": "applied", "refused": 2, "reason": "halted: line 5: Hours: not a number"}, "bad", "Error", "failed"),
    ({"state": "applied", "refused": 2, "reason": "halted: line 5", "undone_by": "abcdefgh"}, "", "Undone", "undone"),
    ({"state": "duplicate"}, "ok", "Complete, imported before", "complete"),
    ({"state": "planned", "dry_run": True}, "", "Plan", "planned"),
    ({"state": "held"}, "warn", "Waiting for approval", "held"),
    ({"state": "failed", "reason": "the disk was full"}, "bad", "Error", "failed"),
    ({"state": "failed", "reason": None}, "bad", "Error", "failed"),
    ({"state": "failed", "reason": "rejected by ann: no"}, "", "Rejected", "ended"),
    ({"state": "failed", "reason": "cancelled by ann"}, "", "Cancelled", "ended"),
]


@pytest.mark.parametrize(("values", "kind", "text", "standing"), CASES)
def test_a_state_has_its_word_and_its_filter_finds_it_alone(
    tmp_path_factory: pytest.TempPathFactory, values: dict[str, Any], kind: str, text: str, standing: Standing
) -> None:
    """A filter that means something else than the badge beside it sends people astray."""
    site = Here(tmp_path_factory.mktemp("states"))
    with site.pipeline.ledger.begin() as conn:
        jobs.create(conn, "acme", "d", [NewJob("", "A", None, "n", None, None, "", 0, "csv")], dry_run=False, now=datetime.now(UTC))
        conn.execute(table.update().values(**values))
        row = jobs.by_delivery(conn, "d")[0]
        found = {one for one in STANDINGS if job_list.page(conn, "acme", Wanted(state=one), limit=5)}
        counted = {one for one in STANDINGS if job_list.count(conn, "acme", Wanted(state=one), most=5)}
    assert (state_of(row).kind, state_of(row).text) == (kind, text)
    assert found == counted == {standing}


STANDINGS: tuple[Standing, ...] = ("waiting", "running", "held", "complete", "errors", "failed", "ended", "undone", "planned")


def test_ages_have_one_unit_and_never_lie_in_the_future() -> None:
    """A page that changes every second cannot be read aloud."""
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    ages = [age(now - timedelta(seconds=s), now) for s in (-5, 59, 60, 3599, 3600, 86_399, 86_400, 86_400 * 1500)]
    assert ages == ["just now", "just now", "1 min ago", "59 min ago", "1 h ago", "23 h ago", "1 d ago", "1,500 d ago"]


def test_unknown_words_of_an_address_ask_for_everything() -> None:
    """Addresses are sent around and outlive their filters."""
    assert (standing_of("held"), standing_of("nonsense"), kind_of("plans"), kind_of("'")) == ("held", "", "plans", "")
    assert (door_words("tree"), door_words("remote:partner"), door_words("new")) == ("Folder or SFTP", "Server partner", "new")
