"""The commands under one name, and which exit code a failure gives.

Belongs here: registering commands, turning failures into a message and an exit code. Does not belong here: what a command does.
Start-up stays fast: command modules import the package's rooms inside their functions.
"""

import os
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from import_pipeline.cli import (
    again,
    checking,
    comparing,
    demo,
    importing,
    looking,
    mapping,
    remotes,
    saving,
    suggesting,
    taking,
    tokens,
    up,
    uploads,
    users,
    where,
)
from import_pipeline.cli.shared import REFUSED, USAGE
from import_pipeline.failures import PermanentFailure, TransientFailure


class Commands(TyperGroup):
    """Exit codes: 0 done (perhaps with refused rows), 1 refused, halted or the machine's fault, 2 wrong usage."""

    def invoke(self, ctx: Any) -> Any:
        """Runs the command; a failure becomes one line on stderr."""
        try:
            return super().invoke(ctx)
        except PermanentFailure as failure:
            code, said = USAGE, str(failure)
        except TransientFailure as failure:
            code, said = REFUSED, str(failure)
        except BrokenPipeError:
            # The reader of a pipe has seen enough (`records | head`); what is left must not be flushed into it.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None
        typer.echo(f"import-pipeline: {said}", err=True)
        raise typer.Exit(code)


app = typer.Typer(
    name="import-pipeline",
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Bulk imports that lose nothing, double nothing and can be taken back. All data lie below IMPORT_PIPELINE_HOME (default: "
    "./data); IMPORT_PIPELINE_ACCOUNTS names the folder of accounts (default: the shipped ones).",
)
app.command("demo")(demo.demo)
app.command("up")(up.up)
app.command("check")(checking.check)
app.command("import")(importing.import_files)
app.command("suggest")(suggesting.suggest)
app.command("save-format")(saving.save_format)
app.command("undo")(again.undo)
app.command("replay")(again.replay)
app.command("approve")(again.approve)
app.command("reject")(again.reject)
app.command("export")(taking.export)
app.command("diff")(comparing.diff)
app.command("map")(mapping.territory_map)
app.command("records")(taking.records)
app.command("template")(taking.template)
app.command("jobs")(looking.jobs)
app.command("job")(looking.job)
app.command("where")(where.where)
app.command("uploads")(uploads.uploads)
app.add_typer(users.user)
app.add_typer(remotes.remote)
app.add_typer(tokens.token)
