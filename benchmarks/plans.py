"""`python -m benchmarks.plans FILE`: a dry run of one file in this process, and what of its CPU seconds the plan itself took.

Belongs here: taking the plan's share apart. Does not belong here: the other cases (cases.py).
What is left without the plan is the import without applying: vault, parsed, validated, related, receipt.
"""

import json
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from import_pipeline.delivering import answering, plans
from import_pipeline.delivering.flow import DeliveryRun
from import_pipeline.delivering.pipeline import Pipeline
from import_pipeline.landing.submit import submit


def seconds() -> float:
    """CPU seconds of this process so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def measured(path: Path) -> dict[str, Any]:
    """{"counts": …, "plan": CPU seconds of making and writing the plan}."""
    pipeline = Pipeline()
    account = pipeline.account("bench")
    object_type = account.object_type("Account")
    now = pipeline.clock.now()
    key = submit(pipeline.ledger, account, pipeline.settings, [path], object_type="Account", now=now, door="bench", dry_run=True)
    spent = [0.0]
    vars(answering)["write_job_plan"] = _counted(plans.write_job_plan, spent)
    run = DeliveryRun(pipeline, account, key)
    run.land("bench")
    run.parse(object_type)
    run.validate(object_type)
    run.relate(object_type)
    _counted(run.apply, spent)(object_type)
    (counts,) = answering.answer_delivery(run).values()
    return {"counts": counts.model_dump(), "plan": round(spent[0], 3)}


def _counted(work: Callable[..., Any], spent: list[float]) -> Callable[..., Any]:
    def counted(*given: Any, **named: Any) -> Any:
        begun = seconds()
        made = work(*given, **named)
        spent[0] += seconds() - begun
        return made

    return counted


if __name__ == "__main__":
    print(json.dumps(measured(Path(sys.argv[1]))))
