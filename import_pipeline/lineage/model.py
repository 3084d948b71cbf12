"""What lineage tells, as plain frozen shapes.

Belongs here: the answers' shapes. Does not belong here: finding them (records.py, files.py, rows.py), showing them (cli/).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from import_pipeline.ledger import Ledger
from import_pipeline.ledger.jobs import JobRow
from import_pipeline.model.account import Account
from import_pipeline.settings import Settings


@dataclass(frozen=True)
class Sources:
    """Where lineage looks: the instance's folders, its ledger and its accounts by name."""

    settings: Settings
    ledger: Ledger
    accounts: Mapping[str, Account]


@dataclass(frozen=True)
class Row:
    """One row of one file: its physical lines `line` to `end` (1-based; a sheet's row for XLSX) and their text as sent.

    `action` is what the row did to the record it named. `raw` is None when the original has left the vault, or no such line is in it.
    """

    job: str
    delivery: str
    file: str
    sha256: str
    archive: str | None
    member: str | None
    line: int
    end: int
    action: str | None
    raw: str | None


@dataclass(frozen=True)
class FieldChange:
    """One field in one version: the value before, the value since, and the row that gave it.

    `given_by` holds one row. It holds every row that took part in the change when several did and the delivery's staging, which
    tells them apart, is past its retention. `sent` is the cell as the file had it, None when that cannot be told any more.
    """

    column: str
    old: str | None
    new: str | None
    sent: str | None
    given_by: tuple[Row, ...]


@dataclass(frozen=True)
class Version:
    """One version of a record: when it held, what made it, and every row that took part. `valid_to` is None for the current one; where
    the next version begins later, or there is none, the job `ended_by` deleted the record then. An undo's version (`job`) has no rows.

    `changes` is None for the oldest version that is kept when the ones before it are past their retention.
    """

    number: int
    valid_from: datetime
    valid_to: datetime | None
    ended_by: str | None
    job: str
    change_set: str | None
    changes: tuple[FieldChange, ...] | None
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class RecordKey:
    """A record of one account's store."""

    account: str
    object_type: str
    number: int
    """The record id inside the store."""


@dataclass(frozen=True)
class RecordLineage:
    """A record, its values as text, and its versions, oldest first. `deleted` when only history holds it."""

    account: str
    object_type: str
    record_id: str
    external_id: str | None
    deleted: bool
    values: dict[str, str | None]
    versions: tuple[Version, ...]


@dataclass(frozen=True)
class FileLineage:
    """Every job that imported, or refused, some bytes or a name, oldest first; files that arrived and have no job yet are told too."""

    asked: str
    jobs: tuple[JobRow, ...]
    waiting: tuple[str, ...] = ()
    """`NAME: state` of arrivals that no delivery has opened yet."""


@dataclass(frozen=True)
class RecordRef:
    """A record that a line became or changed. `action` is create, update or unchanged."""

    account: str
    object_type: str
    record_id: str
    external_id: str | None
    action: str


@dataclass(frozen=True)
class LineLineage:
    """What became of one line of one job's file: records, row errors, or waiting for its parent. `row` has the text as sent.

    All empty for a line that is no row: a header, a blank line.
    """

    row: Row
    records: tuple[RecordRef, ...] = ()
    errors: tuple[dict[str, Any], ...] = ()
    """Row errors as dicts: code, severity, column, value, expected, suggestion, and the sentence that receipts use."""
    parked: bool = False
