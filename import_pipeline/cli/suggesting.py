"""`suggest`: a format for a file whose header the importer does not know.

Belongs here: the command, its table, where the format is written. Does not belong here: the suggestion itself (suggesting/), reading
the file and what was accepted before (delivering/suggested.py).
"""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from import_pipeline.cli.shared import REFUSED, AccountOption, JsonOption, TypeOption, chosen_account, console, opened, plain, print_json
from import_pipeline.failures import PermanentFailure

if TYPE_CHECKING:
    from import_pipeline.delivering.pipeline import Pipeline
    from import_pipeline.delivering.suggested import Looked
    from import_pipeline.model.account import Account
    from import_pipeline.model.object_type import ObjectType
    from import_pipeline.suggesting.mapping import SuggestedMapping

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="CSV, JSONL or XLSX.")]
NameOption = Annotated[str | None, typer.Option("--name", metavar="NAME", help="The format's name; without it the file's name.")]
OutOption = Annotated[Path | None, typer.Option("--out", "-o", dir_okay=False, metavar="YAML", help="Where the format is written.")]
SaveOption = Annotated[bool, typer.Option("--save", help="Write it into the account's folder `formats`, ready to use.")]
ForceOption = Annotated[bool, typer.Option("--force", help="Overwrite a file that is there.")]


def suggest(
    file: FileArgument,
    account: AccountOption = None,
    object_type: TypeOption = None,
    name: NameOption = None,
    out: OutOption = None,
    save: SaveOption = False,
    force: ForceOption = False,
    json: JsonOption = False,
) -> None:
    """Suggests which column each header cell means, with confidence and reason, and writes it as a format. Nothing is imported.

    Names, values and accepted mappings of the past are compared. Without --type the file's name tells the type, else the one that
    fits best is taken. Without --out or --save the format is written into the current folder.
    """
    from import_pipeline.model.base import slug
    from import_pipeline.suggesting.writing import as_yaml

    if save and out:
        raise PermanentFailure("--save and --out name two places: give one of them")
    with opened() as pipeline:
        chosen = chosen_account(pipeline, account)
        mapping = _suggested(pipeline, chosen, file, object_type)
        called = name or slug(file.stem)
        target = _saved_as(pipeline, chosen, called, force) if save else out or Path(f"{slug(called)}.yaml")
    _write(target, as_yaml(mapping, called, file=file.name), force)
    if json:
        print_json(_as_object(mapping, called, chosen.name, target))
    else:
        _show(mapping, file, chosen.name, called, target, saved=save)


def _suggested(pipeline: "Pipeline", account: "Account", file: Path, type_name: str | None) -> "SuggestedMapping":
    from import_pipeline.delivering.suggested import accepted_before
    from import_pipeline.landing.names import object_type_of
    from import_pipeline.suggesting.mapping import suggest_type

    if not account.object_types:
        raise PermanentFailure(f"the account {account.name} has no object types")
    told = type_name or object_type_of(account, file.name)
    types: Sequence[ObjectType] = [account.object_type(told)] if isinstance(told, str) else account.object_types
    sample = _looked(file).sample
    history = {one.name: accepted_before(pipeline.ledger, account, one) for one in types}
    return suggest_type(sample.header, sample.values, types, history=history, timezone=account.timezone)


def _looked(file: Path) -> "Looked":
    """The file's header and sample; a file that no import could read ends the command with exit code 1."""
    from import_pipeline.delivering.suggested import Unreadable, look_at

    try:
        return look_at(file, file.name)
    except Unreadable as refused:
        typer.echo(f"import-pipeline: {plain(file)}: {plain(refused.fault.message)}", err=True)
        raise typer.Exit(REFUSED) from None


def _saved_as(pipeline: "Pipeline", account: "Account", name: str, force: bool) -> Path:
    """The file below the account's `formats`. A name that another file's format has would break both."""
    from import_pipeline.model.base import slug

    folder = next(found.folder for found in pipeline.loaded if found.name == account.name) / "formats"
    target = folder / f"{slug(name)}.yaml"
    twin = next((one.name for one in account.formats if slug(one.name) == slug(name)), None)
    if twin and not (force and target.is_file()):
        raise PermanentFailure(f"the account {account.name} has a format {twin!r}: give another --name, or --force to replace {target}")
    return target


def _write(target: Path, text: str, force: bool) -> None:
    """Whole or not at all, and over another file only when told so."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        temporary.write_text(text, encoding="utf-8")
        if force:
            temporary.replace(target)
        else:
            target.hardlink_to(temporary)
    except FileExistsError:
        raise PermanentFailure(f"{target} exists: give another --name or --out, or --force to replace it") from None
    except OSError as error:
        raise PermanentFailure(f"{target} cannot be written: {error.strerror}") from error
    finally:
        temporary.unlink(missing_ok=True)


def _show(mapping: "SuggestedMapping", file: Path, account: str, name: str, target: Path, *, saved: bool) -> None:
    from rich.table import Table

    taken = sum(found.key is not None for found in mapping.suggestions)
    out = console()
    table = Table(title=plain(f"{file.name} as {mapping.object_type} of {account}"), title_justify="left")
    for column in ("header", "column", "sure", "reason", "values"):
        table.add_column(column, overflow="fold", justify="right" if column == "sure" else "left")
    for found in mapping.suggestions:
        cells = (found.header, found.key or "not imported", f"{found.confidence:.0%}", found.reason, " · ".join(found.samples))
        table.add_row(*(plain(cell).replace("\n", " ") for cell in cells))
    out.print(table)
    out.print(plain(f"{taken} of {len(mapping.suggestions)} columns are imported. The format: {target}"), soft_wrap=True)
    command = shlex.join(["import-pipeline", "import", str(file), "--account", account, "--format", name])
    first = (
        "Look through it, then: " if saved else f"Look through it, put it into the folder `formats` of {account} (or use --save), then: "
    )
    out.print(plain(first + command), soft_wrap=True)


def _as_object(mapping: "SuggestedMapping", name: str, account: str, target: Path) -> dict[str, Any]:
    columns = [
        {
            "header": found.header,
            "column": found.key,
            "confidence": found.confidence,
            "reason": found.reason,
            "samples": found.samples,
            "others": [{"column": other.key, "confidence": other.confidence} for other in found.others],
        }
        for found in mapping.suggestions
    ]
    return {"account": account, "object_type": mapping.object_type, "format": name, "path": target, "columns": columns}
