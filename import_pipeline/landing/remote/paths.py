"""How a file of a remote server is named in the ledger: `NAME:folder/file`, the path percent-encoded.

Belongs here: that form, and paths on the server. Does not belong here: names of files as such (landing/names.py).

A path of the landing tree holds no colon (names.pack encodes it), so the two are never taken for each other, and two servers with
the same folders are not either.
"""

from typing import NamedTuple

from import_pipeline.landing import names


class RemotePath(NamedTuple):
    """A file on the server `remote`; `raw` is its path there."""

    remote: str
    raw: bytes


def pack(remote: str, raw: bytes) -> str:
    """The ledger's path of a file on a server."""
    return f"{remote}:{names.pack(raw)}"


def unpack(path: str | None) -> RemotePath | None:
    """The server and the path there; None for a path of the landing tree, or none."""
    remote, colon, packed = (path or "").partition(":")
    return RemotePath(remote, names.unpack(packed)) if colon else None


def join(folder: bytes, name: bytes) -> bytes:
    """A name in a folder of the server."""
    return name if folder == b"." else folder.rstrip(b"/") + b"/" + name


def split(path: bytes) -> tuple[bytes, bytes]:
    """(folder, name) of a path on the server."""
    folder, slash, name = path.rpartition(b"/")
    return (folder or b"/" if slash else b"."), name


def shown(path: bytes) -> str:
    """A path for people."""
    return names.display(path)
