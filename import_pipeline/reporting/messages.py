"""One sentence per row error, made from its code, value, expectation and suggestion as a polars expression.

Belongs here: how a finding is said to people, and the guard for cells that a spreadsheet would run.
Does not belong here: the codes and their help texts (model/row_error.py), grouping (groups.py), files (answers.py).
"""

from collections.abc import Mapping

import polars as pl

from import_pipeline.model.job import ParsedFile
from import_pipeline.model.row_error import CODES
from import_pipeline.store.staging import LINE

VALUE_CHARS = 80
"""Characters of a value that a sentence shows; errors.csv has the whole value in its own cell."""
EXPECTED_CHARS = 300
"""Characters of an expectation that a sentence shows: a list of choices may be long."""
FORMULA_STARTS = "=+-@\t\r\n＝＋－＠"
"""First characters that make a spreadsheet take a cell for a formula (docs/security.md)."""

_SUBJECTS = ("the value ", "the number ", "the text ")
"""A help text that begins with one of these is about the value: the sentence puts the value itself there."""


def labels_of(parsed: ParsedFile) -> dict[str, str]:
    """Each mapped column's key with the header cell the sender wrote for it: people look for their own names."""
    return {key: cell for key, cell in zip(parsed.keys, parsed.header, strict=False) if key is not None and cell.strip()}


def guarded(text: pl.Expr) -> pl.Expr:
    """`text` with an apostrophe in front where a spreadsheet would take it for a formula."""
    runs = text.str.contains(f"^[{FORMULA_STARTS.replace('-', chr(92) + '-')}]")
    return pl.when(runs).then(pl.lit("'") + text).otherwise(text)


def one_line(text: pl.Expr, chars: int) -> pl.Expr:
    """`text` in one line of at most `chars` characters; control characters give blanks, what is cut off gives `…`."""
    plain = text.str.replace_all(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ")
    return pl.when(plain.str.len_chars() > chars).then(plain.str.slice(0, chars - 1) + "…").otherwise(plain)


def quoted(text: pl.Expr) -> pl.Expr:
    """`text` in one line between apostrophes, as sentences show values; null for null and for nothing."""
    return pl.when(text != "").then(pl.lit("'") + one_line(text, VALUE_CHARS) + "'")


def finding(value: pl.Expr | None = None) -> pl.Expr:
    """What is wrong, from the columns `code` and `value`: «'Prospct' is not a configured stage».

    `value` takes the place of the quoted value. The words are the help texts of model/row_error.py; a code that is not known
    there is told as it is.
    """
    shown = quoted(pl.col("value")) if value is None else value
    helps = {code.code: code.help for code in CODES.values()}
    about = {code: text[len(s) - 1 :] for code, text in helps.items() for s in _SUBJECTS if text.startswith(s)}
    code = pl.col("code")
    plain = code.replace(helps)
    rest = code.replace_strict(list(about), list(about.values()), default=None, return_dtype=pl.String)
    return pl.coalesce(shown + rest, plain + ": " + shown, plain)


def advice() -> pl.Expr:
    """What would have been right, from `expected` and `suggestion`: «; expected …; did you mean 'Prospect'?», or nothing."""
    expected, near = pl.col("expected"), pl.col("suggestion")
    return pl.concat_str(
        pl.when(expected != "").then(pl.lit("; expected ") + one_line(expected, EXPECTED_CHARS)),
        pl.when(near != "").then(pl.lit("; did you mean ") + quoted(near) + "?"),
        ignore_nulls=True,
    )


def column_label(labels: Mapping[str, str] | None = None) -> pl.Expr:
    """The column as the sender named it, in one line; null for a finding about the whole row."""
    column = pl.col("column")
    return one_line(column.replace(dict(labels)) if labels else column, VALUE_CHARS)


def row_sentence(labels: Mapping[str, str] | None = None) -> pl.Expr:
    """«Stage: 'Prospct' is not a configured stage; expected one of New, Prospect; did you mean 'Prospect'?»"""
    said = finding() + advice()
    return pl.coalesce(column_label(labels) + ": " + said, said)


def line_sentence(labels: Mapping[str, str] | None = None) -> pl.Expr:
    """The row's sentence with its place: «line 12, Stage: …», «line 12: …» or, for the whole file, the bare sentence."""
    place = pl.concat_str(pl.format("line {}", pl.col(LINE)), column_label(labels), separator=", ", ignore_nulls=True)
    said = finding() + advice()
    return pl.when(place == "").then(said).otherwise(place + ": " + said)
