"""Row errors in groups: «812 rows: Stage: 'Prospct' is not a configured stage; did you mean 'Prospect'?» (acceptance B-8).

Belongs here: what is told together, in which order, and the tables made of it. Does not belong here: the words of one
finding (messages.py), files.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from import_pipeline.reporting.messages import advice, column_label, finding, quoted
from import_pipeline.store.staging import LINE

TOP_GROUPS = 20
FIRST_LINES = 5
EXAMPLES = 3
GROUPS: dict[str, pl.DataType] = {
    "code": pl.String(),
    "severity": pl.String(),
    "column": pl.String(),
    "value": pl.String(),
    "values": pl.Int64(),
    "rows": pl.Int64(),
    "lines": pl.List(pl.Int64()),
    "expected": pl.String(),
    "suggestion": pl.String(),
    "sentence": pl.String(),
}
"""One group. `values` counts its different values; `value` is null when there are several. `lines` are the first five."""

_SAME = ["severity", "code", "column", "value"]


@dataclass(frozen=True)
class Groups:
    """The largest groups (columns of GROUPS, errors before warnings, most rows first) and what is left out of them."""

    frame: pl.DataFrame
    more_groups: int = 0
    more_rows: int = 0


def group_errors(errors: pl.DataFrame, *, labels: Mapping[str, str] | None = None, top: int = TOP_GROUPS) -> Groups:
    """Groups `errors` (columns of ERRORS) by code, column and value.

    The `top` largest groups are told one by one. What is left (a thousand different values that are no number) is grouped once
    more by code and column alone, with examples; of these again the `top` largest. The rest is summed.
    """
    if errors.is_empty():
        return Groups(pl.DataFrame(schema=GROUPS))
    same = _largest_first(errors.lazy().group_by(_SAME).agg(*_facts(pl.lit(1, pl.Int64)))).collect()
    single, left = same.head(top), same.slice(top)
    merged = pl.DataFrame(schema=same.schema)
    if left.height:
        rest = errors.join(left.select(_SAME), on=_SAME, how="semi", nulls_equal=True)
        facts = _facts(pl.col("value").n_unique().cast(pl.Int64), examples=True)
        merged = _largest_first(rest.lazy().group_by(_SAME[:-1]).agg(*facts)).collect()
        merged = merged.with_columns(value=pl.when(pl.col("values") == 1).then(pl.col("examples").list.first()))
    shown = _largest_first(pl.concat([single.lazy(), merged.head(top).lazy()], how="diagonal_relaxed")).collect()
    hidden = merged.slice(top)
    return Groups(
        shown.with_columns(sentence=_sentence(labels)).select(pl.col(name).cast(kind) for name, kind in GROUPS.items()),
        more_groups=hidden.height,
        more_rows=int(hidden["rows"].sum()) if hidden.height else 0,
    )


def _facts(values: pl.Expr, *, examples: bool = False) -> list[pl.Expr]:
    """What is known of a group: rows, first lines, a common expectation; `examples` are its first values by line."""
    ordered = pl.col("value").sort_by(LINE, "value").drop_nulls().unique(maintain_order=True)
    first = ordered.head(EXAMPLES) if examples else pl.col("value").head(0)
    return [
        values.alias("values"),
        pl.col(LINE).n_unique().cast(pl.Int64).alias("rows"),
        pl.col(LINE).drop_nulls().unique().sort().head(FIRST_LINES).alias("lines"),
        first.alias("examples"),
        *(_common(name) if examples else _first(name) for name in ("expected", "suggestion")),
    ]


def _first(name: str) -> pl.Expr:
    return pl.col(name).sort_by(LINE, name).first()


def _common(name: str) -> pl.Expr:
    """The one value that all rows of the group share, else null: the nearest value of one row is no advice for another."""
    return pl.when(pl.col(name).n_unique() == 1).then(pl.col(name).first()).alias(name)


def _largest_first(groups: pl.LazyFrame) -> pl.LazyFrame:
    """A fixed order, so that the same errors give the same text: errors, most rows, first line, then by name."""
    first_line = pl.col("lines").list.first()
    keys = [pl.col("severity"), -pl.col("rows"), first_line, pl.col("code"), pl.col("column")]
    if "value" in groups.collect_schema():
        keys.append(pl.col("value"))
    return groups.sort(keys, nulls_last=True)


def _sentence(labels: Mapping[str, str] | None) -> pl.Expr:
    """«812 rows: Stage: 'Prospct' is not a configured stage; did you mean 'Prospect'?»"""
    rows = pl.col("rows")
    counted = _thousands(rows) + pl.when(rows == 1).then(pl.lit(" row: ")).otherwise(pl.lit(" rows: "))
    listed = pl.col("examples").list.eval(quoted(pl.element())).list.join(", ")
    several = finding(pl.lit(None, pl.String)) + pl.format(", {} different values", _thousands(pl.col("values")))
    several += pl.when(listed != "").then(pl.lit(", for example ") + listed).otherwise(pl.lit(""))
    said = pl.when(pl.col("values") > 1).then(several).otherwise(finding()) + advice()
    return counted + pl.coalesce(column_label(labels) + ": " + said, said)


def _thousands(number: pl.Expr) -> pl.Expr:
    """1812 as `1,812`."""
    return number.cast(pl.String).str.reverse().str.replace_all(r"(\d{3})", "$1,").str.strip_chars_end(",").str.reverse()


def markdown_table(groups: Groups) -> str:
    """The groups as a Markdown table (for Dagster's metadata); what senders wrote is escaped, so no link or picture comes of it."""
    if groups.frame.is_empty():
        return "No row errors."
    lines = ["| Rows | First lines | Severity | Code | What |", "|---:|---|---|---|---|"]
    for g in groups.frame.iter_rows(named=True):
        where = ", ".join(map(str, g["lines"]))
        lines.append(f"| {g['rows']:,} | {where} | {g['severity']} | `{g['code']}` | {_escaped(_without_count(g['sentence']))} |")
    return "\n".join(lines) + _more(groups)


def text_table(groups: Groups) -> str:
    """The groups as plain text for a terminal: rows, first lines, sentence."""
    if groups.frame.is_empty():
        return "No row errors."
    body = [(f"{g['rows']:,}", _lines_cell(g), _without_count(g["sentence"])) for g in groups.frame.iter_rows(named=True)]
    rows = [("rows", "lines", "what"), *body]
    left, middle = (max(len(row[i]) for row in rows) for i in (0, 1))
    return "\n".join(f"{a:>{left}}  {b:<{middle}}  {c}" for a, b, c in rows) + _more(groups)


def _lines_cell(group: dict[str, object]) -> str:
    lines, rows = group["lines"], group["rows"]
    assert isinstance(lines, list) and isinstance(rows, int)
    return ", ".join(map(str, lines)) + (", …" if rows > len(lines) else "")


def _without_count(sentence: str) -> str:
    return sentence.split(": ", 1)[1]


def _escaped(text: str) -> str:
    """`text` as Markdown that shows exactly these characters."""
    safe = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "".join("\\" + c if c in "\\`*_[]|!#" else c for c in safe)


def _more(groups: Groups) -> str:
    if not groups.more_groups:
        return ""
    return f"\n\nand {groups.more_rows:,} more in {groups.more_groups:,} further groups"
