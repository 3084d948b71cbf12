"""`import`: files of this machine through the same assets as a delivery of the daemon, in this process.

Belongs here: the command, its progress, keeping dagster's log off the screen. Does not belong here: running a delivery
(orchestration/direct.py), how a job is shown (jobview.py).
"""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from import_pipeline.cli.jobview import job_object, job_panel, jobs_table, receipt_of
from import_pipeline.cli.shared import REFUSED, AccountOption, JsonOption, TypeOption, chosen_account, console, opened, print_json

if TYPE_CHECKING:
    from rich.spinner import Spinner

    from import_pipeline.delivering.pipeline import Pipeline
    from import_pipeline.ledger import Ledger
    from import_pipeline.ledger.jobs import JobRow
    from import_pipeline.model.account import Account

_LOOK = 0.3
"""Seconds between two looks at the progress."""

FilesArgument = Annotated[list[Path], typer.Argument(metavar="FILE...", exists=True, dir_okay=False, help="CSV, JSONL, XLSX or ZIP.")]
FormatOption = Annotated[str | None, typer.Option("--format", metavar="FORMAT", help="A saved format of the account.")]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", "-n", help="Plan only: show what would be created, changed, refused and parked; nothing is written.")
]
VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="Show dagster's log on stderr.")]


def import_files(
    files: FilesArgument,
    account: AccountOption = None,
    object_type: TypeOption = None,
    format: FormatOption = None,
    dry_run: DryRunOption = False,
    json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Imports files now, all of them as one delivery. The type may be left out where a file's name begins with it.

    Exit code 0: applied, perhaps with refused rows, or imported before, or planned. 1: a file was refused, halted or held for approval.
    2: wrong usage.
    """
    from import_pipeline.model.job import GOOD_STATES

    with opened() as pipeline:
        rows = _imported(pipeline, files, account, object_type, format, dry_run, verbose)
        if json:
            for row in rows:
                print_json(job_object(row))
        else:
            show_jobs(pipeline, rows)
    if any(row.state not in GOOD_STATES for row in rows):
        raise typer.Exit(REFUSED)


def _imported(
    pipeline: "Pipeline",
    paths: list[Path],
    account: str | None,
    object_type: str | None,
    format: str | None,
    dry_run: bool,
    verbose: bool,
) -> "list[JobRow]":
    chosen = chosen_account(pipeline, account)
    with quiet(None if verbose else pipeline.settings.home / "logs" / "import.log"):
        # Before anything is booked: what cannot be loaded must not leave a delivery behind.
        import import_pipeline.orchestration.direct  # noqa: F401
        from import_pipeline.landing.operations import grouped
        from import_pipeline.landing.submit import submit

        settings, stated = pipeline.settings, {"object_type": object_type, "format": format}
        groups = [[paths[i] for i in places] for places in grouped(chosen, [path.name for path in paths], format)]
    rows: list[JobRow] = []
    for group in groups:
        key = submit(pipeline.ledger, chosen, settings, group, **stated, now=pipeline.clock.now(), door="cli", dry_run=dry_run)
        rows += run_booked(pipeline, chosen, key, files=len(group), verbose=verbose)
    return rows


def run_booked(pipeline: "Pipeline", account: "Account", key: str, *, files: int = 1, verbose: bool = False) -> "list[JobRow]":
    """Runs a booked delivery in this process, with its progress on the terminal; its jobs."""
    with quiet(None if verbose else pipeline.settings.home / "logs" / "import.log"):
        from import_pipeline.orchestration.direct import run_delivery
        from import_pipeline.orchestration.instance import open_instance

        with progress(pipeline.ledger, key, files, shown=not verbose), open_instance(pipeline.settings) as instance:
            return run_delivery(pipeline, instance, account, key)


def show_jobs(pipeline: "Pipeline", rows: "list[JobRow]") -> None:
    """The jobs for people: a table when there are several, then each with its receipt, and its plan where it was planned only."""
    out = console()
    if len(rows) > 1:
        out.print(jobs_table(rows))
    for row in rows:
        receipt = receipt_of(row)
        out.print(job_panel(row, receipt))
        if row.plan_file and receipt.get("plan"):
            from import_pipeline.model.plan import PlanSummary
            from import_pipeline.planning.screen import plan_view

            page = Path(row.plan_file)
            out.print(plan_view(PlanSummary.model_validate(receipt["plan"]), page.with_suffix(".parquet"), more=f"The whole plan: {page}"))


_screen: list[int] = []
"""Copies of stderr that `quiet` has put aside, the innermost last."""


@contextmanager
def quiet(log: Path | None) -> Iterator[None]:
    """Sends what this process and its children write to stdout and stderr into `log` (appended); with None it stays on the screen.

    dagster makes its handlers itself, run by run, and steps write to the descriptors, so the descriptors are what is turned.
    """
    if log is None:
        yield
        return
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    _screen.append(kept[1])
    try:
        os.dup2(target, 1)
        os.dup2(target, 2)
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        _screen.pop()
        for saved, descriptor in zip(kept, (1, 2), strict=True):
            os.dup2(saved, descriptor)
            os.close(saved)
        os.close(target)


@contextmanager
def progress(ledger: "Ledger", key: str, files: int, *, shown: bool) -> Iterator[None]:
    """A line on the terminal's stderr that tells how far the delivery is, read from the ledger by a thread."""
    descriptor = _screen[-1] if _screen else 2
    if not shown or not os.isatty(descriptor):
        yield
        return
    from rich.console import Console
    from rich.live import Live
    from rich.spinner import Spinner

    done, spinner = threading.Event(), Spinner("dots", f"importing {files} file{'s' if files > 1 else ''} …")
    with open(os.dup(descriptor), "w", encoding="utf-8") as stream:  # noqa: PTH123 (a descriptor, not a path)
        # Left alone: rich would take over sys.stderr, and with it bring dagster's log back to the screen.
        screen = Console(file=stream, markup=False)
        with Live(spinner, console=screen, transient=True, redirect_stdout=False, redirect_stderr=False):
            watcher = threading.Thread(target=_watch, args=(ledger, key, spinner, done), daemon=True)
            watcher.start()
            try:
                yield
            finally:
                done.set()
                watcher.join()


def _watch(ledger: "Ledger", key: str, spinner: "Spinner", done: threading.Event) -> None:
    from import_pipeline.failures import TransientFailure
    from import_pipeline.ledger import jobs

    while not done.wait(_LOOK):
        try:
            with ledger.read() as conn:
                rows = jobs.by_delivery(conn, key)
        except TransientFailure:
            continue
        if rows:
            spinner.update(text=progress_text(rows))


def progress_text(rows: "list[JobRow]") -> str:
    """«3 of 7 files done, 12 of 40 packages of 10,000 rows applied»."""
    from import_pipeline.model.job import FINAL_STATES

    ended = sum(row.state in FINAL_STATES for row in rows)
    done, total = (sum(getattr(row, name) for row in rows) for name in ("packages_done", "packages_total"))
    packages = f", {done} of {total} packages of 10,000 rows applied" if total else ", reading and judging"
    return f"{ended} of {len(rows)} file{'s' if len(rows) > 1 else ''} done{packages if ended < len(rows) else ''}"
