"""One original on its server, once it is answered: moved, deleted or left; never overwriting, never deleting newer mail.

Belongs here: the steps of a move, each repeatable. Does not belong here: receipts (answer.py), originals of the landing tree
(landing/moving.py).

SFTP has no step that looks and moves at once. So the file is first renamed to a private name and looked at there: if it is not the one
that was taken, its sender has replaced it in between, and it goes back to its name. Where it goes is written down before it goes there.
"""

import hashlib
from contextlib import suppress
from typing import TYPE_CHECKING

from import_pipeline.failures import PermanentFailure, TransientFailure
from import_pipeline.landing import names, vault
from import_pipeline.landing.remote import paths
from import_pipeline.landing.remote.client import Peer, Status
from import_pipeline.landing.remote.faults import Denied, Missing, Refusal
from import_pipeline.ledger import remotes

if TYPE_CHECKING:
    from import_pipeline.landing.remote.answer import Sending

_MAX_NAMES = 1000


def settle_original(work: "Sending", job: str) -> str | None:
    """Does what the door's `after` says; where the original lies then, as the ledger names it (None: nowhere).

    Raises Denied, Refusal, TransientFailure: the original lies where it lay, or where the ledger says that it was to go.
    """
    place = paths.unpack(work.file.path)
    if place is None:
        raise PermanentFailure("the ledger has no path of it")
    if work.door.after == "leave":
        return work.file.path
    if work.door.after == "delete":
        _delete(work, place.raw)
        return None
    return paths.pack(work.door.name, _move(work, place.raw, job))


def _status(peer: Peer, path: bytes) -> Status | None:
    try:
        return peer.status(path)
    except Missing:
        return None


def _is_ours(work: "Sending", path: bytes) -> bool:
    there = _status(work.peer, path)
    return there is not None and there.kind == "file" and there.fingerprint == work.file.fingerprint


def _intend(work: "Sending", target: bytes) -> None:
    with work.ledger.begin() as conn:
        if not remotes.intend(conn, work.file.id, work.owner, paths.pack(work.door.name, target)):
            raise TransientFailure("another process answers it")


def _delete(work: "Sending", mail: bytes) -> None:
    if _taken(work, mail):
        work.peer.remove(_private(work, mail))


def _move(work: "Sending", mail: bytes, job: str) -> bytes:
    """To Success or Failed of the results folder; newer mail stays, and then the vault's copy goes there."""
    taken = _taken(work, mail)
    before = paths.unpack(work.file.project_to)
    if before is not None and not taken and (_is_ours(work, before.raw) or _is_our_copy(work, before.raw)):
        return before.raw
    folder = paths.join(work.door.results_folder or b"", (work.file.outcome or "Failed").encode())
    try:
        work.peer.make_folder(folder)
        for number in range(_MAX_NAMES):
            target = paths.join(folder, names.projected(paths.split(mail)[1], job, number))
            if _status(work.peer, target) is not None:
                continue
            _intend(work, target)
            if _renamed(work, _private(work, mail), target) if taken else _place_copy(work, target):
                return target
        raise Refusal(f"{_MAX_NAMES} files of this name lie in {paths.shown(folder)}")
    except (Denied, Refusal):
        if taken:
            # It stays where its sender put it, as long as it cannot go where it belongs.
            with suppress(Denied, Refusal, Missing):
                _renamed(work, _private(work, mail), mail)
        raise


def _private(work: "Sending", mail: bytes) -> bytes:
    """Hidden, beside the original, with the arrival's id in it: what lies there was put there by us."""
    folder, name = paths.split(mail)
    return paths.join(folder, names.fitting(b"." + name, f".{work.file.id}.taken".encode()))


def _taken(work: "Sending", mail: bytes) -> bool:
    """Whether the original lies under its private name now. What turns out to be newer mail there goes back."""
    private = _private(work, mail)
    there = _status(work.peer, private)
    if there is None and _is_ours(work, mail):
        with suppress(Missing):
            work.peer.rename(mail, private)
        there = _status(work.peer, private)
    if there is None:
        return False
    if there.fingerprint == work.file.fingerprint:
        return True
    _give_back(work, private, mail)
    return False


def _renamed(work: "Sending", old: bytes, new: bytes) -> bool:
    """False when something has that name already."""
    try:
        work.peer.rename(old, new)
    except Refusal:
        if _status(work.peer, new) is None:
            raise
        return False
    return True


def _place_copy(work: "Sending", target: bytes) -> bool:
    """The vault's bytes, with the original's time where the server lets us; False when a file of that name has come there."""
    work.renew()
    original = vault.path_of(work.settings.vault, work.file.sha256 or "")
    if not original.exists():
        raise TransientFailure("it was replaced or taken away on the server, and the vault does not keep it any more")
    folder, name = paths.split(target)
    temporary = paths.join(folder, names.fitting(b"." + name, f".{work.file.id}.writing".encode()))
    work.peer.write(temporary, work.pieces(original), mtime=_mtime(work))
    return _renamed(work, temporary, target)


def _is_our_copy(work: "Sending", target: bytes) -> bool:
    """An earlier try's copy: the server may have given it a time of its own."""
    there = _status(work.peer, target)
    if there is None or there.kind != "file" or there.size != work.file.size:
        return False
    digest = hashlib.sha256()
    for piece in work.peer.pieces(target, there.size):
        digest.update(piece)
    return digest.hexdigest() == work.file.sha256


def _mtime(work: "Sending") -> int | None:
    seconds = (work.file.fingerprint or "").rpartition(".")[2]
    return int(seconds) if seconds.isdigit() else None


def _give_back(work: "Sending", lying: bytes, mail: bytes) -> None:
    """Newer mail goes back to its name, or beside it when that is taken again: it is an arrival of its own."""
    folder, name = paths.split(mail)
    stem, extension = names.split(name)
    for candidate in (name, names.fitting(stem, f".{work.file.id}".encode() + extension)):
        target = paths.join(folder, candidate)
        if _renamed(work, lying, target):
            return
    raise TransientFailure(f"newer mail lies at {paths.shown(lying)}: its name and its other name are both taken")
