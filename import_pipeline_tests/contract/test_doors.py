"""The contract of doors: whatever way a file comes, the same happens to it (DESIGN section 3).

Belongs here: rules that hold for every door. Does not belong here: what only one of them does (scenarios/, gateway/, landing/).
"""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from import_pipeline.landing.vault import path_of
from import_pipeline_tests.contract.ways import WAYS, Rows, Sftp, Tree, Way

GOOD: Rows = [(f"A-{number}", f"Firm {number}") for number in range(40)]


QUICK = (Tree, Sftp)
"""Ways that `make test` tries; the others are a part of `make test-all`."""


def ways(*, breaking_off: bool = False) -> list[Any]:
    """The ways as parameters."""
    chosen = [way for way in WAYS if way.can_break_off or not breaking_off]
    return [pytest.param(way, id=way.name, marks=() if way in QUICK else (pytest.mark.slow,)) for way in chosen]


@pytest.fixture(params=ways())
def way(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Way]:
    """Each door in turn, with an account of its own."""
    with request.param(tmp_path) as opened:
        yield opened


def names(way: Way) -> list[str]:
    """The names of the records."""
    if not way.site.settings.store_file(way.site.account).exists():
        return []
    return [row[way.named] for row in way.site.records(way.type_name)]


def test_rows_become_records_and_a_bad_one_is_told_with_its_line(way: Way) -> None:
    """One job; the original lies in the vault byte for byte; the error names the line that the sender sent."""
    content = way.content([*GOOD[:3], ("A-bad", ""), GOOD[3]])
    way.send(f"Account_a.{way.ending}", content)
    way.work()
    (job,) = way.site.jobs()
    assert (job.state, job.counts.rows, job.counts.created, job.counts.refused) == ("applied", 5, 4, 1)
    assert names(way) == ["Firm 0", "Firm 1", "Firm 2", "Firm 3"]
    assert way.site.errors(job) == {(way.first_line + 3, *way.bad)}
    assert job.sha256 == hashlib.sha256(content).hexdigest()
    assert path_of(way.site.settings.vault, job.sha256).read_bytes() == content
    assert not list((way.site.settings.vault / ".tmp").iterdir())


@pytest.mark.parametrize("way", ways(breaking_off=True), indirect=True)
def test_a_file_that_breaks_off_leaves_no_job_no_record_and_no_bytes(way: Way) -> None:
    """And what is sent whole after it is imported."""
    way.break_off("Account_half.csv", way.content(GOOD))
    way.work()
    assert way.site.jobs() == [] and names(way) == []
    way.send("Account_whole.csv", way.content(GOOD[:2]))
    way.work()
    assert [job.state for job in way.site.jobs()] == ["applied"] and names(way) == ["Firm 0", "Firm 1"]
    assert not list((way.site.settings.vault / ".tmp").iterdir())


def test_the_same_bytes_again_change_nothing(way: Way) -> None:
    """A sender that is not sure whether a file went through sends it again."""
    content = way.content(GOOD[:3])
    for _ in range(2):
        way.send("Account_a.csv", content)
        way.work()
    first, again = way.site.jobs()
    assert (first.state, first.counts.created) == ("applied", 3)
    assert again.state == ("duplicate" if way.knows_same_bytes else "applied")
    assert (again.counts.created, again.counts.updated) == (0, 0)
    assert [row["_version"] for row in way.site.records(way.type_name, "_version")] == [1, 1, 1]


def test_other_bytes_under_the_same_name_are_another_file(way: Way) -> None:
    """Many senders use one name for ever (systems.md 1.1)."""
    for rows in (GOOD[:2], GOOD[2:4]):
        way.send("Account_a.csv", way.content(rows))
        way.work()
    assert [(job.state, job.counts.created) for job in way.site.jobs()] == [("applied", 2), ("applied", 2)]
    assert names(way) == ["Firm 0", "Firm 1", "Firm 2", "Firm 3"]


def test_files_that_come_at_once_are_imported_each_once(way: Way) -> None:
    """Eight senders side by side: nothing lost, nothing doubled."""
    parts = [GOOD[start : start + 5] for start in range(0, 40, 5)]
    with ThreadPoolExecutor(len(parts)) as pool:
        list(pool.map(lambda number: way.send(f"Account_{number}.csv", way.content(parts[number])), range(len(parts))))
    way.work()
    assert [job.state for job in way.site.jobs()] == ["applied"] * len(parts)
    assert sorted(names(way)) == sorted(name for _, name in GOOD)


def test_what_is_no_file_of_a_known_kind_is_refused_in_words_and_changes_nothing(way: Way) -> None:
    """A picture under the name of a table: told to the sender at once, or by a failed job; the files beside it go on."""
    told = ""
    try:
        way.send("Account_picture.csv", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40)
    except AssertionError as refused:
        told = str(refused)
    way.send("Account_a.csv", way.content(GOOD[:2]))
    way.work()
    failed = [job for job in way.site.jobs() if job.state == "failed"]
    assert names(way) == ["Firm 0", "Firm 1"]
    assert told or (len(failed) == 1 and failed[0].reason)
