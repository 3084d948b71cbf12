"""`where`: from a record to its files, lines and raw text, and from a file or a line to its records (acceptance B-6).

Belongs here: this command and how lineage is shown. Does not belong here: finding it (lineage/).
"""

import dataclasses
from typing import TYPE_CHECKING, Annotated

import typer

from import_pipeline.cli.jobview import job_object, jobs_table
from import_pipeline.cli.shared import AccountOption, JsonOption, TypeOption, chosen_account, console, opened, plain, print_json
from import_pipeline.failures import PermanentFailure

if TYPE_CHECKING:
    from rich.console import Console

    from import_pipeline.lineage.model import FileLineage, LineLineage, RecordLineage, Row, Version

AskedArgument = Annotated[
    str, typer.Argument(metavar="RECORD|FILE", help="A record id, an external id, a file's path, name or SHA-256, or a job's id.")
]
LineOption = Annotated[int | None, typer.Option("--line", "-l", min=1, help="Of a file: what became of this line.")]


def where(
    asked: AskedArgument, account: AccountOption = None, object_type: TypeOption = None, line: LineOption = None, json: JsonOption = False
) -> None:
    """Tells where a record came from, field by field, or what became of a file or of one of its lines."""
    from import_pipeline.lineage.asking import find
    from import_pipeline.lineage.files import line_lineage
    from import_pipeline.lineage.model import FileLineage, Sources
    from import_pipeline.lineage.records import record_lineage

    with opened() as pipeline:
        chosen = chosen_account(pipeline, account) if account else None
        type_name = chosen.object_type(object_type).name if chosen and object_type else object_type
        sources = Sources(pipeline.settings, pipeline.ledger, pipeline.accounts)
        found = find(sources, asked, chosen.name if chosen else None, type_name)
        if isinstance(found, FileLineage):
            lines = [line_lineage(sources, job, line) for job in found.jobs] if line else []
            _print_json_file(found, lines) if json else _show_file(found, lines)
            return
        if line:
            raise PermanentFailure("--line is for a file; this is a record")
        for record in filter(None, (record_lineage(sources, key) for key in found)):
            print_json(dataclasses.asdict(record)) if json else _show_record(console(), record)


def _print_json_file(found: "FileLineage", lines: "list[LineLineage]") -> None:
    if lines:
        for told in lines:
            print_json(dataclasses.asdict(told))
        return
    for job in found.jobs:
        print_json(job_object(job))
    if not found.jobs:
        print_json({"file": found.asked, "jobs": [], "waiting": found.waiting})


def _show_file(found: "FileLineage", lines: "list[LineLineage]") -> None:
    out = console()
    for text in found.waiting:
        out.print(plain(text))
    if found.jobs and not lines:
        out.print(jobs_table(found.jobs))
        for sha256 in dict.fromkeys(job.sha256 for job in found.jobs):
            out.print(f"sha256 {sha256}")
    for told in lines:
        _show_line(out, told)


def _show_line(out: "Console", told: "LineLineage") -> None:
    out.print(plain(place(told.row)), style="bold", soft_wrap=True)
    _show_raw(out, told.row)
    for record in told.records:
        named = f" ({record.external_id})" if record.external_id else ""
        out.print(plain(f"  → {record.action}: {record.object_type} {record.record_id}{named} of {record.account}"), soft_wrap=True)
    if told.parked:
        out.print("  → waits for its parent")
    for error in told.errors:
        out.print(plain(f"  → {error['severity']} {error['code']}: {error['sentence']}"), soft_wrap=True)
    if not (told.records or told.errors or told.parked):
        out.print("  → became no record and has no error: a header, a blank line, or a row of a file that was refused as a whole")


def _show_raw(out: "Console", row: "Row") -> None:
    text = row.raw if row.raw is not None else "(the original has left the vault, or has no such line)"
    for part in text.split("\n"):
        out.print(plain(f"  | {part.rstrip(chr(13))}"), style="dim", soft_wrap=True)


def place(row: "Row") -> str:
    """«Account_x.csv line 12 (job ab12cd34, sha256 0123456789ab…)», with the archive's member where there is one."""
    name = f"{row.archive} › {row.member}" if row.archive else row.file
    lines = f"line {row.line}" if row.line == row.end else f"lines {row.line} to {row.end}"
    return f"{name} {lines} (job {row.job}, sha256 {row.sha256[:12]}…)"


def _show_record(out: "Console", record: "RecordLineage") -> None:
    named = f" ({record.external_id})" if record.external_id else ""
    gone = f", deleted by job {record.versions[-1].ended_by}" if record.deleted else ""
    out.print(plain(f"{record.object_type} {record.record_id}{named} of {record.account}{gone}"), style="bold", soft_wrap=True)
    for version in record.versions:
        _show_version(out, version)


def _show_version(out: "Console", version: "Version") -> None:
    from rich.table import Table

    until = f" until {version.valid_to:%Y-%m-%d %H:%M:%S}" if version.valid_to else ""
    out.print(f"\nversion {version.number} since {version.valid_from:%Y-%m-%d %H:%M:%S} UTC{until}", style="bold")
    if not version.rows:
        out.print(plain(f"made by job {version.job}"))
    numbers = {(row.job, row.line): n for n, row in enumerate(version.rows, 1)}
    for number, row in enumerate(version.rows, 1):
        out.print(plain(f"[{number}] {row.action}: {place(row)}"), soft_wrap=True)
        _show_raw(out, row)
    if version.changes is None:
        out.print("earlier versions are past their retention, so what changed here is not known")
        return
    table = Table()
    for name in ("field", "old", "new", "as sent", "from"):
        table.add_column(name, overflow="fold")
    for change in version.changes:
        marks = [f"[{numbers[g.job, g.line]}]" if (g.job, g.line) in numbers else place(g) for g in change.given_by]
        sent = "" if change.sent in (None, change.new) else change.sent
        table.add_row(*(plain(v) for v in (change.column, change.old or "", change.new or "", sent, " ".join(marks))))
    out.print(table)
