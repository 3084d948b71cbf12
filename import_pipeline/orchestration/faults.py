"""Faults of a run: retried when a retry can help, remembered in the ledger so that the delivery's end tells the reason.

Belongs here: what an asset does with an exception. Does not belong here: bad data (it never raises), ending a delivery (failing.py).
"""

from collections.abc import Callable
from typing import TypeVar

import dagster as dg

from import_pipeline.delivering.pipeline import Pipeline
from import_pipeline.failures import PermanentFailure, TransientFailure
from import_pipeline.ledger import meta
from import_pipeline.model.base import Model

RETRIES = 3
_PAUSE = 2.0
"""Seconds before the first retry of a machine's fault; doubled each time."""
T = TypeVar("T")


class Fault(Model):
    """The last fault of a delivery's runs."""

    permanent: bool
    text: str


def retrying(context: dg.AssetExecutionContext, pipeline: Pipeline, work: Callable[[], T]) -> T:
    """Runs `work`. The machine's faults are tried again with growing pauses; a permanent one ends the run at once."""
    try:
        return work()
    except (TransientFailure, OSError) as fault:
        _remember(context, pipeline, fault, permanent=False)
        if context.retry_number >= RETRIES:
            raise
        raise dg.RetryRequested(max_retries=RETRIES, seconds_to_wait=_PAUSE * 2**context.retry_number) from fault
    except Exception as fault:
        _remember(context, pipeline, fault, permanent=isinstance(fault, PermanentFailure))
        raise


def _remember(context: dg.AssetExecutionContext, pipeline: Pipeline, fault: Exception, *, permanent: bool) -> None:
    text = str(fault) or type(fault).__name__
    context.log.error("%s: %s", type(fault).__name__, text)
    if context.has_partition_key:
        with pipeline.ledger.begin() as conn:
            found = Fault(permanent=permanent, text=text[:2000])
            meta.write(conn, f"fault/{context.partition_key}", found.model_dump(), now=pipeline.clock.now())


def last_fault(pipeline: Pipeline, key: str) -> Fault | None:
    """The last fault of the delivery's runs, or None when they died without a word."""
    with pipeline.ledger.read() as conn:
        found = meta.read(conn, f"fault/{key}")
    return Fault(**found) if found else None
