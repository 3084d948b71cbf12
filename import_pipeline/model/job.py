"""A job as the stages see it, its states, and what is counted.

Belongs here: the state machine and the counts. Does not belong here: where they are kept (ledger/).
"""

from pathlib import Path
from typing import Literal

from import_pipeline.model.base import Model
from import_pipeline.model.row_error import FileFault, Notice

JobState = Literal["waiting", "running", "applied", "failed", "duplicate", "planned", "held"]
"""waiting → running → applied (at least one row had an effect or was unchanged) | failed (none had) | duplicate (nothing done) |
planned (a dry run: acceptance B-2) | held (planned, and waits for approval: acceptance B-13)."""
FINAL_STATES: tuple[JobState, ...] = ("applied", "failed", "duplicate", "planned")
GOOD_STATES: tuple[JobState, ...] = ("applied", "duplicate", "planned")
"""Final states whose files belong into Success (acceptance, decision 1; a duplicate's rows are in already, B-5)."""
EVERY_ROW_REFUSED = "every row was refused"
"""The reason of a job that failed though its file could be read and was not halted."""
FileState = Literal["seen", "claimed", "vaulted", "delivered", "answered", "gone", "changed", "skipped"]
DeliveryState = Literal["waiting", "requested", "running", "finished", "failed"]
Action = Literal["create", "update", "unchanged", "park", "refuse", "delete"]
FileKind = Literal["csv", "jsonl", "xlsx", "kml", "zip", "other", "undo"]
"""`zip` (an archive that was refused as a whole) and `other` are never parsed: such a job has a fault. `undo` is a job without a file
that takes another one back."""

PACKAGE_ROWS = 10_000
"""Positions of a file in one package, the unit of progress (acceptance S-12)."""
GROUP_PACKAGES = 100
"""New records in one commit, in packages. DuckDB writes a commit at the speed of the disk when it is much larger than a row group
(122,880 rows); smaller ones it writes twice, and every commit of updates reads the whole table once."""


class Job(Model):
    """The import of one file as one object type. `number` is its position in the delivery and the `_job` of its rows."""

    id: str
    number: int
    account: str
    object_type: str
    format: str | None = None
    file_id: str
    name: str
    """What people call it: the file's name, or the member's name inside an archive."""
    archive: str | None = None
    member: str | None = None
    path: Path
    """Its bytes in the vault (members are vaulted too)."""
    sha256: str
    size: int
    kind: FileKind
    dry_run: bool = False
    undo_of: str | None = None
    """The job that this one takes back (acceptance B-3)."""
    undone_by: str | None = None
    """The undo in force of this job: a replay leaves it out."""
    fault: FileFault | None = None
    """Set when the file was refused before it was parsed; the stages pass it on."""


class Counts(Model):
    """Rows of one job by what became of them. rows = good + refused; good = created + updated + unchanged + deleted + parked."""

    rows: int = 0
    good: int = 0
    refused: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    parked: int = 0


class ParsedFile(Model):
    """What parsing one job gave. rows = read + refused (each is one record of the file)."""

    job: int
    rows: int = 0
    read: int = 0
    refused: int = 0
    fault: FileFault | None = None
    encoding: str | None = None
    delimiter: str | None = None
    quote: str | None = None
    line_end: str | None = None
    header_line: int | None = None
    header: tuple[str, ...] = ()
    keys: tuple[str | None, ...] = ()
    notices: tuple[Notice, ...] = ()
