"""`uploads`: the history of what was sent through the SFTP door, with the reason where it failed (acceptance A-10).

Belongs here: this command. Does not belong here: finding out what came of an upload (gateway/sftp/history.py).
"""

from typing import TYPE_CHECKING, Annotated

import typer

from import_pipeline.cli.shared import AccountOption, JsonOption, chosen_account, console, iso, opened, plain, print_json

if TYPE_CHECKING:
    from import_pipeline.gateway.sftp.history import UploadRow

LimitOption = Annotated[int, typer.Option("--limit", "-n", min=1, help="How many, the newest first.")]
_SHOWN = {
    "success": ("a job was made", "green"),
    "failed": ("failed", "red"),
    "waiting": ("not taken yet", "yellow"),
    "replaced": ("replaced before it was taken", "yellow"),
}


def uploads(account: AccountOption = None, limit: LimitOption = 20, json: JsonOption = False) -> None:
    """Lists the uploads of an account through SFTP: who, when, how large, and the job that was made or why there is none."""
    from rich.table import Table

    from import_pipeline.gateway.sftp.history import upload_history

    with opened() as pipeline:
        chosen = chosen_account(pipeline, account)
        rows = upload_history(pipeline.settings, pipeline.ledger, chosen.name, limit)
    if json:
        for row in rows:
            print_json(_object(row))
        return
    if not rows:
        console().print(plain(f"Nothing was uploaded to {chosen.name} through SFTP yet."))
        return
    table = Table()
    for title in ("time (UTC)", "user", "file", "bytes", "result", "jobs or reason"):
        table.add_column(title, overflow="fold", justify="right" if title == "bytes" else "left")
    for row in rows:
        words, style = _SHOWN[row.result]
        told = ", ".join(row.jobs) if row.result == "success" else row.error or ""
        size = f"{row.size:,}" if row.size is not None else ""
        table.add_row(f"{row.at:%Y-%m-%d %H:%M:%S}", plain(row.user), plain(row.path), size, f"[{style}]{words}[/]", plain(told))
    console().print(table)


def _object(row: "UploadRow") -> dict[str, object]:
    return {
        "at": iso(row.at),
        "user": row.user,
        "path": row.path,
        "bytes": row.size,
        "result": row.result,
        "success": row.result == "success",
        "jobs": list(row.jobs),
        "error": row.error,
    }
