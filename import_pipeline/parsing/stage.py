"""The `parsed` stage: the files of a delivery that have one object type become rows of strings and row errors.

Belongs here: the order in which files are read, what one file's failure means for the others, the report. Does not belong here: how
a kind of file is read (csv_reader.py, jsonl.py, kml_reader.py, xlsx.py).
"""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import polars as pl

from import_pipeline.failures import PermanentFailure, UnknownValue, nearest
from import_pipeline.model.format import Format
from import_pipeline.model.job import Job, ParsedFile
from import_pipeline.model.object_type import ObjectType
from import_pipeline.model.row_error import FileFault
from import_pipeline.parsing import address, damage, gathering
from import_pipeline.parsing.batch import Batch, Found, Reader, Refused, Task
from import_pipeline.parsing.csv_reader import CsvReader
from import_pipeline.parsing.header import Mapper, mapper
from import_pipeline.parsing.jsonl import JsonlReader
from import_pipeline.parsing.parts import Parts
from import_pipeline.parsing.rules import Rules
from import_pipeline.parsing.xlsx import XlsxReader
from import_pipeline.store.staging import StageFolder

Progress = Callable[[Job, int], None]


def parse_delivery(
    jobs: Sequence[Job],
    object_type: ObjectType,
    formats: Mapping[str, Format],
    out: StageFolder,
    *,
    progress: Progress | None = None,
) -> list[ParsedFile]:
    """Reads all jobs, which have the same object type, into the folder `out`: rows, errors and report.json {"files": [ParsedFile]};
    also `links` (staging.LINKS) when rows of a failed-rows file came back.

    Rows are String columns, one per object-type column that occurs in any file, behind LINEAGE, in the order (job, line). A file that
    cannot be read, or whose format names an unknown column, gives a ParsedFile with `fault` and no rows; the others go on. Raises
    UnknownValue for a format that does not exist, and PermanentFailure when the lines or rows of a file do not add up.
    """
    jobs = sorted(jobs, key=lambda job: job.number)
    order = [column.key for column in object_type.columns if column.key not in object_type.split]
    with _temporary_folder(out.path) as folder:
        mappers = _Mappers(object_type, formats)
        opened = [_open(Task(job, object_type, mappers.format(job), folder), mappers) for job in jobs]
        known: set[str] = set()
        for reader, format_ in ((r, mappers.format(j)) for j, r in zip(jobs, opened, strict=True) if not isinstance(r, FileFault)):
            known |= _written(reader.found, format_, object_type)
        with out.writing() as writer:
            parts = Parts(writer, order, known)
            files = [
                _parse(job, reader, object_type, mappers.format(job), parts, progress) for job, reader in zip(jobs, opened, strict=True)
            ]
            parts.close()
            writer.report({"files": [file.model_dump(mode="json") for file in files]})
    return files


class _Mappers:
    """The format of each job, and how the headers of that format find their columns."""

    def __init__(self, object_type: ObjectType, formats: Mapping[str, Format]) -> None:
        self._type, self._formats = object_type, formats
        self._made: dict[str | None, Mapper] = {}

    def format(self, job: Job) -> Format | None:
        """The job's saved format, or None; UnknownValue when there is none of that name."""
        if job.format is not None and job.format not in self._formats:
            raise UnknownValue("format", job.format, self._formats, where=f"job {job.id}")
        return self._formats[job.format] if job.format is not None else None

    def of(self, job: Job) -> Mapper:
        """The mapper of the job's format, made once."""
        if job.format not in self._made:
            self._made[job.format] = mapper(self._type, self.format(job))
        return self._made[job.format]


@contextmanager
def _temporary_folder(stage: Path) -> Iterator[Path]:
    """A folder for transcoded copies beside the stage, where there is room for the stage itself; what a killed run left goes first."""
    folder = stage.with_name(f".{stage.name}.texts")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _open(task: Task, mappers: _Mappers) -> Reader | FileFault:
    """The job's reader with its header found, or why the file is refused."""
    if task.job.fault:
        return task.job.fault
    try:
        map_ = _mapper(task, mappers)
        if task.job.kind == "csv":
            return CsvReader(task, map_)
        if task.job.kind == "jsonl":
            return JsonlReader(task, map_)
        if task.job.kind == "xlsx":
            return XlsxReader(task, map_)
        if task.job.kind == "kml":
            from import_pipeline.parsing.kml_reader import KmlReader

            return KmlReader(task, map_)
        raise Refused("unsupported_kind", f"{task.job.kind.upper()} files are not imported as {task.object_type.name}")
    except Refused as refusal:
        return refusal.fault


