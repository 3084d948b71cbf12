"""The folders that people see, and where in them things lie (acceptance S-1).

Belongs here: the layout below landing/<account>, making it, and pure path functions.
Does not belong here: what is in the folders (look.py), moving files (project.py).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from import_pipeline.failures import PermanentFailure, TransientFailure
from import_pipeline.landing.remote import paths as remote_paths
from import_pipeline.ledger.files import Outcome
from import_pipeline.model.account import Account
from import_pipeline.settings import Settings

MailboxKind = Literal["records", "territories"]
TAKEN = ".taken"
"""Private folder of an account's tree for originals on their way; on the same file system as the mailboxes, invisible to people."""


@dataclass(frozen=True)
class Mailbox:
    """A folder that is watched. Answers go to `base`/Success and `base`/Failed."""

    watched: str
    base: str
    kind: MailboxKind
    dry_run: bool = False
    """Files dropped here are planned, never applied (acceptance B-2)."""


MAILBOXES = (
    Mailbox("DataObjects/Import/New", "DataObjects/Import", "records"),
    Mailbox("Leads/Import/New", "Leads/Import", "records"),
    Mailbox("DataObjects/Check/New", "DataObjects/Check", "records", dry_run=True),
    Mailbox("Leads/Check/New", "Leads/Check", "records", dry_run=True),
    Mailbox("Territories/New", "Territories", "territories"),
    Mailbox("Territories", "Territories", "territories"),
    Mailbox("Territories/Check/New", "Territories/Check", "territories", dry_run=True),
)
EXPORTS = ("Exports/Daily", "Exports/Weekly", "Exports/Monthly")


def root(account: Account, settings: Settings) -> Path:
    """The account's tree."""
    return settings.landing / account.name


def create_tree(account: Account, settings: Settings) -> None:
    """Makes what is missing of the account's folders; what exists stays as it is. Raises TransientFailure when it cannot."""
    boxes = [f"{m.base}/{name}" for m in MAILBOXES for name in ("New", "Success", "Failed")]
    for folder in (*boxes, *EXPORTS, TAKEN):
        path = root(account, settings) / folder
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TransientFailure(f"the folder {path} cannot be made: {error.strerror}") from error
    (root(account, settings) / TAKEN).chmod(0o700)


def new_folder(account: Account, settings: Settings) -> Path:
    """Where people of this account drop record files: DataObjects for flexible accounts, Leads for classic ones."""
    base = "Leads" if account.mode == "classic" else "DataObjects"
    return root(account, settings) / base / "Import" / "New"


def mailbox_of(path: str) -> Mailbox:
    """The mailbox of a file's path (relative to the tree). Raises PermanentFailure for a path outside all mailboxes.

    A file of another server counts as record files do; its remote says whether it is planned only.
    """
    remote = remote_paths.unpack(path)
    if remote is not None:
        return Mailbox("", remote.remote, "records")
    folder = path.rpartition("/")[0]
    for mailbox in MAILBOXES:
        if mailbox.watched == folder:
            return mailbox
    raise PermanentFailure(f"{path!r} lies in no watched folder; watched: {', '.join(m.watched for m in MAILBOXES)}")


def answers(account: Account, settings: Settings) -> Path:
    """Where the answers to submitted files lie: they came through no folder. Below it, those to files of other people's servers."""
    return settings.home / "answers" / account.name


def report_folder(account: Account, settings: Settings, path: str | None, outcome: Outcome | Literal["Held"]) -> Path:
    """The folder for reports about a file: Success or Failed of its mailbox, or `answers` when it was submitted (path None).

    The plan of a file that waits for approval lies in Held, which is made when it is needed.

    Answers to a file of another server are written below `answers` and sent from there. The folder exists afterwards.
    """
    remote = remote_paths.unpack(path)
    if remote is not None:
        folder = answers(account, settings) / remote.remote / outcome
        folder.mkdir(parents=True, exist_ok=True)
        return folder
    folder = answers(account, settings) if path is None else root(account, settings) / mailbox_of(path).base / outcome
    folder.mkdir(parents=True, exist_ok=True)
    return folder
