"""One look at the mailboxes: what lies there, each thing with a fingerprint. Nothing is opened.

Belongs here: listing folders. Does not belong here: what follows from the listing (decide.py).
"""

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from import_pipeline.failures import TransientFailure
from import_pipeline.landing import names, tree
from import_pipeline.model.account import Account
from import_pipeline.settings import Settings

EntryKind = Literal["file", "link", "folder", "pipe", "socket", "device"]


@dataclass(frozen=True)
class Entry:
    """One thing in a mailbox. `path` is relative to the tree and percent-encoded, `name` is for people."""

    path: str
    name: str
    kind: EntryKind
    fingerprint: str
    size: int
    standing: names.Standing


def fingerprint(status: os.stat_result) -> str:
    """Device, inode, size, mtime and ctime; compared for equality only (reference/intake.md, fact 6)."""
    return f"{status.st_dev}.{status.st_ino}.{status.st_size}.{status.st_mtime_ns}.{status.st_ctime_ns}"


def without_ctime(print_of_file: str) -> str:
    """A fingerprint that outlives our own linking and renaming."""
    return print_of_file.rpartition(".")[0]


def look(account: Account, settings: Settings) -> list[Entry]:
    """What lies in the account's mailboxes, in order of arrival as the file system's own clock (ctime) has it.

    Raises TransientFailure when a mailbox cannot be listed: that is not the same as an empty one.
    """
    found: list[tuple[int, str, Entry]] = []
    for mailbox in tree.MAILBOXES:
        found += _list(tree.root(account, settings), mailbox)
    return [entry for _, _, entry in sorted(found, key=lambda item: item[:2])]


def _folders_below(mailbox: tree.Mailbox) -> set[bytes]:
    """Names of the tree's own folders that lie in a watched folder: /Territories is watched itself (acceptance S-1)."""
    inner = [f"{m.base}/{name}" for m in tree.MAILBOXES for name in ("New", "Success", "Failed")]
    prefix = mailbox.watched + "/"
    return {path.removeprefix(prefix).partition("/")[0].encode() for path in inner if path.startswith(prefix)} | {b"Held"}


def _list(root: Path, mailbox: tree.Mailbox) -> list[tuple[int, str, Entry]]:
    own = _folders_below(mailbox)
    folder = root / mailbox.watched
    found = []
    try:
        if folder.is_symlink():
            raise TransientFailure(f"the mailbox {folder} is a link and is not followed")
        with os.scandir(os.fsencode(folder)) as listing:
            for item in listing:
                if item.name in own or names.standing(os.fsdecode(item.name)) == "ignore":
                    continue
                status = _status(item)
                if status is not None:
                    entry = _entry(mailbox.watched, item.name, status)
                    found.append((status.st_ctime_ns, entry.path, entry))
    except OSError as error:
        raise TransientFailure(f"the mailbox {folder} cannot be listed: {error.strerror}") from error
    return found


def _status(item: "os.DirEntry[bytes]") -> os.stat_result | None:
    try:
        return item.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None


def _entry(watched: str, raw: bytes, status: os.stat_result) -> Entry:
    kind = kind_of(status.st_mode)
    # A folder changes whenever something in it does; people are told of it once.
    print_of_it = fingerprint(status) if kind == "file" else f"{kind}.{status.st_dev}.{status.st_ino}"
    path = names.pack(watched.encode() + b"/" + raw)
    return Entry(path, names.display(raw), kind, print_of_it, status.st_size, names.standing(os.fsdecode(raw)))


def kind_of(mode: int) -> EntryKind:
    """What a file mode stands for."""
    checks: tuple[tuple[bool, EntryKind], ...] = (
        (stat.S_ISREG(mode), "file"),
        (stat.S_ISLNK(mode), "link"),
        (stat.S_ISDIR(mode), "folder"),
        (stat.S_ISFIFO(mode), "pipe"),
        (stat.S_ISSOCK(mode), "socket"),
    )
    return next((kind for holds, kind in checks if holds), "device")