def _mapper(task: Task, mappers: _Mappers) -> Mapper:
    """How the file's header finds its columns; raises Refused (bad_format) when its saved format names a column that the type lacks."""
    missing = task.format.missing(task.object_type.columns) if task.format else ()
    if task.format and missing:
        known = [column.key for column in task.object_type.columns]
        text = f"the format {task.format.name!r} names {missing[0]!r}, which {task.object_type.name} does not have. Nothing was imported"
        raise Refused("bad_format", text, value=missing[0], expected=", ".join(known), suggestion=nearest(missing[0], known))
    for key in task.object_type.split & set(task.format.fixed) if task.format else ():
        # Its parts are what rows have; a row's own part would say something else unseen.
        raise Refused("bad_format", f"{key!r} is an address in one column, which can have a default, but no fixed value", value=key)
    return mappers.of(task.job)


def _written(found: Found, format_: Format | None, object_type: ObjectType) -> set[str]:
    """The columns that a file's rows have when they are written: those of its header, those that the format fills, addresses split."""
    stated = {*format_.defaults, *format_.fixed} if format_ else set()
    return gathering.gathered_keys(address.split_keys(set(found.columns()) | stated, object_type), object_type)


def _parse(
    job: Job, reader: Reader | FileFault, object_type: ObjectType, format_: Format | None, parts: Parts, progress: Progress | None
) -> ParsedFile:
    """Reads one file to its end. What it found is kept only if the end is reached without a fault."""
    if isinstance(reader, FileFault):
        return ParsedFile(job=job.number, fault=reader)
    read = refused = records = 0
    rules = Rules(job, object_type, format_)
    try:
        for raw in reader.batches():
            batch = rules.apply(_filled(damage.mend(_gathered(raw, object_type), object_type), format_, object_type))
            records += raw.frame.height + raw.refused
            read, refused = read + batch.frame.height, refused + batch.refused
            parts.add(job.number, batch)
            if progress:
                progress(job, records)
    except Refused as refusal:
        parts.give_up()
        return _parsed_file(job, reader.found, fault=refusal.fault)
    finally:
        reader.close()
    parts.keep()
    if records != read + refused:
        raise PermanentFailure(f"{job.name}: {records} records were found, {read} read and {refused} refused")
    return _parsed_file(job, reader.found, rows=records, read=read, refused=refused)


def _gathered(batch: Batch, object_type: ObjectType) -> Batch:
    frame = gathering.gather(batch.frame, object_type)
    return batch if frame is batch.frame else replace(batch, frame=frame)


def _filled(batch: Batch, format_: Format | None, object_type: ObjectType) -> Batch:
    """Defaults and fixed values fill blank and absent cells (acceptance T-4); then addresses are split and ids composed."""
    frame = batch.frame
    filling = {**format_.defaults, **format_.fixed} if format_ else {}
    if filling:
        present = set(frame.columns)
        frame = frame.with_columns(
            pl.when(pl.col(key).str.strip_chars().fill_null("") == "").then(pl.lit(value)).otherwise(pl.col(key)).alias(key)
            if key in present
            else pl.lit(value).alias(key)
            for key, value in filling.items()
        )
    frame = gathering.compose(address.split_line(address.split_full(frame, object_type)), object_type)
    return batch if frame is batch.frame else replace(batch, frame=frame)


def _parsed_file(job: Job, found: Found, *, rows: int = 0, read: int = 0, refused: int = 0, fault: FileFault | None = None) -> ParsedFile:
    return ParsedFile(
        job=job.number,
        rows=rows,
        read=read,
        refused=refused,
        fault=fault,
        encoding=found.encoding,
        delimiter=found.delimiter,
        quote=found.quote,
        line_end=found.line_end,
        header_line=found.header_line,
        header=found.header,
        keys=found.keys,
        notices=tuple(found.notices),
    )
