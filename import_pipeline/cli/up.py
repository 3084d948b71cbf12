"""`up`: everything of one home until Ctrl-C: landing trees, imports, exports, upkeep and the web page.

Belongs here: the command. Does not belong here: starting and stopping processes (services.py), what they run.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from import_pipeline.cli.shared import console, opened, plain
from import_pipeline.failures import PermanentFailure, TransientFailure

if TYPE_CHECKING:
    from rich.console import Console

    from import_pipeline.cli.services import Services
    from import_pipeline.delivering.pipeline import Pipeline

_LOOK = 0.5
PortOption = Annotated[int, typer.Option("--port", "-p", min=1, max=65535, help="The port of the web page.")]
HostOption = Annotated[str, typer.Option("--host", help="The address it listens on. The page has no log-in: keep it on this machine.")]


def up(port: PortOption = 3000, host: HostOption = "127.0.0.1") -> None:
    """Runs everything until Ctrl-C: watches the landing trees, serves SFTP and HTTP, imports, exports, and shows the web page."""
    from import_pipeline.cli.http import http_port
    from import_pipeline.cli.services import Services, only_one, require_free, stopped_by_signals
    from import_pipeline.cli.sftp import sftp_port

    out = console()
    with opened() as pipeline, only_one(pipeline.settings) as lock, stopped_by_signals():
        require_free(host, port)
        prepare(pipeline)
        try:
            sftp, http = sftp_port(pipeline, out), http_port(pipeline, out)
            made = Services(pipeline.settings, pipeline.ledger, host, port, lock, sftp_port=sftp, http_port=http)
            with stopping(made, out) as services:
                services.start()
                _tell(out, pipeline, services)
                told = _wait(services)
        except KeyboardInterrupt:
            out.print("stopped")
            return
    raise TransientFailure(told)


def prepare(pipeline: "Pipeline") -> None:
    """Landing trees and templates of all accounts, and a ledger that is up to date before two processes open it."""
    from import_pipeline.cli.taking import write_templates
    from import_pipeline.landing.tree import create_tree

    if not pipeline.accounts:
        raise PermanentFailure(f"no account in {pipeline.settings.accounts} can be used; `import-pipeline check` tells why")
    pipeline.ledger.revision()
    for account in pipeline.accounts.values():
        create_tree(account, pipeline.settings)
        write_templates(pipeline, account, None, ["csv", "xlsx", "kml"])


@contextmanager
def stopping(services: "Services", out: "Console") -> "Iterator[Services]":
    """The processes to start; they are stopped whatever happens. An import under way ends first; a second Ctrl-C does not wait for it."""
    try:
        yield services
    finally:
        try:
            services.retire()
            if services.busy():
                out.print("an import is under way and ends first; Ctrl-C again stops it (it goes on at the next start)")
                services.await_idle()
        except KeyboardInterrupt:
            out.print("stopping at once")
        services.stop()


def _tell(out: "Console", pipeline: "Pipeline", services: "Services") -> None:
    from import_pipeline.cli.http import tell_http
    from import_pipeline.cli.sftp import tell_sftp
    from import_pipeline.landing.tree import new_folder

    out.print(f"web page   {services.address}", style="bold", soft_wrap=True)
    tell_sftp(pipeline, services.sftp_port, out)
    tell_http(pipeline, services.http_port, out)
    for account in pipeline.accounts.values():
        out.print(plain(f"drop files {new_folder(account, pipeline.settings)}   ({account.title or account.name})"), soft_wrap=True)
    broken = [found.name for found in pipeline.loaded if found.faults]
    if broken:
        out.print(f"faults in the YAML of {', '.join(broken)}; `import-pipeline check` tells where")
    out.print(f"logs       {pipeline.settings.home / 'logs'}", soft_wrap=True)
    out.print("Ctrl-C stops")


def _wait(services: "Services") -> str:
    """Returns when a process has ended that should run: what is told about it."""
    while (dead := services.dead()) is None:
        time.sleep(_LOOK)
    return dead
