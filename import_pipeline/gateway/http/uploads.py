"""Bodies streamed into the vault, raw or as a form, with constant memory: hashed on the way, durable before anybody is answered.

Belongs here: receiving bytes and small fields. Does not belong here: who may send (door.py), what the bytes are booked as (the doors).

A body that is too large is refused by its Content-Length before a byte is read, and at the limit when it has none. One that ends early,
comes too slowly, or is refused leaves nothing behind.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from import_pipeline.gateway.http.gate import Gate
from import_pipeline.gateway.http.refusals import Refusal
from import_pipeline.landing import names, vault
from import_pipeline.landing.vault import Incoming, Stored

BLOCK = 1 << 20
"""Bytes that are gathered before they are hashed and written."""
PATIENCE = 60.0
"""Seconds that a body may take at all, beside one more for each SLOWEST bytes of it."""
SLOWEST = 1_000
SMALL = 1 << 16
"""The largest body that is read into memory: JSON of a request, one field of a form."""
MOST_FIELDS = 20
_HEADERS = 8_192


@dataclass
class Form:
    """A form with at most one file. `file` is None when it had none, `head` its first bytes; `fields` are its other values as text."""

    fields: dict[str, str] = field(default_factory=dict)
    file: Stored | None = None
    file_name: str = ""
    head: bytes = b""


def check_length(request: Request, limit: int) -> None:
    """Raises Refusal 413 when the request says that its body is larger than `limit` bytes, 415 for a compressed body."""
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise Refusal(415, "the body must not be compressed: send it without Content-Encoding")
    stated = request.headers.get("content-length", "")
    if stated.isdecimal() and int(stated) > limit:
        raise _too_large(limit)


def media_type(request: Request) -> str:
    """The body's media type without parameters, '' when none is stated."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_small(request: Request, limit: int = SMALL) -> bytes:
    """A small body; Refusal 413 when it is not."""
    check_length(request, limit)
    body = bytearray()
    async for chunk in _chunks(request, limit):
        body += chunk
    return bytes(body)


async def receive_raw(gate: Gate, request: Request, limit: int) -> Stored:
    """The body into the vault, at most `limit` bytes. Raises Refusal 413, 415, 408, and ClientDisconnect when the sender is gone."""
    check_length(request, limit)
    with gate.receiving(), vault.incoming(gate.vault, "http") as new:
        waiting = bytearray()
        async for chunk in _chunks(request, limit):
            waiting += chunk
            if len(waiting) >= BLOCK:
                await _write(gate, new, waiting)
        await _write(gate, new, waiting)
        return await asyncio.to_thread(new.finish)


async def receive_form(
    gate: Gate,
    request: Request,
    limit: int,
    *,
    file_field: str,
    check: Callable[[Form], None] | None = None,
    most_fields: int = MOST_FIELDS,
) -> Form:
    """A multipart form whose file `file_field` goes into the vault. Other fields are text of at most SMALL bytes, `most_fields` in all.

    `check` sees the whole form before its file counts, in a thread; what it raises goes through, and nothing of the file is left.

    The file counts only when the form is complete. Raises Refusal 400 for a form that is damaged, has two files, or too many fields.
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not boundary:
        raise Refusal(415, "a multipart/form-data body with a boundary is expected")
    check_length(request, limit + 2 * SMALL)
    form = Form()
    with gate.receiving(), vault.incoming(gate.vault, "http") as new:
        parts = _Parts(form, file_field, most_fields)
        try:
            parser = MultipartParser(boundary, parts.callbacks())
            async for chunk in _chunks(request, limit + MOST_FIELDS * SMALL):
                parser.write(chunk)
                if len(parts.waiting) >= BLOCK:
                    await _write(gate, new, parts.waiting)
                if new.size + len(parts.waiting) > limit:
                    raise _too_large(limit)
            parser.finalize()
        except FormParserError:
            raise Refusal(400, "the form is damaged: its parts are not as its boundary says") from None
        if not parts.ended:
            raise Refusal(400, "the form has no end: the last boundary is missing")
        await _write(gate, new, parts.waiting)
        if check is not None:
            await asyncio.to_thread(check, form)
        if parts.has_file:
            form.file = await asyncio.to_thread(new.finish)
    return form


async def _chunks(request: Request, limit: int) -> AsyncIterator[bytes]:
    """The body's pieces. Raises Refusal 413 beyond `limit` bytes, and 408 when it comes too slowly."""
    loop = asyncio.get_running_loop()
    begun, got = loop.time(), 0
    stream = request.stream()
    while True:
        try:
            async with asyncio.timeout_at(begun + PATIENCE + got / SLOWEST):
                chunk = await anext(stream, None)
        except TimeoutError:
            raise Refusal(408, "the body came too slowly") from None
        if chunk is None:
            return
        got += len(chunk)
        if got > limit:
            raise _too_large(limit)
        if chunk:
            yield chunk


async def _write(gate: Gate, new: Incoming, waiting: bytearray) -> None:
    if waiting:
        block = bytes(waiting)
        waiting.clear()
        gate.received_bytes += len(block)
        await asyncio.to_thread(new.write, block)


def _too_large(limit: int) -> Refusal:
    return Refusal(413, f"the body is larger than the {limit:,} bytes that are allowed")


class _Parts:
    """The parts of a form as the parser meets them. Bytes of the file gather in `waiting`."""

    def __init__(self, form: Form, file_field: str, most_fields: int) -> None:
        self.form, self.file_field, self.most_fields = form, file_field, most_fields
        self.waiting = bytearray()
        self.has_file = self.ended = False
        self._header: list[bytearray] = [bytearray(), bytearray()]
        self._headers: dict[bytes, bytes] = {}
        self._name = ""
        self._is_file = False
        self._value = bytearray()
        self._count = 0

    def callbacks(self) -> Any:
        """What the parser calls."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._in_header(0, data[start:end]),
            "on_header_value": lambda data, start, end: self._in_header(1, data[start:end]),
            "on_header_end": self._header_end,
            "on_headers_finished": self._named,
            "on_part_data": lambda data, start, end: self._data(data[start:end]),
            "on_part_end": self._end,
            "on_end": self._all,
        }

    def _begin(self) -> None:
        self._count += 1
        if self._count > self.most_fields:
            raise Refusal(400, f"the form has more than {self.most_fields} parts")
        self._headers, self._value = {}, bytearray()

    def _in_header(self, side: int, data: bytes) -> None:
        self._header[side] += data
        if len(self._header[side]) > _HEADERS:
            raise Refusal(400, "a part of the form has a header that is too long")

    def _header_end(self) -> None:
        self._headers[bytes(self._header[0]).lower()] = bytes(self._header[1])
        self._header = [bytearray(), bytearray()]

    def _named(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        self._is_file = self._name == self.file_field and b"filename" in options
        if not self._is_file:
            return
        if self.has_file:
            raise Refusal(400, "the form has two files; one is expected")
        self.has_file = True
        # The last part of a path only, as the landing tree shows names: nothing of it is used as a path.
        self.form.file_name = names.display(options[b"filename"].replace(b"\\", b"/").rpartition(b"/")[2])

    def _data(self, data: bytes) -> None:
        if self._is_file:
            self.waiting += data
            if len(self.form.head) < SMALL:
                self.form.head += data[: SMALL - len(self.form.head)]
            return
        self._value += data
        if len(self._value) > SMALL:
            raise Refusal(400, f"a field of the form is larger than {SMALL:,} bytes")

    def _end(self) -> None:
        if not self._is_file and self._name:
            self.form.fields[self._name] = self._value.decode("utf-8", "replace")

    def _all(self) -> None:
        self.ended = True
