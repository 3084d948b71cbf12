"""What loading the accounts found, as rows and as text for the command line.

Belongs here: the summary of loaded accounts. Does not belong here: printing, colours, exit codes (cli.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from import_pipeline.catalog.fault import Fault
from import_pipeline.catalog.folder import LoadedAccount


@dataclass(frozen=True)
class CheckRow:
    """One account: the object types that are imported, those that are left out, how many formats, and every fault."""

    account: str
    usable: bool
    types: tuple[str, ...]
    broken: tuple[str, ...]
    formats: int
    faults: tuple[Fault, ...]


def check_rows(loaded: Sequence[LoadedAccount]) -> list[CheckRow]:
    """One row per account, in the order given."""
    return [
        CheckRow(
            account=one.name,
            usable=one.account is not None,
            types=tuple(t.name for t in one.account.object_types) if one.account else (),
            broken=tuple(sorted(one.broken_types)),
            formats=len(one.account.formats) if one.account else 0,
            faults=one.faults,
        )
        for one in loaded
    ]


def check_report(loaded: Sequence[LoadedAccount], relative_to: Path | None = None) -> str:
    """The faults as `FILE:LINE:COLUMN: PATH: MESSAGE`, one a line, then a line per account and a closing line with the totals."""
    rows = check_rows(loaded)
    lines = [_fault_line(fault, relative_to) for row in rows for fault in row.faults]
    lines += [_account_line(row) for row in rows]
    faults = sum(len(row.faults) for row in rows)
    lines.append(f"{_count(len(rows), 'account')}, {_count(sum(len(r.types) for r in rows), 'object type')}, {_count(faults, 'fault')}")
    return "\n".join(lines)


def _account_line(row: CheckRow) -> str:
    if not row.usable:
        return f"{row.account}: not loaded, defs.yaml is broken"
    text = f"{row.account}: {', '.join(row.types) or 'no object types'}"
    if row.formats:
        text += f"; {_count(row.formats, 'format')}"
    return text + (f"; left out: {', '.join(row.broken)}" if row.broken else "")


def _fault_line(fault: Fault, relative_to: Path | None) -> str:
    text = str(fault)
    return text.removeprefix(f"{relative_to}/") if relative_to else text


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
