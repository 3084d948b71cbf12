"""A file judged as an import would judge it, without importing it: read, validated, and related against the store as it is.

Belongs here: the trial of one file, and its bounds in time. Does not belong here: plans of whole deliveries (planning/,
delivering/plans.py), how an interface tells errors (api_errors.py), who may ask.
"""

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from import_pipeline.failures import PermanentFailure
from import_pipeline.model.account import Account
from import_pipeline.model.format import Format
from import_pipeline.model.job import FileKind, Job, ParsedFile
from import_pipeline.parsing.stage import parse_delivery
from import_pipeline.relating.stage import RelateOrder, relate_delivery
from import_pipeline.relating.work import TerritoryRules
from import_pipeline.reporting.api_errors import api_errors
from import_pipeline.reporting.messages import labels_of
from import_pipeline.reporting.record_numbers import record_numbers
from import_pipeline.settings import Settings
from import_pipeline.store.overlay import open_plan_store
from import_pipeline.store.staging import ERRORS, LINE, StageFolder
from import_pipeline.validation.stage import validate_delivery

_PATIENCE = 10.0
"""Seconds that a trial waits for a store that a run is writing to."""


@dataclass(frozen=True)
class Tried:
    """What an import of the file would find. `fault` is why the whole file would be refused; `errors` has the columns of api_errors."""

    fault: str | None
    errors: pl.DataFrame


@dataclass(frozen=True)
class Attempt:
    """A file to be tried. `path` holds its bytes; `out_of_time` tells whether the trial has lasted too long."""

    path: Path
    name: str
    sha256: str
    size: int
    kind: FileKind
    format: str
    now: datetime
    out_of_time: Callable[[], bool]


def try_file(settings: Settings, account: Account, attempt: Attempt) -> Tried:
    """Judges the file as its format says. Nothing of it stays: neither in the store nor in staging.

    Raises PermanentFailure when the time is over before all rows are judged, TransientFailure when the store is in use.
    """
    known = account.format(attempt.format)
    parent = settings.home / "tmp" / account.name
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="trial-", dir=parent))
    try:
        return _tried(settings, account, known, attempt, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _tried(settings: Settings, account: Account, known: Format, attempt: Attempt, folder: Path) -> Tried:
    def check(*_: object) -> None:
        if attempt.out_of_time():
            raise PermanentFailure("the file is too large to be validated in one request; create its job: the errors file lists all errors")

    object_type = account.object_type(known.object_type)
    rows = known.row_type(object_type)
    job = Job(
        id="trial",
        number=0,
        account=account.name,
        object_type=object_type.name,
        format=known.name,
        file_id="trial",
        name=attempt.name,
        path=attempt.path,
        sha256=attempt.sha256,
        size=attempt.size,
        kind=attempt.kind,
        dry_run=True,
    )
    parsed, validated, related = (StageFolder(folder / name) for name in ("parsed", "validated", "related"))
    (file,) = parse_delivery([job], rows, {known.name: known}, parsed, progress=check)
    if file.fault:
        return Tried(file.fault.message, api_errors(pl.DataFrame(schema=ERRORS), _no_records()))
    judged = validate_delivery(rows, parsed, validated, {0: known.on_error or account.on_error}, timezone=account.timezone, progress=check)
    stages = [parsed, validated]
    if not judged[0].halted:
        with open_plan_store(settings, account.name, account.object_types, patience=_PATIENCE) as session:
            relate_delivery(session, _order(account, known, job, attempt.now), validated, related)
        stages.append(related)
    check()
    return Tried(str(judged[0].halted) if judged[0].halted else None, _errors(stages, file, parsed))


def _order(account: Account, known: Format, job: Job, now: datetime) -> RelateOrder:
    object_type, territories = account.object_type(known.object_type), account.territory_type
    return RelateOrder(
        delivery="trial",
        object_type=object_type,
        parent=account.object_type(object_type.parent.type) if object_type.parent else None,
        jobs=[job],
        now=now,
        strict=account.strict,
        territories=TerritoryRules(territories, account.territories) if territories and account.territories else None,
        operation=known.operation,
        rows=known.row_type(object_type),
        rewards=account.object_type(known.consumes) if known.consumes else None,
        fractions=known.fractions,
    )


def _errors(stages: list[StageFolder], file: ParsedFile, parsed: StageFolder) -> pl.DataFrame:
    frames = [pl.read_parquet(part, columns=list(ERRORS)).cast(dict(ERRORS)) for stage in stages for part in stage.parts("errors")]  # type: ignore[arg-type]
    found = pl.concat(frames) if frames else pl.DataFrame(schema=ERRORS)
    return api_errors(found, record_numbers(parsed, 0, found[LINE]), labels_of(file))


def _no_records() -> pl.DataFrame:
    return pl.DataFrame(schema={LINE: pl.Int64(), "record": pl.Int64()})
