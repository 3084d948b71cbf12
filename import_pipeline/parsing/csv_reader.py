"""A CSV file as batches of rows: encoding, header, then block after block, with every physical line accounted for.

Belongs here: the order of these steps and the file-wide checks. Does not belong here: each step itself (doctor.py, header.py,
csv_fast.py).
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from import_pipeline.failures import PermanentFailure
from import_pipeline.model.columns import is_reason
from import_pipeline.model.row_error import Notice
from import_pipeline.parsing import doctor, links
from import_pipeline.parsing.batch import Batch, Found, Ints, Refused, Task, check_mostly_bad, positions, same_findings
from import_pipeline.parsing.csv_careful import Shape
from import_pipeline.parsing.csv_fast import EXPECTED, Block, read_block
from import_pipeline.parsing.header import Header, Mapper, check_header, column_notices, find_header
from import_pipeline.parsing.lines import LINE_LIMIT, Blocks, Lines, find_lines, line_end
from import_pipeline.store.staging import LINE

_SAMPLE = LINE_LIMIT + (1 << 16)


class CsvReader:
    """One CSV file. Making it finds the header and raises Refused when there is none that fits; `batches` may be called once.

    `map_` is header.mapper() of the task's type and format. A transcoded copy lies in the task's folder until `close`.
    """

    def __init__(self, task: Task, map_: Mapper, *, block_size: int | None = None) -> None:
        self.block_size = block_size
        copy = task.folder / f"text-{task.job.number}"
        self.text = text = doctor.prepare(task.job.path, copy, task.format.encoding if task.format else None)
        with text.path.open("rb") as stream:
            stream.seek(text.start)
            sample = stream.read(_SAMPLE)
        lines = find_lines(sample, final=len(sample) < _SAMPLE)
        header = find_header(sample, lines, map_, task.object_type, task.format)
        line = header.first + 1
        check_header(header.cells, header.mapped, line, task)
        self.found = self._found(header, lines, sample, task)
        self.shape = Shape(len(header.cells), header.delimiter, _compared(header))
        self._body = int(lines.nexts[header.last])
        self._lines_before = header.last + 1
        self.links = links.link_places(header.cells, header.mapped.keys)
        self.rows = self.refused = 0
        self.blank = 0
        self.first_fault = ""

    def _found(self, header: Header, lines: Lines, sample: bytes, task: Task) -> Found:
        notices = list(self.text.notices)
        before = [sample[int(lines.starts[i]) : int(lines.ends[i])] for i in range(header.first)]
        told = [content for content in before if content.strip()]
        if told:
            text = f"{len(told)} lines before the header, beginning with {told[0][:100].decode(errors='replace')!r}, were not imported"
            notices.append(Notice(code="preamble_skipped", message=text, line=header.first + 1, rows=len(told)))
        if self.text.encoding == "utf-8-sig" and task.format and task.format.exact_header:
            text = "the file begins with a byte order mark, which was taken off; save it as UTF-8 without one"
            notices.append(Notice(code="bom_removed", message=text, line=header.first + 1))
        notices += column_notices(header.mapped, task.object_type, header.first + 1)
        return Found(
            encoding=self.text.encoding,
            delimiter=header.delimiter.decode(),
            quote='"',
            line_end=line_end(sample, lines, header.last),
            header_line=header.first + 1,
            header=header.cells,
            keys=header.mapped.keys,
            notices=notices,
        )

    def batches(self) -> Iterator[Batch]:
        """All rows and row errors in line order. Raises Refused late for `cut_off` and `mostly_bad`."""
        line = self._lines_before + 1
        columns = self.found.columns()
        if self.links:
            columns = dict(sorted((columns | self.links.columns).items(), key=lambda column: column[1]))
        with self.text.path.open("rb") as stream:
            stream.seek(self.text.start + self._body)
            blocks = Blocks(stream, self.block_size)
            used = 0
            while blocks.next(used):
                block = read_block(blocks.block, line, self.shape, columns, final=blocks.final)
                used = block.used
                refused = self._texts(blocks.block, block, line, final=blocks.final) if self.links else ()
                line += block.lines
                if block.rest_too_long:
                    block = _with_long_line(block, line)
                    blocks.next(used)
                    blocks.skip_line()
                    used, line = 0, line + 1
                yield self._batch(block, line, refused)
        self._finish()

    def _texts(self, content: bytes, block: Block, first_line: int, *, final: bool) -> list[str]:
        """The text of each refused line of a block, "" for one too long to be read."""
        lines = find_lines(content, final)
        places = [(int(lines.starts[at]), int(lines.ends[at])) for at in (block.errors[LINE] - first_line).to_list()]
        return [content[a:b].decode(errors="replace") if b - a <= LINE_LIMIT else "" for a, b in places]

    def _batch(self, block: Block, line: int, refused_texts: Sequence[str]) -> Batch:
        """The block as a batch; refuses a file that is cut off, and checks that its lines and records add up."""
        if block.cut:
            raise Refused(
                "cut_off",
                f"line {line - 1}, the last one, has no line end and too few cells: the file looks cut off, nothing was imported",
                line=line - 1,
                expected=f"{self.shape.width} cells and a line end",
            )
        refused = block.errors[LINE].to_numpy()
        covered = int(np.sum(block.end - block.line + 1)) + len(refused) + block.blank
        if covered != block.lines:
            raise PermanentFailure(f"{block.lines} lines were read, but rows, errors and blank lines cover {covered}")
        if len(refused) and not self.first_fault:
            self.first_fault = f"line {refused[0]}: {block.errors['code'][0]}"
        base = self.rows
        self.rows += block.frame.height + len(refused)
        self.refused += len(refused)
        self.blank += block.blank
        at = positions(block.line, refused, base)
        batch = Batch(block.frame, block.line, block.end, at, block.errors, len(refused), scientific=block.scientific)
        if self.links is None:
            return batch
        told = [self.links.of_text(text, self.shape.delimiter.decode()) for text in refused_texts]
        return self._linked(batch, positions(refused, block.line, base), told)

    def _linked(self, batch: Batch, refused_at: Ints, told: Sequence[tuple[str, str]]) -> Batch:
        """The batch with its links, and without the cells that tell them; `told` are those of the refused records."""
        refused = batch.errors[LINE].to_numpy()[: len(told)]
        found = links.links(batch.pos, batch.line, *(batch.frame[cell] for cell in links.CELLS))
        again = links.links(refused_at[: len(told)], refused, *(links.texts([t[i] for t in told]) for i in (0, 1)))
        return replace(batch, frame=batch.frame.drop(links.CELLS), links=links.joined(found, again))

    def close(self) -> None:
        """Removes the transcoded copy, if there is one."""
        if self.text.copied:
            self.text.path.unlink(missing_ok=True)

    def _finish(self) -> None:
        check_mostly_bad(self.rows, self.refused, self.first_fault)
        if self.blank:
            self.found.notices.append(Notice(code="blank_lines", message=f"{self.blank} blank lines were skipped", rows=self.blank))


def _compared(header: Header) -> tuple[bytes | None, ...]:
    """The header's cells as the header again would have them: one that failed for it comes back with reasons of its own behind it."""
    pairs = zip(header.cells, header.mapped.keys, strict=True)
    return tuple(None if key is None and is_reason(cell) else cell.strip().encode() for cell, key in pairs)


def _with_long_line(block: Block, line: int) -> Block:
    """The block with one more line, which is too long to be read."""
    error = same_findings(np.array([line]), "line_too_long", expected=EXPECTED["line_too_long"])
    return replace(block, errors=pl.concat([block.errors, error]), lines=block.lines + 1)
