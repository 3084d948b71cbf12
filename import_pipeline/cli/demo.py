"""`demo`: the sample files of the shipped accounts through the real doors, daemon and runs, in a home of its own.

Belongs here: the order of the demonstration. Does not belong here: its home and sample files (demo_samples.py), what is shown at the
end (demo_show.py), what the samples promise (demo_promises.py).
"""

import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from import_pipeline.cli.demo_samples import SAMPLES, Sample, demo_settings, make_anew, waves
from import_pipeline.cli.shared import REFUSED, console, plain
from import_pipeline.failures import TransientFailure

if TYPE_CHECKING:
    from rich.console import Console

    from import_pipeline.cli.services import Services
    from import_pipeline.delivering.pipeline import Pipeline

HOME = Path("data/demo")
PATIENCE = 150.0
"""Seconds that a wave of files may take."""
_LOOK = 0.25
HomeOption = Annotated[Path, typer.Option("--home", file_okay=False, help="The demonstration's own home; made anew each time.")]
SamplesOption = Annotated[Path, typer.Option("--samples", file_okay=False, help="The folder of sample files.")]
PageOption = Annotated[bool, typer.Option("--ui/--no-ui", help="Start the web page too.")]
PortOption = Annotated[int | None, typer.Option("--port", "-p", min=1, max=65535, help="The port of the web page; without it a free one.")]
KeepOption = Annotated[bool, typer.Option("--keep", help="Leave it running until Ctrl-C.")]


def demo(
    home: HomeOption = Path("data/demo"),
    samples: SamplesOption = SAMPLES,
    ui: PageOption = True,
    port: PortOption = None,
    keep: KeepOption = False,
) -> None:
    """Imports the sample files through the real doors and shows what came of them, within three minutes.

    Exit code 0 only when every file's answer is what the samples promise.
    """
    from import_pipeline.cli.services import Services, free_port, only_one, require_free, stopped_by_signals
    from import_pipeline.cli.up import prepare, stopping
    from import_pipeline.delivering.pipeline import Pipeline

    out, begun = console(), time.monotonic()
    found = waves(samples)
    settings = demo_settings(home)
    make_anew(settings.home)
    if port:
        require_free("127.0.0.1", port)
    try:
        with only_one(settings) as lock, stopped_by_signals():
            pipeline = Pipeline(settings)
            with step(out, f"A home of its own: {settings.home}"):
                prepare(pipeline)
                _tell_trees(out, pipeline)
            with stopping(Services(settings, pipeline.ledger, "127.0.0.1", port or free_port(), lock), out) as services:
                with step(out, "Starting the daemon" + (" and the web page" if ui else "")):
                    services.start(page=ui)
                    if ui:
                        out.print(f"  web page while this runs: {services.address}", soft_wrap=True)
                for number, wave in enumerate(found, 1):
                    with step(out, f"Wave {number}: {len(wave)} files are dropped into New"):
                        _drop(out, pipeline, wave)
                        _await_answers(out, pipeline, services, wave)
                kept = _show(out, pipeline, found, samples, begun)
                if keep:
                    _keep(out, services)
            pipeline.ledger.close()
    except KeyboardInterrupt:
        out.print("stopped")
        raise typer.Exit(REFUSED) from None
    if not kept:
        raise typer.Exit(REFUSED)


@contextmanager
def step(out: "Console", title: str) -> Iterator[None]:
    """A headline before, and the time it took after."""
    out.print(f"\n▶ {title}", style="bold", soft_wrap=True)
    begun = time.monotonic()
    yield
    out.print(f"  {time.monotonic() - begun:.1f} s", style="dim")


def _tell_trees(out: "Console", pipeline: "Pipeline") -> None:
    from import_pipeline.landing.tree import new_folder

    for account in pipeline.accounts.values():
        place = new_folder(account, pipeline.settings).relative_to(pipeline.settings.home)
        out.print(f"  {account.title}: {place}", soft_wrap=True)


def _drop(out: "Console", pipeline: "Pipeline", wave: list[Sample]) -> None:
    """Copies under a hidden name, which no look takes, and renames: the file is complete when it appears."""
    from import_pipeline.landing.tree import new_folder, root

    for sample in wave:
        account = pipeline.account(sample.account)
        folder = root(account, pipeline.settings) / sample.folder if sample.folder else new_folder(account, pipeline.settings)
        hidden = folder / f".{sample.path.name}"
        shutil.copyfile(sample.path, hidden)
        hidden.rename(folder / sample.path.name)
        out.print(plain(f"  {sample.account}: {sample.path.name} ({sample.path.stat().st_size:,} bytes)"), soft_wrap=True)


def _await_answers(out: "Console", pipeline: "Pipeline", services: "Services", wave: list[Sample]) -> None:
    """Returns when every file of the wave lies in Success or Failed. Raises TransientFailure when a process ends or nothing comes."""
    end = time.monotonic() + PATIENCE
    with out.status("waiting for the answers …") as status:
        while (done := sum(_answered(pipeline, sample) for sample in wave)) < len(wave):
            status.update(f"{done} of {len(wave)} files answered")
            if dead := services.dead():
                raise TransientFailure(dead)
            if time.monotonic() > end:
                raise TransientFailure(
                    f"{len(wave) - done} files have no answer after {PATIENCE:g} s; see {pipeline.settings.home / 'logs'}"
                )
            time.sleep(_LOOK)
    out.print(f"  all {len(wave)} answered")


def _answered(pipeline: "Pipeline", sample: Sample) -> bool:
    from import_pipeline.ledger import files

    with pipeline.ledger.read() as conn:
        return any(file.projected_at for file in files.by_name(conn, sample.path.name, sample.account))


def _show(out: "Console", pipeline: "Pipeline", found: list[list[Sample]], samples: Path, begun: float) -> bool:
    """The end: what lies where, what came of each file, and whether it is what the samples promise."""
    from import_pipeline.cli import demo_show
    from import_pipeline.cli.demo_promises import broken_promises

    demo_show.show_all(out, pipeline)
    broken = broken_promises(pipeline, [sample for wave in found for sample in wave], samples)
    out.print()
    for text in broken:
        out.print(plain(f"✗ {text}"), style="red", soft_wrap=True)
    seconds = time.monotonic() - begun
    if not broken:
        out.print(f"✓ every file's answer is what the samples promise ({seconds:.0f} s in all)", style="bold green")
    home = f"IMPORT_PIPELINE_HOME={pipeline.settings.home} {sys.argv[0]}"
    out.print(f"look on:  {home} jobs  (or: records, where A-00003, up)", soft_wrap=True)
    out.print(f"the desk: {home} user add me --account field_sales --role admin && {home} up", soft_wrap=True)
    out.print(f"keep the web page: {sys.argv[0]} demo --keep; your own data: make up")
    return not broken


def _keep(out: "Console", services: "Services") -> None:
    out.print(f"{services.address} runs until Ctrl-C", style="bold")
    while (dead := services.dead()) is None:
        time.sleep(_LOOK)
    raise TransientFailure(dead)
