"""`export`, `records` and `template`: what people take out.

Belongs here: these commands. Does not belong here: how a value or a file is written (exporting/, reporting/templates.py).
"""

import csv
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast, get_args

import typer

from import_pipeline.cli.shared import (
    AccountOption,
    AsOfOption,
    JsonOption,
    TypeOption,
    chosen_account,
    console,
    one_of,
    opened,
    print_json,
)
from import_pipeline.failures import PermanentFailure, UnknownValue

if TYPE_CHECKING:
    from import_pipeline.delivering.pipeline import Pipeline
    from import_pipeline.model.account import Account
    from import_pipeline.model.object_type import ObjectType
    from import_pipeline.reporting.templates import TemplateKind

ExportFormatOption = Annotated[Literal["csv", "jsonl", "parquet"], typer.Option("--format", help="How the file is written.")]
OutOption = Annotated[Path | None, typer.Option("--out", "-o", file_okay=False, metavar="FOLDER", help="Where it is written.")]
ZipOption = Annotated[bool, typer.Option("--zip", help="Pack the file into a ZIP.")]
KindOption = Annotated[str | None, typer.Option("--kind", metavar="KIND", help="csv, xlsx or jsonl; without it csv and xlsx.")]
WhereOption = Annotated[list[str] | None, typer.Option("--where", metavar="COLUMN=VALUE", help="Only these; may be given several times.")]
RowsOption = Annotated[int | None, typer.Option("--limit", "-n", min=1, help="How many at most.")]


def _type_of(account: "Account", name: str | None) -> "ObjectType":
    if name is None:
        known = ", ".join(account.types_by_name)
        raise PermanentFailure(f"name the object type with --type; {account.name} has {known or 'none'}")
    return account.object_type(name)


def export(
    account: AccountOption = None,
    object_type: TypeOption = None,
    as_of: AsOfOption = None,
    format: ExportFormatOption = "csv",
    out: OutOption = None,
    zip: ZipOption = False,
    json: JsonOption = False,
) -> None:
    """Writes the current or a past state of one object type, with a manifest. Imported back unchanged, the current one changes nothing.

    Without --out it is written below IMPORT_PIPELINE_HOME/exports.
    """
    from import_pipeline.exporting.export import export_type
    from import_pipeline.exporting.moments import moment_of, told
    from import_pipeline.store.session import open_store

    with opened() as pipeline:
        chosen = chosen_account(pipeline, account)
        wanted = _type_of(chosen, object_type)
        folder = (out or pipeline.settings.home / "exports" / chosen.name).resolve()
        with open_store(pipeline.settings, chosen.name) as session:
            now = pipeline.clock.now()
            at = moment_of(as_of, session, chosen, pipeline.ledger, now) if as_of is not None else None
            result = export_type(session, chosen, wanted, None, folder, at=at, format=format, zip=zip, now=now)
    if json:
        answer = {"path": result.path, "manifest": result.manifest, "rows": result.rows, "sha256": result.sha256}
        print_json({"account": chosen.name, "object_type": wanted.name, "as_of": at, "format": format, **answer})
    else:
        past = f" as of {told(as_of, at)}" if as_of and at else ""
        console().print(f"{result.rows:,} records of {wanted.name}{past}: {result.path}", soft_wrap=True)


def records(
    account: AccountOption = None,
    object_type: TypeOption = None,
    where: WhereOption = None,
    limit: RowsOption = None,
    as_of: AsOfOption = None,
    json: JsonOption = False,
) -> None:
    """Prints the current or past records of one object type as CSV, or with --json as one object per line, in the columns of the template.

    `--where Stage=` finds those without a value. The store is opened for reading, for as long as printing takes.
    """
    from import_pipeline.cli.reading import record_lines
    from import_pipeline.exporting.moments import moment_of
    from import_pipeline.exporting.states import check_state
    from import_pipeline.store.hanging import hanging_key
    from import_pipeline.store.session import open_store

    with opened() as pipeline:
        chosen = chosen_account(pipeline, account)
        wanted = _type_of(chosen, object_type)
        conditions = [_condition(text, wanted, hanging_key(wanted, chosen.territory_type)) for text in where or ()]
        with open_store(pipeline.settings, chosen.name) as session:
            at = None
            if as_of is not None:
                now = pipeline.clock.now()
                at = moment_of(as_of, session, chosen, pipeline.ledger, now)
                check_state(session, chosen, wanted, at, now)
            header, batches = record_lines(session, chosen, wanted, conditions, limit, as_json=json, at=at)
            writer = csv.writer(sys.stdout, lineterminator="\n")
            if not json:
                writer.writerow(header)
            for rows in batches:
                if json:
                    sys.stdout.writelines(f"{row[0]}\n" for row in rows)
                else:
                    writer.writerows(rows)


def _condition(text: str, object_type: "ObjectType", hanging: str | None) -> tuple[str, str]:
    """`COLUMN=VALUE` as (column's key, value); a column may be named as a file's header may name it. `hanging` is one more, the
    territory."""
    name, equals, value = text.partition("=")
    if not equals:
        raise PermanentFailure(f"--where takes COLUMN=VALUE, not {text!r}")
    if hanging and name.strip().casefold() == hanging.casefold():
        return hanging, value
    key = object_type.map_header((name.strip(),)).keys[0]
    if key is None or key not in object_type.template_header:
        known = (*object_type.template_header, *([hanging] if hanging else []))
        raise UnknownValue("column", name.strip(), known, where=object_type.name)
    return key, value


def template(
    account: AccountOption = None, object_type: TypeOption = None, kind: KindOption = None, out: OutOption = None, json: JsonOption = False
) -> None:
    """Writes the empty file to fill in: its header row is what the importer accepts. For territories it is KML.

    Without --type for every type, without --account for every account. Without --out into `Templates` of the account's landing tree.
    """
    from import_pipeline.reporting.templates import KINDS, TemplateKind

    kinds = [cast(TemplateKind, one_of("kind of template", kind, KINDS))] if kind else [k for k in get_args(TemplateKind) if k != "jsonl"]
    with opened() as pipeline:
        accounts = [chosen_account(pipeline, account)] if account or object_type else list(pipeline.accounts.values())
        written = [found for one in accounts for found in write_templates(pipeline, one, object_type, kinds, out)]
    for name, type_name, path in written:
        if json:
            print_json({"account": name, "object_type": type_name, "path": path})
        else:
            console().print(str(path), soft_wrap=True)


def write_templates(
    pipeline: "Pipeline", account: "Account", type_name: str | None, kinds: "list[TemplateKind]", out: Path | None = None
) -> list[tuple[str, str, Path]]:
    """Writes templates of one type, or of all, and returns (account, type, path) of each.

    Of `kinds` each type has its own; a type that was asked for by name and has none of them is an error.
    """
    from import_pipeline.landing.tree import root
    from import_pipeline.reporting.templates import kinds_of, template_file_name
    from import_pipeline.reporting.templates import template as content

    folder = (out or root(account, pipeline.settings) / "Templates").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for object_type in [account.object_type(type_name)] if type_name else account.object_types:
        own = [kind for kind in kinds if kind in kinds_of(object_type)]
        for kind in own or (kinds if type_name else ()):
            path = folder / template_file_name(object_type, kind)
            path.write_bytes(content(object_type, kind))
            written.append((account.name, object_type.name, path))
    return written
