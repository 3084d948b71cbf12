"""What the values of a column say about what it is: judged by the rules that the import itself applies.

Belongs here: evidence from sampled values. Does not belong here: the rules (validation/), names (names.py), weighing both (weighing.py).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import polars as pl

from import_pipeline.model.columns import Column
from import_pipeline.model.object_type import ObjectType
from import_pipeline.validation.choices import folded
from import_pipeline.validation.judging import trimmed
from import_pipeline.validation.rules import ColumnJudge
from import_pipeline.validation.schema import column_judge

MOST_JUDGED = 300
"""Distinct values that are judged, the most frequent ones: each counts as often as it occurs."""
_MOST_MENDED = 40
SHAPES: dict[str, str] = {
    "email": r"(?i)\A[^@\s]+@[^@\s]+\.[a-z0-9-]{2,}\z",
    "url": r"(?i)\A(?:https?://|www\.)\S+\z",
    "date": r"\A(?:\d{4}-\d{2}-\d{2}|\d{1,2}[./-]\d{1,2}[./-](?:\d{4}|\d{2}))\z",
    "moment": r"\A(?:\d{4}-\d{2}-\d{2}|\d{1,2}[./-]\d{1,2}[./-]\d{2,4})[T ]\d{1,2}:\d{2}.*\z",
    "phone": r"\A(?:\+[\d ()./-]{7,}|\(\d{2,5}\)[\d ./-]{5,}|0\d{1,5}[ /-][\d ./-]{4,}|\d{3}[-. ]\d{3}[-. ]\d{4})(?: ?x\d+)?\z",
    "amount": r"\A[-+(]?[$€£]? ?\d{1,3}(?:[.,]?\d{3})*[.,]\d{2}\)?(?: ?[$€£])?\z",
    "decimal": r"\A[-+]?\d+[.,]\d+\z",
    "whole": r"\A[-+]?\d+\z",
    "zip": r"(?i)\A(?:\d{5}(?:-\d{4})?|[a-z]\d[a-z] ?\d[a-z]\d|[a-z]{1,2}\d[a-z\d]? ?\d[a-z]{2})\z",
    "house": r"(?i)\A\d{1,5}(?: ?[a-z]|[-/]\d{1,4})?\z",
    "street": r"(?i)\A(?:[\pL\d.' -]+ (?:st|street|ave|avenue|rd|road|dr|drive|ln|lane|blvd|way|ct|court|pl|place)\.?"
    r"|[\pL.' -]*stra(?:ss|ß)e|[\pL.' -]+str\.|(?:calle|rue|avenue|avenida) [\pL.' -]+)\z",
    "address": r"(?i)\A(?:\d{1,5}[a-z]?,? [\pL\d][\pL\d.' -]{3,}|[\pL.' -]{4,}\.? \d{1,4} ?[a-z]?)\z",
    "address_in_full": r"(?i)\A(?:\d{1,5}[a-z]?,? [\pL\d.' -]+, ?[\pL\d.', -]+|[\pL.' -]{4,}\.? \d{1,4} ?[a-z]?, ?[\pL\d., -]+)\z",
    "state_code": r"\A(?:A[LKZR]|C[AOT]|D[CE]|FL|GA|HI|I[DLNA]|K[SY]|LA|M[EDAINSOT]|N[EVHJMYCD]|O[HKR]|PA|RI|S[CD]|T[NX]|UT|V[TA]|"
    r"W[AVIY])\z",
    "country": r"(?i)\A(?:us|usa|ca|mx|gb|uk|de|at|ch|fr|es|it|nl|be|united states(?: of america)?|canada|mexico|united kingdom|germany|"
    r"deutschland|austria|osterreich|österreich|switzerland|schweiz|france|spain|españa|italy|netherlands|belgium)\z",
    "yes_no": r"(?i)\A(?:y|n|yes|no|true|false|ja|nein|si|sí|oui|non)\z",
    "company": r"(?i)\A.*\b(?:inc|llc|ltd|gmbh|corp|co|ag|kg|plc|sarl|group|partners|supply|solutions|systems|services)\.?\z",
    "person": r"\A\p{Lu}[\pL'’-]+(?: \p{Lu}\.?)?(?: [\p{Ll}]{2,3})? \p{Lu}[\pL'’-]+\z",
    "record_id": r"\A[a-f][0-9a-f]{23}\z",
    "code": r"(?i)\A(?:[a-z]{1,5}[-_]?\d{2,}|\d{6,}|[0-9a-f]{8}-[0-9a-f-]{27}|[a-z0-9]{15,24})\z",
}
"""What a value looks like, whatever a field's rules say; one value may have several shapes."""
FIELD_SHAPES = ("email", "url", "date", "moment", "phone", "amount", "decimal", "whole", "yes_no", "address", "address_in_full")


