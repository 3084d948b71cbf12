"""Moving one original in the file system: never overwriting, never deleting newer mail, each step repeatable.

Belongs here: links, renames and their fallbacks. Does not belong here: names of targets and the ledger (project.py).

The original is linked into its place first and taken out of the mailbox only then: while Success cannot be written, the file
stays where people put it. What is taken out goes to a private folder by rename and is looked at there: only then nobody can
replace it between the look and the removal.
"""

import errno
import hashlib
import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from import_pipeline.landing import names, vault
from import_pipeline.landing.leases import open_for_writing
from import_pipeline.landing.look import fingerprint, without_ctime

_NO_LINKS = (errno.EPERM, errno.EXDEV, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS, errno.ENOENT)


@dataclass(frozen=True)
class Move:
    """One original. `mail` is its path in the mailbox, `taken` its private path, `original` its bytes in the vault."""

    mail: Path
    taken: Path
    fingerprint: str
    sha256: str
    size: int
    original: Path


def lies_at(move: Move, target: Path) -> bool:
    """True when the original, or its bytes, lie at the target that an earlier try wrote down."""
    at = _status(target)
    if at is None or not stat.S_ISREG(at.st_mode):
        return False
    for other in (move.mail, move.taken):
        there = _status(other)
        if there is not None and os.path.samestat(at, there):
            return True
    return at.st_size == move.size and _hash(target) == move.sha256


def place(move: Move, target: Path) -> bool:
    """Puts the original at `target` by a link, or else a copy of the vault's bytes; False when a file of that name lies there."""
    for mail in (move.taken, move.mail):
        if not _ours(move, mail):
            continue
        try:
            os.link(mail, target, follow_symlinks=False)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            break
        linked, ours = target.lstat(), move.fingerprint.split(".")
        if [str(linked.st_dev), str(linked.st_ino)] == ours[:2]:
            vault.sync_folder(target.parent)
            return True
        # Newer mail took its place between the two calls; its own name is untouched.
        target.unlink()
        break
    return _place_copy(move, target)


def empty_mailbox(move: Move, placed: Path) -> None:
    """Takes the original out of the mailbox, now that it lies at `placed`. Newer mail under its name is left, or given back."""
    if _status(move.taken):
        _settle_taken(move, placed)
    if not _ours(move, move.mail) and not _same_inode(move.mail, placed):
        return
    with suppress(FileNotFoundError):
        move.mail.rename(move.taken)
        _settle_taken(move, placed)


def give_back(taken: Path, mail: Path) -> Path:
    """Puts newer mail back under its name, or under a name of its own when the name is taken again; where it lies now."""
    name = os.fsencode(mail.name)
    stem, extension = names.split(name)
    for candidate in (name, names.fitting(stem, f".{taken.name}".encode() + extension)):
        target = mail.with_name(os.fsdecode(candidate))
        try:
            os.link(taken, target, follow_symlinks=False)
        except FileExistsError:
            if not _same_inode(taken, target):
                continue
        except OSError as error:
            if error.errno not in _NO_LINKS or _status(target):
                raise
            taken.rename(target)
            return target
        taken.unlink()
        return target
    raise FileExistsError(errno.EEXIST, "its name and its other name are both taken", str(mail))


def _settle_taken(move: Move, placed: Path) -> None:
    """What lies in the private folder is removed when it is the original, and given back when it is newer mail."""
    linked = _same_inode(move.taken, placed)
    if (_unchanged(move, move.taken) if linked else _ours(move, move.taken)) and not _written_to(move.taken):
        move.taken.unlink()
        return
    if linked:
        # Somebody writes into the very file that was linked: what they write is newer mail, the answer gets the vault's bytes.
        placed.unlink()
        _place_copy(move, placed)
    give_back(move.taken, move.mail)


def _unchanged(move: Move, path: Path) -> bool:
    return without_ctime(fingerprint(path.lstat())) == without_ctime(move.fingerprint)


def _written_to(path: Path) -> bool:
    opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return open_for_writing(opened)
    finally:
        os.close(opened)


def _ours(move: Move, path: Path) -> bool:
    """True when `path` is the file that was vaulted: same fingerprint, or, where only ctime differs, the same bytes."""
    status = _status(path)
    if status is None or not stat.S_ISREG(status.st_mode):
        return False
    found = fingerprint(status)
    if found == move.fingerprint:
        return True
    return _unchanged(move, path) and _hash(path) == move.sha256


def _place_copy(move: Move, target: Path) -> bool:
    copy = move.taken.with_name(move.taken.name + ".copy")
    copy.unlink(missing_ok=True)
    try:
        _copy(move.original, copy)
        return _move_in(copy, target)
    finally:
        copy.unlink(missing_ok=True)


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as read, target.open("xb") as write:
        while chunk := read.read(vault.CHUNK):
            write.write(chunk)
        write.flush()
        os.fsync(write.fileno())


def _move_in(copy: Path, target: Path) -> bool:
    """A complete file under its final name, in one step and only where nothing lies."""
    try:
        os.link(copy, target)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS or error.errno == errno.ENOENT:
            raise
        # Without links: the name is reserved by an empty file of our own, which the rename replaces.
        try:
            target.touch(exist_ok=False)
        except FileExistsError:
            return False
        copy.rename(target)
    vault.sync_folder(target.parent)
    return True


def exists(path: Path) -> bool:
    """True when anything lies there, a dangling link included."""
    return _status(path) is not None


def _same_inode(one: Path, other: Path) -> bool:
    first, second = _status(one), _status(other)
    return first is not None and second is not None and os.path.samestat(first, second)


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _hash(path: Path) -> str:
    opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        digest = hashlib.sha256()
        for chunk in vault.chunks(opened):
            digest.update(chunk)
        return digest.hexdigest()
    finally:
        os.close(opened)
