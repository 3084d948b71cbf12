"""A job for people and for machines.

Belongs here: tables, panels and objects of jobs. Does not belong here: finding jobs (looking.py, importing.py).
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from import_pipeline.cli.shared import iso, plain

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from import_pipeline.ledger.jobs import JobRow

COUNTS = ("rows", "good", "refused", "created", "updated", "unchanged", "deleted", "parked")
_STYLES = {
    "applied": "green",
    "planned": "blue",
    "duplicate": "cyan",
    "failed": "red",
    "held": "magenta",
    "running": "yellow",
    "waiting": "yellow",
}


def job_object(row: "JobRow") -> dict[str, Any]:
    """One job for machines; paths are absolute or null, moments ISO 8601 in UTC."""
    return {
        "job": row.id,
        "state": row.state,
        "account": row.account,
        "object_type": row.object_type or None,
        "format": row.format,
        "file": row.name,
        "archive": row.archive,
        "member": row.member,
        "sha256": row.sha256 or None,
        "size": row.size,
        "delivery": row.delivery,
        "counts": row.counts.model_dump(),
        "resolved": row.resolved,
        "reason": row.reason,
        "packages": {"done": row.packages_done, "total": row.packages_total},
        "errors_file": row.errors_file,
        "failed_file": row.failed_file,
        "receipt": row.receipt,
        "dry_run": row.dry_run,
        "plan_file": row.plan_file,
        "undo_of": row.undo_of,
        "undone_by": row.undone_by,
        "held_until": iso(row.held_until),
        "created_at": iso(row.created_at),
        "started_at": iso(row.started_at),
        "finished_at": iso(row.finished_at),
    }


def receipt_of(row: "JobRow") -> dict[str, Any]:
    """The job's receipt as JSON, or nothing when it has none or somebody has taken it away."""
    try:
        content: dict[str, Any] = json.loads(Path(row.receipt).read_text(encoding="utf-8")) if row.receipt else {}
    except (OSError, ValueError):
        return {}
    return content


def jobs_table(rows: Sequence["JobRow"], title: str | None = None) -> "Table":
    """One line per job; columns of counts that are zero in all of them are left out."""
    from rich.table import Table
    from rich.text import Text

    shown = [name for name in COUNTS if name == "rows" or any(getattr(row.counts, name) for row in rows)]
    table = Table(title=title, title_justify="left")
    for name in ("job", "account", "type", "file", "state"):
        table.add_column(name, overflow="fold")
    for name in shown:
        table.add_column(name, justify="right")
    resolved = any(row.resolved for row in rows)
    if resolved:
        table.add_column("resolved", justify="right")
    for row in rows:
        counts = [f"{getattr(row.counts, name):,}" if getattr(row.counts, name) else "·" for name in shown]
        if resolved:
            counts.append(f"{row.resolved:,}" if row.resolved else "·")
        state = Text(row.state, style=_STYLES.get(row.state, ""))
        name = plain(f"{row.archive} › {row.name}" if row.archive else row.name)
        table.add_row(row.id, row.account, row.object_type or "unknown", name, state, *counts)
    return table


def job_panel(row: "JobRow", receipt: dict[str, Any]) -> "RenderableType":
    """Everything a sender needs about one job: outcome, counts, grouped errors, notices, and where the answers lie."""
    from rich.console import Group
    from rich.panel import Panel
    from rich.table import Table

    lines = Table.grid(padding=(0, 2))
    lines.add_column(style="dim", no_wrap=True)
    lines.add_column(overflow="fold")
    for name, value in _facts(row):
        lines.add_row(name, plain(value))
    parts: list[Any] = [plain(receipt.get("outcome") or row.reason or f"The import is {row.state}."), "", lines]
    told = [group["sentence"] + _listed(group) for group in receipt.get("errors", ())]
    if told:
        parts += ["", *(plain(f"• {sentence}") for sentence in told)]
    if receipt.get("more_errors"):
        parts.append(f"• and {receipt['more_errors']:,} more in {receipt['more_error_groups']:,} further groups")
    notices = [n["message"] for n in receipt.get("notices", ())]
    if notices:
        parts += ["", *(plain(f"note: {message}") for message in notices)]
    title = f"{row.object_type or 'unknown type'} · {row.name} · {row.state}"
    return Panel(Group(*parts), title=plain(title), title_align="left", border_style=_STYLES.get(row.state, ""))


def _listed(group: dict[str, Any]) -> str:
    """« (lines 12, 19, 44 …)», nothing for a finding about the whole file."""
    if not group["lines"]:
        return ""
    more = " …" if group["rows"] > len(group["lines"]) else ""
    return f" (line{'s' if len(group['lines']) > 1 else ''} {', '.join(map(str, group['lines']))}{more})"


def _facts(row: "JobRow") -> list[tuple[str, str]]:
    counts = ", ".join(f"{getattr(row.counts, name):,} {name}" for name in COUNTS if getattr(row.counts, name) or name == "rows")
    facts = [("job", f"{row.id} in delivery {row.delivery} of {row.account}"), ("counts", counts)]
    if row.resolved:
        facts.append(("resolved", f"{row.resolved:,} of {row.counts.refused:,} refused rows came in since"))
    if row.archive:
        facts.append(("archive", f"{row.archive} › {row.member}"))
    if row.format:
        facts.append(("format", row.format))
    if row.kind != "undo":
        facts.append(("sha256", row.sha256 or "the bytes could not be read"))
    if row.undone_by:
        facts.append(("undone by", row.undone_by))
    if row.state == "held":
        until = f", until {row.held_until:%Y-%m-%d %H:%M} UTC" if row.held_until else ""
        facts.append(("waits", f"for `import-pipeline approve {row.id}` or `reject {row.id}`{until}"))
    if row.state == "running":
        facts.append(("progress", f"{row.packages_done} of {row.packages_total} packages"))
    if row.started_at and row.finished_at:
        facts.append(("time", f"{row.started_at:%Y-%m-%d %H:%M:%S} UTC, {(row.finished_at - row.started_at).total_seconds():.1f} s"))
    drawn = receipt_of(row).get("map_file")
    map_file = str(Path(row.receipt).with_name(drawn)) if row.receipt and drawn else None
    answers = (
        ("plan", row.plan_file),
        ("map", map_file),
        ("receipt", row.receipt),
        ("errors", row.errors_file),
        ("failed rows", row.failed_file),
    )
    return facts + [(name, path) for name, path in answers if path]
