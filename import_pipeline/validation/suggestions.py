"""The nearest valid value for what was refused.

Belongs here: asking a column's judge once per distinct value, and offering only what the same column would accept.
Does not belong here: how a value is mended (texts, numeric, date_mends, choices).
"""

from collections.abc import Mapping, Sequence

import polars as pl

from import_pipeline.validation.rules import ColumnJudge

DISTINCT = 2_000
"""Distinct refused values of one column, over a whole delivery, that get a suggestion; what comes later gets none."""
EFFORT = 400_000
"""Comparisons of two texts that one column may cost over a delivery: about half a second."""
MENDABLE = 500
"""A longer value is neither mended nor remembered: it would not be shown in full anyway."""


def accepts(judge: ColumnJudge, values: pl.Series) -> pl.Series:
    """True for each of `values` that breaks none of the rules."""
    good = pl.Series([True]).new_from_index(0, values.len())
    for rule in judge.rules:
        verdict = rule.passes(values)
        if not isinstance(verdict, bool):
            good = good & verdict.fill_null(True)
    return good


class Suggestions:
    """Remembers, per column, what was proposed for a value, so that each distinct value is thought about once per delivery."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, str | None]] = {}

    def attach(self, findings: pl.DataFrame, judges: Mapping[str, ColumnJudge]) -> pl.DataFrame:
        """`findings` (`_column` number, `value`) with the column `suggestion`, null where there is none; same rows, same order."""
        short = findings.select("_column", "value").filter(pl.col("value").str.len_chars() <= MENDABLE)
        distinct = short.unique(maintain_order=True)
        proposed = [pl.DataFrame(schema={"value": pl.String, "suggestion": pl.String, "_column": pl.UInt32})]
        for number, (key, judge) in enumerate(judges.items()):
            values = distinct.filter(pl.col("_column") == number).get_column("value")
            if len(values):
                proposed.append(self._proposals(key, judge, values).with_columns(pl.lit(number, pl.UInt32).alias("_column")))
        return findings.join(pl.concat(proposed), on=["_column", "value"], how="left", maintain_order="left")

    def _proposals(self, key: str, judge: ColumnJudge, values: pl.Series) -> pl.DataFrame:
        known = self._known.setdefault(key, {})
        room = min(DISTINCT, EFFORT // max(judge.effort, 1)) - len(known)
        fresh = [value for value in values.head(len(known) + max(room, 0)) if value not in known][: max(room, 0)]
        if fresh:
            known.update(self._thought(judge, fresh))
        pairs = [(value, known.get(value)) for value in known]
        return pl.DataFrame(pairs, schema={"value": pl.String, "suggestion": pl.String}, orient="row")

    @staticmethod
    def _thought(judge: ColumnJudge, values: Sequence[str]) -> dict[str, str | None]:
        proposals = [judge.mend(value) for value in values]
        series = pl.Series([p.strip() or None if p else None for p in proposals], dtype=pl.String)
        kept = series.set(~accepts(judge, series), None)
        return dict(zip(values, kept, strict=True))
