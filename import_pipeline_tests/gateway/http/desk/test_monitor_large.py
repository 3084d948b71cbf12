"""The monitor with many jobs and many errors: pages come from the server, and soon.

Belongs here: generated sizes. Does not belong here: what pages tell (test_monitor_jobs.py).
"""

import re
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from import_pipeline.ledger.schema import deliveries, files, jobs
from import_pipeline_tests.gateway.http.desk.kit import Person
from import_pipeline_tests.gateway.http.kit import Service
from import_pipeline_tests.scenarios.site import Here

JOBS = 100_000
ERRORS = 200_000
STATES = ("applied", "applied", "applied", "failed", "duplicate", "planned")


def best(act: Callable[[], object], tries: int = 5) -> float:
    """The shortest of some tries in seconds: the machine has others to serve."""
    took = []
    for _ in range(tries):
        begun = time.perf_counter()
        act()
        took.append(time.perf_counter() - begun)
    return min(took)


def fill(site: Here, count: int) -> None:
    """Books `count` ended jobs, five to a delivery, straight into the ledger."""
    now = site.clock.now()
    zero = dict.fromkeys(("updated", "unchanged", "deleted", "parked", "parked_open"), 0)
    for start in range(0, count, 10_000):
        rows, taken, arrived = [], [], []
        for i in range(start, start + 10_000):
            at, key, file = now - timedelta(minutes=(count - i) // 5), f"20200101T000000-{i // 5:08x}", f"{i:016x}"
            arrived.append(arrival(i, at, key, file))
            state = STATES[i % len(STATES)]
            own = {"id": f"j{i:07d}", "number": i % 5, "delivery": key, "account": "acme", "file_id": file, "state": state}
            told = {"object_type": "Account" if i % 4 else "Contact", "name": f"Account_{i}.csv", "sha256": f"{i:064x}", "size": 10}
            counts = {"rows": 10, "good": 8, "refused": 2 * (i % 7 == 0), "created": 8, "packages_done": 1, "packages_total": 1}
            when = {"kind": "csv", "dry_run": state == "planned", "notices": [], "created_at": at, "finished_at": at}
            rows.append(own | told | counts | zero | when)
            if i % 5 == 0:
                sizes = {"types": ["Account"], "files": 5, "size": 50, "dry_run": False, "attempt": 1}
                taken.append({"key": key, "account": "acme", "door": "tree", "state": "finished", "created_at": at, **sizes})
        with site.pipeline.ledger.begin() as conn:
            conn.execute(insert(jobs), rows)
            conn.execute(insert(deliveries), taken)
            conn.execute(insert(files), arrived)


def arrival(i: int, at: datetime, key: str, file: str) -> dict[str, Any]:
    """A file as the table holds it."""
    looked = {"looks": 2, "cut_suspect": False, "state": "answered", "project_tries": 0, "delivery": key}
    return {"id": file, "account": "acme", "door": "tree", "name": f"Account_{i}.csv", "size": 10, "arrived_at": at, **looked}


@pytest.mark.slow
def test_a_hundred_thousand_jobs_are_listed_and_filtered_at_once(site: Here, service: Service) -> None:
    """Some years of small files: the list must not become slower with every one of them."""
    fill(site, JOBS)
    ann = Person(service, "ann")
    for query in ("", "?page=100", "?state=errors", "?state=held", "?type=Contact&kind=imports", "?name=_77777", "?door=tree"):
        assert best(lambda query=query: ann.get(f"/jobs{query}").raise_for_status()) < 0.5, query  # type: ignore[misc]
    assert best(lambda: ann.get("/jobs/now").raise_for_status()) < 0.2
    first = ann.get("/jobs").text
    assert first.count('id="job-') == 50 and "Page 1 of 200" in first and "newest 10,000" in first
    assert "Account_77777.csv" in ann.get("/jobs?name=_77777").text
    second = ann.get("/jobs?page=2").text
    assert not set(re.findall(r'id="job-(\w+)"', first)) & set(re.findall(r'id="job-(\w+)"', second))


@pytest.mark.slow
def test_two_hundred_thousand_errors_are_paged_well_below_a_second(site: Here, service: Service) -> None:
    """A wrong column refuses every row of a file: just then people look at the page."""
    lines = "".join(f"A{i},Name {i},{'Prospct' if i % 4 else f'x{i}'}\n" for i in range(ERRORS))
    job = site.deliver("Account_many.csv", "ExternalDataObjectId,Name,Stage\n" + lines + "OK,Good,New\n")
    assert job.counts.refused == ERRORS
    ann = Person(service, "ann")
    for query in ("", "?page=4000", "?group=0", "?group=0&page=2999"):
        assert best(lambda query=query: ann.get(f"/jobs/{job.id}{query}").raise_for_status(), 3) < 1, query  # type: ignore[misc]
    assert "200,000 errors, line by line" in ann.get(f"/jobs/{job.id}").text
    last = ann.get(f"/jobs/{job.id}?page=4000").text
    assert re.findall(rf'/jobs/{job.id}/lines/(\d+)"', last)[-1] == str(ERRORS + 1)
    group = ann.get(f"/jobs/{job.id}?group=0&page=3000").text
    assert "150,000 errors, line by line" in group and "Page 3,000 of 3,000" in group
    assert set(re.findall(r'data-label="Value">([^<]*)<', group)) == {"Prospct"}


def test_the_service_starts_without_the_libraries_of_runs() -> None:
    """They take longer to load than everything else: who restarts the service waits for them, and most pages never need them."""
    code = "import sys, import_pipeline.gateway.http.service; print([m for m in ('polars', 'duckdb', 'pandera') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
