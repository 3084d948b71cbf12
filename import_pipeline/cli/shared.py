"""What the commands share: options, the instance they work on, and printing for people and for machines.

Belongs here: what at least two commands need. Does not belong here: any one command, anything heavy at import.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from import_pipeline.failures import PermanentFailure, UnknownValue

if TYPE_CHECKING:
    from rich.console import Console

    from import_pipeline.delivering.pipeline import Pipeline
    from import_pipeline.model.account import Account

REFUSED, USAGE = 1, 2
"""Exit codes beside 0."""
WIDE = 160
"""Columns of a table that goes to a file or a pipe."""

AccountOption = Annotated[str | None, typer.Option("--account", "-a", metavar="ACCOUNT", help="The account; not needed when there is one.")]
AsOfOption = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        metavar="MOMENT",
        help="A past state: a day (2026-11-20: its end), a time (2026-11-20T17:05), yesterday, 3d (so long ago), a job's id (right after "
        "it) or before:JOB. Without it the current state.",
    ),
]
TypeOption = Annotated[str | None, typer.Option("--type", "-t", metavar="TYPE", help="The object type, such as Contact.")]
JsonOption = Annotated[bool, typer.Option("--json", help="For machines: one JSON object per line on stdout and nothing else.")]


@contextmanager
def opened() -> "Iterator[Pipeline]":
    """The instance that the environment names, its ledger closed at the end."""
    from import_pipeline.delivering.pipeline import Pipeline

    pipeline = Pipeline()
    try:
        yield pipeline
    finally:
        pipeline.ledger.close()


def chosen_account(pipeline: "Pipeline", name: str | None) -> "Account":
    """The account of this name, or the only one. Raises UnknownValue, or PermanentFailure when one must be named or is broken."""
    known = pipeline.accounts
    if name is None:
        if len(known) == 1:
            return next(iter(known.values()))
        raise PermanentFailure(f"there are {len(known)} accounts; name one with --account: {', '.join(known) or 'none can be used'}")
    if name not in known and name in {found.name for found in pipeline.loaded}:
        raise PermanentFailure(f"the account {name} cannot be used: its defs.yaml is broken; `import-pipeline check` tells where")
    return pipeline.account(name)


def one_of(what: str, value: str, known: tuple[str, ...]) -> str:
    """`value` when it is known; raises UnknownValue."""
    if value not in known:
        raise UnknownValue(what, value, known)
    return value


def print_json(value: Any) -> None:
    """One JSON object on one line; moments as `iso` writes them, and what else JSON has no type for as text."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, default=lambda v: iso(v) if isinstance(v, datetime) else str(v)) + "\n")


def iso(moment: datetime | None) -> str | None:
    """A moment in UTC as 2026-11-20T17:05:00Z; nothing for none."""
    return moment.isoformat().replace("+00:00", "Z") if moment else None


def console(*, stderr: bool = False) -> "Console":
    """Where people read; wide when it is no terminal, so that nothing is cut in a file."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(file=stream, width=None if stream.isatty() else WIDE, highlight=False, markup=False)


def plain(text: object) -> str:
    """Text from outside as a terminal may show it: control characters are written out, so that no file name can steer the screen."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in str(text))
