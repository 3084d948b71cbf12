"""The jobs `export_as_of` and `diff_moments`: the past from the UI.

Belongs here: their configuration and ops. Does not belong here: moments, exports and differences themselves (exporting/), scheduled
exports (exports.py).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import dagster as dg

from import_pipeline.delivering.pipeline import Pipeline
from import_pipeline.exporting.difference import diff_name, diff_type
from import_pipeline.exporting.export import export_type
from import_pipeline.exporting.moments import moment_of
from import_pipeline.exporting.states import check_state, iso
from import_pipeline.model.account import Account
from import_pipeline.model.object_type import ObjectType
from import_pipeline.store.session import WRITER_PATIENCE, Session, open_store

Format = Literal["csv", "jsonl", "parquet"]
_EXPORT = "Exports an account's records as of a past moment: give account and as_of, for example 2026-11-20, 3d, a job's id or before:JOB."
_DIFF = "Writes what differs between two moments: created records, changed fields old → new, deleted records."


class ExportAsOf(dg.Config):
    """What to export. `object_type` may be left out: then every type. `as_of` is a day, a time, yesterday, 3d, a job or before:JOB."""

    account: str
    object_type: str = ""
    as_of: str
    format: Format = "csv"


class DiffMoments(dg.Config):
    """What to compare. `object_type` may be left out: then every type. `start` and `end` are moments as `export_as_of` takes them."""

    account: str
    object_type: str = ""
    start: str
    end: str = "now"
    format: Format = "csv"


@dataclass(frozen=True)
class _Asked:
    """An account's store opened for reading, and the types and moments that were asked for, all of which can be read."""

    account: Account
    types: list[ObjectType]
    session: Session
    moments: list[datetime]
    now: datetime
    folder: Path


@contextmanager
def _opened(pipeline: Pipeline, account_name: str, object_type: str, moments: list[str]) -> Iterator[_Asked]:
    """Waits for an import that holds the store. Every state is checked before anything is written."""
    account = pipeline.account(account_name)
    types = [account.object_type(object_type)] if object_type else list(account.object_types)
    with open_store(pipeline.settings, account.name, patience=WRITER_PATIENCE) as session:
        now = pipeline.clock.now()
        found = [moment_of(text, session, account, pipeline.ledger, now) for text in moments]
        for each in types:
            for moment in found:
                check_state(session, account, each, moment, now)
        yield _Asked(account, types, session, found, now, (pipeline.settings.home / "exports" / account.name).resolve())


def time_travel_jobs(pipeline: Pipeline) -> list[dg.JobDefinition]:
    """`export_as_of` and `diff_moments`. They only read, so they carry no account tag: the account is known by their configuration."""
    return [_job("export_as_of", _export_op(pipeline), _EXPORT), _job("diff_moments", _diff_op(pipeline), _DIFF)]


def _job(name: str, op: Callable[[], Any], description: str) -> dg.JobDefinition:
    @dg.job(name=name, executor_def=dg.in_process_executor, description=description)
    def made() -> None:
        op()

    return made


def _export_op(pipeline: Pipeline) -> dg.OpDefinition:
    @dg.op(description="Writes one file per object type below exports/<account>.")
    def write_export(context: dg.OpExecutionContext, config: ExportAsOf) -> None:
        with _opened(pipeline, config.account, config.object_type, [config.as_of]) as asked:
            (at,) = asked.moments
            told: dict[str, Any] = {"as_of": iso(at)}
            for each in asked.types:
                given: dict[str, Any] = {"at": at, "format": config.format, "now": asked.now}
                result = export_type(asked.session, asked.account, each, None, asked.folder, **given)
                context.log.info("%s: %d records as of %s: %s", each.name, result.rows, iso(at), result.path)
                told |= {each.name: dg.MetadataValue.path(str(result.path)), f"{each.name} records": result.rows}
        context.add_output_metadata(told)

    return write_export


def _diff_op(pipeline: Pipeline) -> dg.OpDefinition:
    @dg.op(description="Writes one file per object type below exports/<account>.")
    def write_difference(context: dg.OpExecutionContext, config: DiffMoments) -> None:
        with _opened(pipeline, config.account, config.object_type, [config.start, config.end]) as asked:
            start, end = asked.moments
            told: dict[str, Any] = {"from": iso(start), "to": iso(end)}
            for each in asked.types:
                path = asked.folder / diff_name(each, start, end, config.format)
                found = diff_type(asked.session, asked.account, each, start, end, path, format=config.format, now=asked.now)
                counts = f"{found.created} created, {found.changed} changed ({found.fields} fields), {found.deleted} deleted"
                context.log.info("%s: %s: %s", each.name, counts, path)
                told |= {each.name: dg.MetadataValue.path(str(path)), f"{each.name} records": counts}
        context.add_output_metadata(told)

    return write_difference
