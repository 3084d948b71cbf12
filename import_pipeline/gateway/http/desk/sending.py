"""Files as downloads: names that every browser understands and none can misread, media types, bodies that are streamed.

Belongs here: how a file leaves. Does not belong here: which file (the pages).
"""

import os
import re
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

import anyio.to_thread
from starlette.responses import Response, StreamingResponse

MEDIA = {
    ".csv": "text/csv; charset=utf-8",
    ".jsonl": "application/x-ndjson",
    ".parquet": "application/vnd.apache.parquet",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".zip": "application/zip",
    ".kml": "application/vnd.google-earth.kml+xml",
    ".geojson": "application/geo+json",
    ".html": "text/html; charset=utf-8",
}
_BLOCK = 1 << 18


def disposition(name: str) -> str:
    """Content-Disposition of a download (RFC 6266): the name in ASCII, and, where that is another, as it is (RFC 5987)."""
    safe = re.sub(r'[\x00-\x1f\x7f/\\"%;]', "_", name)
    plain = safe.encode("ascii", "replace").decode().replace("?", "_")
    more = f"; filename*=UTF-8''{quote(safe, safe='')}" if plain != safe else ""
    return f'attachment; filename="{plain}"{more}'


def _headers(name: str, length: int) -> dict[str, str]:
    # Whatever a browser makes of it, it is a file and no page of ours.
    guards = {"x-content-type-options": "nosniff", "content-security-policy": "default-src 'none'; sandbox; frame-ancestors 'none'"}
    return {"content-disposition": disposition(name), "content-length": str(length), **guards}


def media_of(name: str) -> str:
    """The media type of a file's name."""
    return MEDIA.get(Path(name).suffix, "application/octet-stream")


def sent_bytes(content: bytes, name: str) -> Response:
    """A small file."""
    return Response(content, 200, _headers(name, len(content)), media_of(name))


def opened(path: Path) -> BinaryIO:
    """The file itself, never what a link points to. Raises FileNotFoundError for a link or anything else that is no regular file."""
    try:
        number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise FileNotFoundError(path.name) from error
    file = os.fdopen(number, "rb")
    if not stat.S_ISREG(os.fstat(number).st_mode):
        file.close()
        raise FileNotFoundError(path.name)
    return file


def sent_file(file: BinaryIO, name: str, media: str = "") -> Response:
    """An open file, streamed and closed; it may have lost its name by then, and goes when it is closed."""
    return StreamingResponse(blocks(file), 200, _headers(name, os.fstat(file.fileno()).st_size), media or media_of(name))


async def blocks(file: BinaryIO) -> AsyncIterator[bytes]:
    """The file's content, piece by piece; it is closed at the end."""
    try:
        while block := await anyio.to_thread.run_sync(file.read, _BLOCK):
            yield block
    finally:
        file.close()
