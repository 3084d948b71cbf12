"""What a file's header means, for people who choose: the suggested mapping with samples, and whether values could be defaults.

Belongs here: what the command `suggest` and the desk share: looking at a file, what was accepted before, judging single values. Does not
belong here: the suggestion itself (suggesting/), reading files (parsing/), choosing (model/draft.py).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from import_pipeline.failures import PermanentFailure
from import_pipeline.landing import archives, kinds
from import_pipeline.landing.vault import path_of
from import_pipeline.ledger import Ledger, formats, headers
from import_pipeline.ledger.uploads import Upload
from import_pipeline.model.account import Account
from import_pipeline.model.draft import DraftBody, DraftFile, Problem, fixed_of
from import_pipeline.model.mapping import AcceptedMapping
from import_pipeline.model.object_type import ObjectType
from import_pipeline.model.row_error import FileFault
from import_pipeline.settings import Settings

if TYPE_CHECKING:
    from import_pipeline.parsing.sampling import Sample
    from import_pipeline.suggesting.mapping import SuggestedMapping


class Unreadable(PermanentFailure):
    """No import could read the file: `fault` tells why."""

    def __init__(self, fault: FileFault) -> None:
        self.fault = fault
        super().__init__(fault.message)


@dataclass(frozen=True)
class Looked:
    """A file's header and some of its rows."""

    file: DraftFile
    sample: "Sample"


def look_at(path: Path, name: str) -> Looked:
    """Reads the header and a sample of a file of rows (CSV, JSONL, XLSX); `name` is what people call it. Raises Unreadable."""
    from import_pipeline.parsing.batch import Refused
    from import_pipeline.parsing.sampling import read_sample

    head = kinds.head_of(path)
    kind = kinds.kind_of(name, head, archives.inner_paths(path) if kinds.is_zip(head) else ())
    if kind.kind == "zip":
        raise Unreadable(FileFault(code="archive", message="it is an archive: unpack it, and choose one of its files"))
    if kind.fault:
        raise Unreadable(kind.fault)
    try:
        sample = read_sample(path, kind.kind)
    except Refused as refused:
        raise Unreadable(refused.fault) from None
    size = path.stat().st_size
    file = DraftFile(name=name, kind=kind.kind, header=sample.header, size=size, delimiter=sample.delimiter, encoding=sample.encoding)
    return Looked(file, sample)


def look_at_upload(settings: Settings, upload: Upload) -> Looked:
    """The same for a file that was uploaded. Raises PermanentFailure too when it is past its time."""
    path = path_of(settings.vault, upload.sha256)
    if not path.is_file():
        raise PermanentFailure(f"the file {upload.name!r} is not kept any more: choose it again")
    return look_at(path, upload.name)


def suggest_mapping(ledger: Ledger, account: Account, object_type: ObjectType, looked: Looked) -> "SuggestedMapping":
    """A column or none for each header cell, learnt from what was imported before and from the account's formats (acceptance B-10)."""
    from import_pipeline.suggesting.mapping import suggest

    history, sample = accepted_before(ledger, account, object_type), looked.sample
    return suggest(sample.header, sample.values, object_type, history=history, timezone=account.timezone)


def suggest_for_upload(settings: Settings, ledger: Ledger, account: Account, object_type: ObjectType, upload: Upload) -> "SuggestedMapping":
    """The suggested mapping of an uploaded file; raises as `look_at_upload` does."""
    return suggest_mapping(ledger, account, object_type, look_at_upload(settings, upload))


def as_choices(mapping: "SuggestedMapping") -> dict[str, str | None]:
    """The suggestion as a draft takes it: by header cell."""
    return {found.header: found.key for found in mapping.suggestions}


def accepted_before(ledger: Ledger, account: Account, object_type: ObjectType) -> Sequence[AcceptedMapping]:
    """What was imported before, and what the formats of this type state that people may choose."""
    with ledger.read() as conn:
        known = formats.with_saved(conn, account, listed=True).formats
        stated = [AcceptedMapping(cell, key) for one in known if one.object_type == object_type.name for cell, key in one.columns.items()]
        return [*headers.accepted(conn, account.name, object_type.slug), *stated]


def value_problems(body: DraftBody, object_type: ObjectType, timezone: str = "UTC") -> list[Problem]:
    """Defaults and fixed values that no row could have, judged by the rules of the import."""
    import polars as pl

    from import_pipeline.parsing.address import split_full, split_line
    from import_pipeline.reporting.messages import row_sentence
    from import_pipeline.store.staging import LINEAGE
    from import_pipeline.validation.judging import PartJudge
    from import_pipeline.validation.suggestions import Suggestions

    fixed = fixed_of(body, object_type)
    usable = {column.key for column in object_type.columns}
    given = {key: value for key, value in (body.defaults | fixed).items() if value.strip() and key in usable}
    if not given:
        return []
    frame = split_line(split_full(pl.DataFrame({key: [value] for key, value in given.items()}), object_type))
    spelled = [pl.col(f.name).replace(f.spellings) for f in object_type.fields if f.spellings and f.name in frame.columns]
    frame = frame.with_columns(spelled)
    part = frame.with_columns(pl.lit(0).cast(kind).alias(name) for name, kind in LINEAGE.items())
    errors = PartJudge(object_type, frame.columns, timezone, Suggestions()).judge(part).errors
    told = errors.filter(pl.col("severity") == "error").select("column", row_sentence().alias("said"))
    return [Problem(_place(column, given, fixed, object_type), said) for column, said in told.iter_rows()]


def _place(column: str, given: Collection[str], fixed: Collection[str], object_type: ObjectType) -> str:
    """Where the value was given: a part of an address stands for the whole."""
    wholes = (whole for whole, parts in object_type.addresses.items() if whole in given and column in parts.values())
    key = column if column in given else next(wholes, column)
    return f"{'fixed' if key in fixed else 'defaults'}/{key}"
