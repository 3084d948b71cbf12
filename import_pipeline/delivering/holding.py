"""Approval: a change set that would change too much of a type waits with its plan until somebody decides (acceptance B-13).

Belongs here: whether a change set is held, and what was decided. Does not belong here: the policy itself (model/policy.py), plans
(planning/), the command and the job that decide (cli/, deciding.py).

What is held is the change set of one type in one delivery, with all its jobs. Approving runs the delivery again, as a replay: what
other deliveries set meanwhile stays. The approval is of one plan: when the change set has become another one, it is held again.
"""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

import polars as pl

from import_pipeline.delivering.pipeline import Pipeline
from import_pipeline.ledger import meta
from import_pipeline.model.account import Account
from import_pipeline.model.job import Job
from import_pipeline.model.object_type import ObjectType
from import_pipeline.model.policy import Hold, holds
from import_pipeline.store.staging import StageFolder


def reason_to_hold(account: Account, jobs: Iterable[Job], report: Mapping[str, Any], records: int) -> str | None:
    """Why the change set that `report` counts is held, or None. `records` is how many the type has."""
    counts = {job.id: report["jobs"].get(job.id, {}) for job in jobs}
    formats = {job.id: account.format(job.format).hold for job in jobs if job.format}

    def held(policy: Hold | None, chosen: Iterable[str]) -> str | None:
        changed = sum(int(counts[job].get("update", 0)) for job in chosen)
        return holds(policy, records, changed, sum(int(counts[job].get("delete", 0)) for job in chosen))

    by_format = (held(policy, [job]) for job, policy in formats.items() if policy)
    return next((why for why in by_format if why), None) or held(account.hold, [j for j in counts if not formats.get(j)])


def wait_of(account: Account, jobs: Iterable[Job]) -> timedelta:
    """How long the jobs may wait: the shortest time that their formats or the account state."""
    stated = [account.format(job.format).hold if job.format else None for job in jobs]
    return min((policy.wait for policy in (*stated, account.hold) if policy), default=Hold().wait)


def then_of(account: Account, job_format: str | None) -> str:
    """What happens to a held job that nobody decided: `reject` or `approve`."""
    stated = account.format(job_format).hold if job_format else None
    policy = stated or account.hold
    return policy.then if policy else Hold().then


def digest(related: StageFolder) -> str:
    """Tells one plan from another: which rows do what to which stored record. Ids that new records would get do not count."""
    changes = related.read("changes")
    told = changes.select("job", "_line", "action", pl.when(pl.col("action") != "create").then(pl.col("id")).alias("id"))
    return hashlib.sha256(told.hash_rows(seed=1).to_numpy().tobytes()).hexdigest()[:16]


def approved(pipeline: Pipeline, delivery: str, object_type: ObjectType, related: StageFolder) -> bool:
    """True when somebody approved just this change set."""
    with pipeline.ledger.read() as conn:
        said = meta.read(conn, _key(delivery, object_type))
    return bool(said) and said == digest(related)


def approve(pipeline: Pipeline, delivery: str, object_type: ObjectType, related: StageFolder) -> None:
    """Approves the change set as it stands in staging."""
    with pipeline.ledger.begin() as conn:
        meta.write(conn, _key(delivery, object_type), digest(related), now=pipeline.clock.now())


def _key(delivery: str, object_type: ObjectType) -> str:
    return f"approved/{delivery}/{object_type.slug}"
