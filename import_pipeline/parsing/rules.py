"""What a saved format and an object type ask of rows while they are still text: spellings, e-mail keys, required and accepted values.

Belongs here: rules that depend on the file's format, or that make a value which a row did not give. Does not belong here: what a value
must look like (validation/), defaults and composed ids (stage.py, gathering.py).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import polars as pl

from import_pipeline.model.format import Format
from import_pipeline.model.giving import DUMMY_DOMAIN
from import_pipeline.model.job import Job
from import_pipeline.model.object_type import RECORD_ID, ObjectType
from import_pipeline.parsing.batch import Batch, Refused, same_findings

_NAME_CHARS = 16
"""Hex digits of the file's hash in a made-up address: with the line they name the row in all files there will ever be."""


@dataclass
class Rules:
    """The rules for one file; they are told batch after batch."""

    job: Job
    object_type: ObjectType
    format: Format | None
    _seen: dict[str, str] = field(default_factory=dict)

    def apply(self, batch: Batch) -> Batch:
        """The batch with its values spelled as the type spells them, and without the rows that the format refuses.

        Raises Refused (several_values) when a column of `one_value` has a second one (acceptance E-9).
        """
        spelled = self._keyed(self._spelled(batch.frame), batch)
        if spelled is not batch.frame:
            batch = replace(batch, frame=spelled)
        self._check_one_value(batch)
        for column, expected, wrong, code in self._refusals(batch.frame):
            batch = _without(batch, column, expected, wrong, code)
        return batch

    def _spelled(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Other spellings of choices become the choices (acceptance E-9: QCS and CQS)."""
        made = [
            pl.col(f.name).str.strip_chars().replace(f.spellings).alias(f.name)
            for f in self.object_type.fields
            if f.spellings and f.name in frame.columns
        ]
        return frame.with_columns(made) if made else frame

    def _keyed(self, frame: pl.DataFrame, batch: Batch) -> pl.DataFrame:
        """E-mail keys in lower case; a row without one, and without a record id, gets an address of its own (acceptance E-5).

        It is made of the file's bytes and the row's line: the same row again, in a retry or a replay, has the same one.
        """
        if not self.object_type.email_key:
            return frame
        key = self.object_type.external_id
        given = pl.col(key).str.strip_chars().str.to_lowercase() if key in frame.columns else pl.lit(None, dtype=pl.String)
        line = pl.lit(pl.Series("line", batch.line).cast(pl.String)) if frame.height else pl.lit("")
        made = pl.concat_str(pl.lit(f"offline-{self.job.sha256[:_NAME_CHARS]}-"), line, pl.lit(f"@{DUMMY_DOMAIN}"))
        nameless = given.fill_null("") == ""
        if RECORD_ID in frame.columns:
            nameless &= pl.col(RECORD_ID).str.strip_chars().fill_null("") == ""
        return frame.with_columns(pl.when(nameless).then(made).otherwise(given).alias(key))

    def _check_one_value(self, batch: Batch) -> None:
        # A row that names its record is no new one: an export that comes back may hold records of several values.
        new = _text(RECORD_ID) == "" if RECORD_ID in batch.frame.columns else pl.lit(True)
        whole, fixed = (self.format.one_value, self.format.fixed) if self.format else ((), {})
        for column in dict.fromkeys((*whole, *self.object_type.one_value)):
            if column not in batch.frame.columns or column in fixed:
                continue
            counted = pl.col(column).str.strip_chars()
            values = batch.frame.select(counted if column in whole else pl.when(new).then(counted)).to_series()
            given = values.filter(values.fill_null("") != "")
            if given.is_empty():
                continue
            first = self._seen.setdefault(column, str(given[0]))
            other = (values.fill_null(first).replace("", first) != first).arg_true()
            if len(other):
                at = int(other[0])
                raise Refused(
                    "several_values",
                    f"a file has one {column}; {values[at]!r} stands beside {first!r}. Nothing was imported: send one file for each",
                    line=int(batch.line[at]),
                    column=column,
                    value=values[at],
                    expected=first,
                )

    def _refusals(self, frame: pl.DataFrame) -> Iterator[tuple[str, str, pl.Expr, str]]:
        """(column, what is expected, which rows are wrong, code) of each rule on single cells."""
        known = self.format
        for column, value in known.fixed.items() if known else ():
            yield column, value, _text(column) != value.strip(), "not_the_fixed_value"
        accepts = dict(known.accepts) if known else {}
        accepts |= {f.name: () for f in self.object_type.fields if f.participation and not f.participation.live}
        for column in known.required if known else ():
            if column in frame.columns:
                yield column, "a value", _text(column) == "", "required"
        for column, values in accepts.items():
            if column in frame.columns:
                told = f"one of: {', '.join(values)}" if values else "nothing: the campaign takes no participations"
                yield column, told, ~_text(column).is_in(["", *values]), "unknown_choice"


def _text(column: str) -> pl.Expr:
    return pl.col(column).str.strip_chars().fill_null("")


def _without(batch: Batch, column: str, expected: str, wrong: pl.Expr, code: str) -> Batch:
    """The batch without its wrong rows, which became row errors."""
    bad = batch.frame.select(wrong.alias("bad")).to_series()
    if not bad.any():
        return batch
    flags, kept = bad.to_numpy(), (~bad).to_numpy()
    told = same_findings(batch.line[flags], code, value=batch.frame.get_column(column).filter(bad), expected=expected)
    told = told.with_columns(pl.lit(column).alias("column"), pl.Series("_end", batch.end[flags]))
    return replace(
        batch,
        frame=batch.frame.filter(~bad),
        line=batch.line[kept],
        end=batch.end[kept],
        pos=batch.pos[kept],
        errors=pl.concat([batch.errors, told]).sort("_line", maintain_order=True),
        refused=batch.refused + len(told),
        numeric={name: values.filter(~bad) for name, values in batch.numeric.items()},
    )
