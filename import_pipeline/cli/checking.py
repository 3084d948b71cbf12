"""`check`: every fault in the accounts' YAML with file and line.

Belongs here: this command. Does not belong here: finding faults (catalog/).
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from import_pipeline.cli.shared import REFUSED, JsonOption, console, plain, print_json

if TYPE_CHECKING:
    from import_pipeline.catalog import CheckRow, Fault

FolderArgument = Annotated[
    Path | None, typer.Argument(metavar="FOLDER", exists=True, file_okay=False, help="A folder of accounts, or one account's folder.")
]


def check(folder: FolderArgument = None, json: JsonOption = False) -> None:
    """Reads all accounts and tells every fault in their YAML with file, line, the valid values and the nearest. Exit code 1 on faults."""
    from import_pipeline.catalog import check_rows, load_account, load_accounts
    from import_pipeline.settings import Settings

    root = folder or Settings.from_environment().accounts
    loaded = [load_account(root)] if (root / "defs.yaml").is_file() else load_accounts(root)
    rows = check_rows(loaded)
    faults = [fault for row in rows for fault in row.faults]
    if json:
        print_json({"ok": not faults, "accounts": [_account_object(row) for row in rows], "faults": [_fault_object(f) for f in faults]})
    else:
        _show(rows, faults, root)
    if faults:
        raise typer.Exit(REFUSED)


def _show(rows: "list[CheckRow]", faults: "list[Fault]", root: Path) -> None:
    from rich.table import Table

    out = console()
    for fault in faults:
        # Not wrapped: editors and terminals turn FILE:LINE:COLUMN into a link.
        out.print(plain(_relative(fault)), soft_wrap=True)
    table = Table(title=plain(f"{len(rows)} accounts in {root}"), title_justify="left")
    for name in ("account", "object types", "left out", "formats", "faults"):
        table.add_column(name, overflow="fold")
    for row in rows:
        types = ", ".join(row.types) if row.usable else "not loaded: defs.yaml is broken"
        table.add_row(row.account, types, ", ".join(row.broken), str(row.formats or ""), str(len(row.faults) or "none"))
    out.print(table)


def _relative(fault: "Fault") -> str:
    return str(fault).removeprefix(f"{Path.cwd()}/")


def _account_object(row: "CheckRow") -> dict[str, Any]:
    return {"account": row.account, "usable": row.usable, "types": row.types, "left_out": row.broken, "formats": row.formats}


def _fault_object(fault: "Fault") -> dict[str, Any]:
    return {"file": str(fault.file), "line": fault.line, "column": fault.column, "path": fault.path, "message": fault.message}
