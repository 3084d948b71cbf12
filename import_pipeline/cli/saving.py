"""`save-format`: a saved format made from a finished import.

Belongs here: the command, and what of an import becomes a format (acceptance E-3). Does not belong here: suggesting a mapping for a file
that was never imported (suggesting.py), what a format may state (model/format.py).
"""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from import_pipeline.cli.shared import JsonOption, console, opened, plain, print_json
from import_pipeline.cli.suggesting import ForceOption, _saved_as, _write
from import_pipeline.failures import PermanentFailure, UnknownValue

if TYPE_CHECKING:
    from import_pipeline.delivering.pipeline import Pipeline
    from import_pipeline.ledger.jobs import JobRow
    from import_pipeline.model.account import Account

JobArgument = Annotated[str, typer.Argument(metavar="JOB", help="A job's id, a file's name, or `latest`.")]
NameOption = Annotated[str, typer.Option("--name", metavar="NAME", help="The format's name.")]
CreateOption = Annotated[bool, typer.Option("--create-only", help="Files with this format only create records.")]


def save_format(
    job: JobArgument, name: NameOption, create_only: CreateOption = False, force: ForceOption = False, json: JsonOption = False
) -> None:
    """Saves how an imported file was read as a format: its header in order, each column with the field that it filled, or ignored.

    A file with this format must have the same header. It stands in the account's folder `formats`; services that run have to be
    started again to know it.
    """
    from import_pipeline.ledger import jobs

    with opened() as pipeline:
        with pipeline.ledger.read() as conn:
            row = jobs.find(conn, job)
            latest = [] if row else [found.id for found in jobs.listing(conn, limit=10)]
        if row is None:
            raise UnknownValue("job", job, latest, where="among the latest")
        account = pipeline.account(row.account)
        stated = format_of_import(pipeline, account, row, name, create_only=create_only)
        target = _saved_as(pipeline, account, name, force)
    _write(target, _as_yaml(stated, row), force)
    if json:
        print_json({"account": account.name, "format": name, "path": target, "job": row.id})
    else:
        console().print(plain(f"the format {name!r} of {account.name}: {target}"), soft_wrap=True)


def format_of_import(pipeline: "Pipeline", account: "Account", row: "JobRow", name: str, *, create_only: bool) -> dict[str, Any]:
    """What formats/*.yaml states, in order. Raises PermanentFailure for a job without rows, or whose file is not kept any more."""
    from pathlib import Path

    from import_pipeline.landing.vault import path_of
    from import_pipeline.parsing.batch import Refused
    from import_pipeline.parsing.sampling import read_sample
    from import_pipeline.reporting.answers import read_receipt

    receipt = read_receipt(Path(row.receipt)) if row.receipt else None
    file = path_of(pipeline.settings.vault, row.sha256) if row.sha256 else None
    if row.state not in ("applied", "planned") or receipt is None or file is None or not file.is_file():
        raise PermanentFailure(f"job {row.id} ({row.name}) is {row.state}: a format is made from an import that has finished, and is kept")
    try:
        header = read_sample(file, row.kind).header
    except Refused as refused:
        raise PermanentFailure(f"{row.name}: {refused.fault.message}") from None
    mapped = receipt.read.mapped
    stated: dict[str, Any] = {"name": name, "object_type": row.object_type}
    stated |= {"operation": "append"} if create_only else {}
    stated |= {"exact_header": True}
    stated |= {"delimiter": receipt.read.delimiter} if receipt.read.delimiter else {}
    narrowed = {
        key: list(values) for other in account.formats if other.object_type == row.object_type for key, values in other.accepts.items()
    }
    accepts = {key: values for key, values in narrowed.items() if key in mapped.values()}
    stated |= {"accepts": accepts} if accepts else {}
    return stated | {"columns": {cell: mapped.get(cell) for cell in header}}


def _as_yaml(stated: dict[str, Any], row: "JobRow") -> str:
    import yaml

    told = "".join(c if c.isprintable() else " " for c in row.name)
    return f"# Made from the import of {told}, job {row.id}.\n" + yaml.safe_dump(stated, sort_keys=False, allow_unicode=True, width=1 << 30)
