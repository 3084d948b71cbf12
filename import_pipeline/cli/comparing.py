"""`diff`: what differs between two moments, as files.

Belongs here: this command. Does not belong here: what a moment is (exporting/moments.py), finding differences (exporting/difference.py).
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from import_pipeline.cli.shared import AccountOption, JsonOption, TypeOption, chosen_account, console, opened, plain, print_json
from import_pipeline.cli.taking import ExportFormatOption

if TYPE_CHECKING:
    from import_pipeline.exporting.difference import Difference

_MOMENT = "a day (its end), a time, yesterday, 3d (so long ago), a job's id (right after it) or before:JOB"
FromArgument = Annotated[str, typer.Argument(metavar="A", help=f"The earlier moment: {_MOMENT}.")]
ToArgument = Annotated[str, typer.Argument(metavar="[B]", help="The later moment, now when it is not given.")]
FileOption = Annotated[
    Path | None, typer.Option("--out", "-o", metavar="FILE", help="The file; without --type the folder that gets one file per type.")
]


def diff(
    start: FromArgument,
    end: ToArgument = "now",
    account: AccountOption = None,
    object_type: TypeOption = None,
    out: FileOption = None,
    format: ExportFormatOption = "csv",
    json: JsonOption = False,
) -> None:
    """Writes what differs between two moments: created records, changed fields old → new, deleted records.

    `diff before:JOB JOB` is what one import did. Without --type one file per object type; without --out below
    IMPORT_PIPELINE_HOME/exports.
    """
    from import_pipeline.exporting.difference import diff_name, diff_type
    from import_pipeline.exporting.moments import moment_of, told
    from import_pipeline.exporting.states import check_state
    from import_pipeline.store.session import open_store

    with opened() as pipeline:
        chosen = chosen_account(pipeline, account)
        types = [chosen.object_type(object_type)] if object_type is not None else list(chosen.object_types)
        with open_store(pipeline.settings, chosen.name) as session:
            now = pipeline.clock.now()
            a, b = (moment_of(text, session, chosen, pipeline.ledger, now) for text in (start, end))
            for each in types:  # so that a type that cannot be read leaves no files of the others
                check_state(session, chosen, each, a, now)
            folder = (out or pipeline.settings.home / "exports" / chosen.name).resolve()
            found = []
            for each in types:
                named = folder if out and object_type is not None and not folder.is_dir() else folder / diff_name(each, a, b, format)
                found.append((each.name, diff_type(session, chosen, each, a, b, named, format=format, now=now)))
    if json:
        for name, difference in found:
            print_json({"account": chosen.name, "object_type": name, "from": a, "to": b, **_counts(difference)})
    else:
        console().print(plain(f"from {told(start, a)} to {told(end, b)}"), soft_wrap=True)
        for name, difference in found:
            console().print(plain(_sentence(name, difference)), soft_wrap=True)


def _counts(found: "Difference") -> dict[str, Any]:
    return {name: getattr(found, name) for name in ("created", "changed", "fields", "deleted", "lines", "path", "manifest", "sha256")}


def _sentence(name: str, found: "Difference") -> str:
    """«Contact: 3 created, 2 changed (4 fields), 0 deleted: …/diff_Contact_….csv»."""
    fields = "field" if found.fields == 1 else "fields"
    counts = f"{found.created:,} created, {found.changed:,} changed ({found.fields:,} {fields}), {found.deleted:,} deleted"
    return f"{name}: {counts}: {found.path}"
