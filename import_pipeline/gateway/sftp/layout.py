"""What a client sees: the fixed folders of an account's tree, and what each role may do in which of them (acceptance S-1).

Belongs here: pure functions on paths and rights. Does not belong here: the file system (disk.py), quotas (quota.py).

The folders are a constant: a path is split as text and looked up. So `..`, a folder that somebody made by hand and a link that
stands in the place of one lead nowhere.
"""

import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import Literal

from import_pipeline.failures import PermanentFailure
from import_pipeline.landing import names
from import_pipeline.landing.tree import EXPORTS, MAILBOXES
from import_pipeline.model.sftp_door import Role

Kind = Literal["passage", "mailbox", "answers", "exports"]
Wish = Literal["list", "read", "write", "delete"]
STAGING = ".staging"
"""The hidden folder of an account's tree where an upload lies until it is complete."""
MAX_NAME = 240
"""Bytes of a name; what is appended for an answer must fit too (255 in all)."""


class Denied(PermanentFailure):
    """The wish is not granted; the message says why."""


class NotThere(PermanentFailure):
    """No such file or folder."""


@dataclass(frozen=True)
class Folder:
    """One folder of the tree. `path` is relative, '' for the root; `children` are names of folders in it."""

    path: str
    kind: Kind
    children: tuple[str, ...]


@dataclass(frozen=True)
class Place:
    """What a client's path names: a folder, or a file in one (which need not exist)."""

    folder: Folder
    name: bytes | None = None

    @property
    def shown(self) -> str:
        """The path as a client writes it, for people."""
        base = f"/{self.folder.path}"
        return base if self.name is None else f"{base.rstrip('/')}/{names.display(self.name)}"


@cache
def folders() -> dict[str, Folder]:
    """All folders that a client can ever see, by path."""
    kinds: dict[str, Kind] = {}
    for mailbox in MAILBOXES:
        kinds |= {f"{mailbox.base}/{name}": "answers" for name in ("Success", "Failed", "Held")}
    kinds |= {mailbox.watched: "mailbox" for mailbox in MAILBOXES}
    kinds |= dict.fromkeys(EXPORTS, "exports")
    for path in list(kinds):
        parts = path.split("/")
        for depth in range(len(parts)):
            kinds.setdefault("/".join(parts[:depth]), "exports" if parts[0] == "Exports" and depth else "passage")
    children = {path: tuple(sorted(p.rpartition("/")[2] for p in kinds if p and p.rpartition("/")[0] == path)) for path in kinds}
    return {path: Folder(path, kind, children[path]) for path, kind in kinds.items()}


def absolute(path: bytes) -> bytes:
    """The path from the root on, without `.`, `..` and doubled slashes; `..` at the root stays there."""
    parts: list[bytes] = []
    for part in path.split(b"/"):
        if part == b"..":
            del parts[-1:]
        elif part not in (b"", b"."):
            parts.append(part)
    return b"/" + b"/".join(parts)


def place(path: bytes) -> Place:
    """What a path names. Raises NotThere when it lies in no folder of the tree."""
    text = absolute(path)[1:]
    known = folders()
    whole = text.decode("utf-8", "surrogateescape")
    if whole in known:
        return Place(known[whole])
    base, _, name = text.rpartition(b"/")
    folder = known.get(base.decode("utf-8", "surrogateescape"))
    if folder is None:
        raise NotThere(f"there is no folder /{names.display(base)}")
    return Place(folder, name)


def is_shown(name: bytes) -> bool:
    """Whether a file of this name is shown and can be asked for: one wrong byte would break a whole listing in most clients."""
    try:
        text = name.decode()
    except UnicodeDecodeError:
        return False
    hidden = text.startswith(".") and names.standing(text) != "wait"
    return not hidden and not any(unicodedata.category(c) == "Cc" for c in text)


def check_new_name(name: bytes) -> None:
    """Raises Denied when a file cannot be sent under this name."""
    try:
        text = name.decode()
    except UnicodeDecodeError:
        raise Denied("the name is not valid UTF-8: set your program's character set to UTF-8") from None
    if any(unicodedata.category(c) == "Cc" for c in text):
        raise Denied("the name holds control characters")
    if len(name) > MAX_NAME:
        raise Denied(f"the name has {len(name)} bytes, the most are {MAX_NAME}")
    if names.standing(text) == "ignore":
        raise Denied("hidden files and files that systems leave behind are never imported: give it another name")


def check_right(folder: Folder, wish: Wish, role: Role, *, allow_delete: bool) -> None:
    """Raises Denied when a user of this role may not do that with files in the folder."""
    where = f"/{folder.path}"
    if folder.kind == "exports" and role == "upload":
        raise Denied("you may send files, not read exports")
    if folder.kind in ("mailbox", "answers") and role == "read":
        raise Denied("you may read exports, not send files")
    if wish in ("list", "read"):
        return
    if folder.kind == "mailbox":
        return
    if wish == "write":
        raise Denied(f"{where} takes no files; these do: {', '.join(f'/{m.watched}' for m in MAILBOXES)}")
    if folder.kind != "answers":
        raise Denied(f"nothing can be deleted in {where}")
    if not allow_delete:
        raise Denied(f"this account keeps what lies in {where}: it cannot be deleted")
