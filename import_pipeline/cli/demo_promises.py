"""What the sample files promise (data/samples/README.md), and what of it was not kept.

Belongs here: the promised state and counts of each file. Does not belong here: the files themselves (data/samples/make_samples.py).
A sample that changes needs its line here; a test computes these numbers from the files.
"""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from import_pipeline.cli.demo_samples import Sample

if TYPE_CHECKING:
    from import_pipeline.delivering.pipeline import Pipeline
    from import_pipeline.ledger.jobs import JobRow

Promise = dict[str, int]
PROMISED: dict[tuple[str, str], Promise | None] = {
    ("field_sales", "Account_2026-11-01.csv"): {"rows": 200, "good": 200, "created": 200},
    ("field_sales", "Account_2026-11-01_dirty.csv"): {"rows": 60, "good": 39, "refused": 21, "created": 39},
    ("field_sales", "Account_customer_file.csv"): {"rows": 30, "good": 30, "created": 30},
    ("field_sales", "Contact_2026-11-01.csv"): {"rows": 60, "good": 60, "created": 60},
    ("field_sales", "Contact_web_2026-11-01.jsonl"): {"rows": 25, "good": 25, "created": 25},
    ("field_sales", "Opportunity_2026-11-01.xlsx"): {"rows": 40, "good": 40, "created": 40},
    ("field_sales", "Account_partner.csv"): {"rows": 12, "good": 12, "created": 12},
    ("field_sales", "Contact_partner.csv"): {"rows": 18, "good": 18, "created": 18},
    ("field_sales", "Account_2026-11-01_again.csv"): None,
    ("field_sales", "Account_2026-11-02.csv"): {"rows": 40, "good": 40, "created": 40},
    ("field_sales", "Account_2026-11-02_update.csv"): {"rows": 60, "good": 60, "updated": 35, "unchanged": 25},
    ("field_sales", "1_states.kml"): {"rows": 2, "good": 1, "refused": 1, "created": 1},
    ("field_sales", "2_counties.kml"): {"rows": 12, "good": 9, "refused": 3, "created": 9},
    ("referrals", "users_2026-11-01.csv"): {"rows": 124, "good": 120, "refused": 4, "created": 120},
    ("referrals", "users_web_2026-11-01.jsonl"): {"rows": 30, "good": 30, "created": 30},
    ("referrals", "userEvents_2026-11-01.jsonl"): {"rows": 87, "good": 83, "refused": 4, "created": 80, "unchanged": 3},
    ("referrals", "rewards_2026-11-01.csv"): {"rows": 80, "good": 80, "created": 80},
    ("referrals", "deleteUsers_2026-11-02.csv"): {"rows": 6, "good": 5, "refused": 1, "deleted": 5},
    ("referrals", "redeemableRewardBalances_2026-11-02.csv"): {"rows": 35, "good": 30, "refused": 5, "created": 20, "unchanged": 10},
    ("referrals", "userEvents_2026-11-02_again.jsonl"): {"rows": 20, "good": 20, "unchanged": 20},
    ("referrals", "users_2026-11-02_update.csv"): {"rows": 12, "good": 11, "refused": 1, "created": 1, "updated": 10},
    ("cases", "Case_2026-11-02.csv"): {"rows": 40, "good": 40, "created": 40},
    ("cases", "Case_2026-11-02_dirty.csv"): {"rows": 18, "good": 12, "refused": 6, "created": 12},
    ("cases", "Case_2026-11-09.csv"): {"rows": 15, "good": 15, "created": 5, "updated": 3, "unchanged": 7},
    ("door_to_door", "leads_2026-11-01.csv"): {"rows": 150, "good": 150, "created": 150},
    ("door_to_door", "leads_2026-11-01_dirty.csv"): {"rows": 40, "good": 32, "refused": 8, "created": 32},
    ("door_to_door", "leads_2026-11-02_update.csv"): {"rows": 50, "good": 50, "updated": 36, "unchanged": 14},
}
"""(account, file or archive member) → counts once both waves are in, those not named zero; None: a duplicate, nothing imported."""


def broken_promises(pipeline: "Pipeline", samples: Sequence[Sample], folder: Path) -> list[str]:
    """One sentence for each promise that was not kept; nothing when all were."""
    from import_pipeline.ledger import files, jobs

    broken: list[str] = []
    found: dict[tuple[str, str], JobRow] = {}
    for sample in samples:
        with pipeline.ledger.read() as conn:
            rows = [row for file in files.by_name(conn, sample.path.name, sample.account) for row in jobs.by_file(conn, file.id)]
        found |= {(row.account, row.name): row for row in rows}
    for key, promise in PROMISED.items():
        row = found.pop(key, None)
        broken += [f"{key[0]}/{key[1]}: {text}" for text in (_differences(row, promise) if row else ["it has no answer"])]
    broken += [f"{account}/{name}: nothing was promised about it" for account, name in found]
    broken += _errors(pipeline, folder)
    return [*broken, *_left_over(pipeline)]


def _differences(row: "JobRow", promise: Promise | None) -> Iterator[str]:
    state = "duplicate" if promise is None else "applied"
    if row.state != state:
        yield f"{state} was promised, it is {row.state}" + (f": {row.reason}" if row.reason else "")
    for name, number in row.counts.model_dump().items():
        if number != (promise or {}).get(name, 0):
            yield f"{(promise or {}).get(name, 0)} {name} were promised, it is {number}"


def _errors(pipeline: "Pipeline", folder: Path) -> list[str]:
    """Row errors that were promised and not found, and those found that nobody promised, by file, line, column and code."""
    from import_pipeline.ledger import jobs

    promised: set[tuple[str, str, str, str]] = set()
    for name in ("expected_errors.csv", "expected_territory_errors.csv", "expected_referral_errors.csv", "expected_case_errors.csv"):
        with (folder / name).open(encoding="utf-8", newline="") as lines:
            promised |= {(f"{(p := Path(r['file'])).parts[0]}/{p.name}", r["line"], r["column"], r["code"]) for r in csv.DictReader(lines)}
    found: set[tuple[str, str, str, str]] = set()
    with pipeline.ledger.read() as conn:
        told = [row for row in jobs.listing(conn, limit=1000) if row.errors_file]
    for row in told:
        with Path(row.errors_file or "").open(encoding="utf-8", newline="") as lines:
            found |= {
                (f"{row.account}/{row.name}", e["line"], e["column"], e["code"]) for e in csv.DictReader(lines) if e["severity"] == "error"
            }
    missing = [f"{file} line {line} {column}: the error {code} was promised and not found" for file, line, column, code in promised - found]
    surplus = [f"{file} line {line} {column}: the error {code} was found and not promised" for file, line, column, code in found - promised]
    return sorted([*missing, *surplus])


def _left_over(pipeline: "Pipeline") -> list[str]:
    """Files that still lie in New."""
    from import_pipeline.landing.tree import new_folder

    folders = [new_folder(account, pipeline.settings) for account in pipeline.accounts.values()]
    return [f"{path} still lies in New" for folder in folders for path in sorted(folder.iterdir())]