@dataclass(frozen=True)
class Values:
    """One column of the sample: its distinct values with their counts (most frequent first), how many there are, and their shapes."""

    distinct: pl.Series
    counts: pl.Series
    given: int
    different: int
    shapes: dict[str, float]

    @property
    def samples(self) -> tuple[str, ...]:
        """Three values to show, always the same whatever the order of rows."""
        return tuple(value if len(value) <= 40 else value[:39] + "…" for value in self.distinct.head(3).to_list())

    def share(self, holds: pl.Series) -> float:
        """The share of judged values for which `holds` (parallel to `distinct`) is true."""
        total = float(self.counts.sum() or 0)
        return float(self.counts.filter(holds.fill_null(False)).sum()) / total if total else 0.0


def values_of(column: pl.Series) -> Values:
    """Takes one sampled column apart. Blank cells say nothing."""
    given = trimmed(column.cast(pl.String)).drop_nulls().alias("value")
    counted = given.value_counts(name="count").sort(["count", "value"], descending=[True, False])
    top = counted.head(MOST_JUDGED)
    total = top.get_column("count").sum()
    share = {name: (pl.col("value").str.contains(pattern) * pl.col("count")).sum() / total for name, pattern in SHAPES.items()}
    found = top.select(**share).row(0, named=True) if top.height else {}
    shapes = {name: float(found[name]) for name in SHAPES} if found else {}
    return Values(top.get_column("value"), top.get_column("count"), given.len(), counted.height, shapes)


@dataclass(frozen=True)
class Fit:
    """How a column's values fit a field: `accepted` passes its rules as it stands, `mendable` after a change that is certain."""

    accepted: float
    mendable: float


class Judges:
    """The import's own rules for the columns of one object type."""

    def __init__(self, object_type: ObjectType, timezone: str = "UTC") -> None:
        self._judges = {column.key: column_judge(object_type, column, timezone) for column in object_type.columns}
        self._lists = {column.key: _listed(object_type, column) for column in object_type.columns}
        self._columns = {column.key: column for column in object_type.columns}
        unnamed = {"name": "any", "description": "", "required": False, "custom": False, "system": False, "update": None}
        self._alike = {
            key: (self._lists[key], column.spec.model_copy(update=unnamed).model_dump_json()) for key, column in self._columns.items()
        }

    def listed(self, key: str) -> tuple[str, ...]:
        """The valid values of a column with a list (choices, stages, loss reasons, owners), else ()."""
        return self._lists[key]

    def fits(self, values: Values) -> dict[str, Fit]:
        """The shares of the sampled values that each column takes. Columns with the same rules are judged once."""
        found: dict[object, Fit] = {}
        for key, alike in self._alike.items():
            if alike not in found:
                found[alike] = self._fit(values, self._columns[key]) if values.given else Fit(0.0, 0.0)
        return {key: found[alike] for key, alike in self._alike.items()}

    def _fit(self, values: Values, column: Column) -> Fit:
        judge = self._judges[column.key]
        good = _passes(judge, values.distinct)
        accepted = values.share(good)
        if accepted == 1.0:
            return Fit(1.0, 0.0)
        mended = _mend(self._lists[column.key], column, judge)
        refused = values.distinct.filter(~good).head(_MOST_MENDED)
        fixed = [value for value in refused.to_list() if mended(value)]
        return Fit(accepted, values.share(values.distinct.is_in(pl.Series(fixed, dtype=pl.String).implode())) if fixed else 0.0)


def _passes(judge: ColumnJudge, values: pl.Series) -> pl.Series:
    good = pl.Series([True]).new_from_index(0, values.len())
    for rule in judge.rules:
        verdict = rule.passes(values)
        if not isinstance(verdict, bool):
            good &= verdict.fill_null(True)
            if not good.any():
                break
    return good


def _mend(known: tuple[str, ...], column: Column, judge: ColumnJudge) -> Callable[[str], bool]:
    """Whether a refused value could be written so that it passes. Of a list only another spelling counts, not a likeness."""
    if known and column.spec.type == "MultiChoice":
        spelt = {folded(value) for value in known}

        @cache
        def parts_are_listed(value: str) -> bool:
            parts = [folded(part) for mark in (",", "|", "/", ";") if mark in value for part in value.split(mark)] or [folded(value)]
            return all(part in spelt for part in parts if part)

        return parts_are_listed
    if known:
        listed = {folded(value) for value in known}
        return lambda value: folded(value) in listed

    def passes_when_mended(value: str) -> bool:
        offer = judge.mend(value)
        return bool(offer) and offer != value and bool(_passes(judge, pl.Series([offer], dtype=pl.String)).all())

    return passes_when_mended


def _listed(object_type: ObjectType, column: Column) -> tuple[str, ...]:
    if column.role == "stage":
        return object_type.stage_names
    if column.role == "loss_reason":
        return object_type.loss_reasons
    if column.role == "owner":
        return object_type.owner.users if object_type.owner else ()
    return column.spec.choices
