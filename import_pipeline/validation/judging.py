"""One part: from strings to typed good rows and row errors.

Belongs here: trimming, running the schema on a part, casting what passed. Does not belong here: rules, parts and files (stage.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pandera.polars as pa
import polars as pl
from pandera.config import ValidationDepth, config_context
from pandera.errors import SchemaErrors

from import_pipeline.failures import PermanentFailure
from import_pipeline.model.object_type import ObjectType
from import_pipeline.model.row_error import CODES
from import_pipeline.store.staging import END, ERRORS, JOB, LINE, LINEAGE
from import_pipeline.validation.rules import ColumnJudge
from import_pipeline.validation.schema import column_judges, frame_schema
from import_pipeline.validation.suggestions import Suggestions

VALUE_SHOWN = 200
"""Characters of a refused value that an error carries."""
TITLE_SHOWN = 100
"""Characters of the title before the refused shape of a territory."""
_FINDING = {"_row": pl.UInt32, "_column": pl.UInt32, "_rule": pl.UInt32, "value": pl.String}


def trimmed(values: pl.Series) -> pl.Series:
    """Without Unicode white space at both ends; what is blank becomes null.

    A column is copied only when a first or last character sorts below `!` or is not ASCII: comparing strings costs a tenth of
    trimming them, and hardly any column of a real file has blanks at its edges. The empty string sorts below `!`, too.
    """
    if not any(((edge < "!") | (edge >= "\x80")).any() for edge in (values, values.str.tail(1))):
        return values
    stripped = values.str.strip_chars()
    return stripped.set(stripped == "", None)


@dataclass(frozen=True)
class Judged:
    """What became of a part: the good rows, typed, and the errors of the others, each with its lineage."""

    rows: pl.DataFrame
    errors: pl.DataFrame


class PartJudge:
    """Judges parts that have the columns `keys` (besides the lineage). Made once for a set of columns, used for many parts."""

    def __init__(self, object_type: ObjectType, keys: Sequence[str], timezone: str, suggestions: Suggestions) -> None:
        self.judges: dict[str, ColumnJudge] = column_judges(object_type, keys, timezone)
        self.schema: pa.DataFrameSchema = frame_schema(self.judges)
        self.suggestions = suggestions
        self._columns = pl.Enum(list(self.judges))
        columns = {column.key: column for column in object_type.columns if column.key in self.judges}
        self._shapes = [key for key, column in columns.items() if column.spec.type == "Shape"]
        self._title = next((key for key, column in columns.items() if column.role == "external_id"), None)
        self._words = pl.DataFrame(
            [
                (c, r, rule.code, CODES[rule.code].severity, key, rule.expected)
                for c, (key, judge) in enumerate(self.judges.items())
                for r, rule in enumerate(judge.rules)
            ],
            schema={"_column": pl.UInt32, "_rule": pl.UInt32, **{k: ERRORS[k] for k in ("code", "severity", "column", "expected")}},
            orient="row",
        )

    def judge(self, part: pl.DataFrame) -> Judged:
        """Rows in = rows out + rows with at least one error, in the order of the part."""
        strings = pl.DataFrame([trimmed(part.get_column(key)) for key in self.judges])
        findings = self._findings(strings)
        lineage = part.select(*LINEAGE)
        if findings.is_empty():
            return Judged(self._typed(lineage, strings), pl.DataFrame(schema=ERRORS))
        good = pl.Series([True]).new_from_index(0, part.height).scatter(findings.get_column("_row").unique(), False)
        return Judged(self._typed(lineage.filter(good), strings.filter(good)), self._errors(lineage, strings, findings))

    def _findings(self, strings: pl.DataFrame) -> pl.DataFrame:
        """The broken rules: at most one per row and column, the first of the column's rules; ordered by row, then column."""
        with config_context(validation_enabled=True, validation_depth=ValidationDepth.SCHEMA_AND_DATA):
            try:
                self.schema.validate(strings, lazy=True)
            except SchemaErrors as faults:
                cases: pl.DataFrame = faults.failure_cases
            else:
                return pl.DataFrame(schema=_FINDING)
        if cases.get_column("index").null_count():
            raise PermanentFailure(f"the schema itself failed: {cases.filter(pl.col('index').is_null()).row(0, named=True)}")
        return (
            cases.select(
                pl.col("index").cast(pl.UInt32).alias("_row"),
                pl.col("column").cast(self._columns).to_physical().cast(pl.UInt32).alias("_column"),
                pl.col("check_number").cast(pl.UInt32).alias("_rule"),
                pl.col("failure_case").alias("value"),
            )
            .sort("_row", "_column", "_rule")
            .unique(["_row", "_column"], keep="first", maintain_order=True)
        )

    def _errors(self, lineage: pl.DataFrame, strings: pl.DataFrame, findings: pl.DataFrame) -> pl.DataFrame:
        places = lineage.select(JOB, LINE, END)[findings.get_column("_row")]
        told = findings.join(self._words, on=["_column", "_rule"], how="left", maintain_order="left")
        suggested = self.suggestions.attach(told, self.judges)
        worded = self._titled(self._worded(suggested), strings).with_columns(pl.col("value").str.head(VALUE_SHOWN))
        return pl.concat([places, worded], how="horizontal").select(*ERRORS)

    def _worded(self, told: pl.DataFrame) -> pl.DataFrame:
        """`told` with the short value, and with the closer expectation, of those columns and rules that have one."""
        for key, judge in self.judges.items():
            rows = (told.get_column("column") == key).arg_true()
            if judge.shown is None or rows.is_empty():
                continue
            values, value, expected = told.get_column("value").gather(rows), told.get_column("value"), told.get_column("expected")
            told = told.with_columns(value.scatter(rows, judge.shown(values)))
            for number, rule in enumerate(judge.rules):
                mine = (told.get_column("_rule").gather(rows) == number).arg_true()
                if rule.explain is not None and len(mine):
                    expected = expected.scatter(rows.gather(mine), rule.explain(values).gather(mine))
            told = told.with_columns(expected)
        return told

    def _titled(self, told: pl.DataFrame, strings: pl.DataFrame) -> pl.DataFrame:
        """`told` with the territory's title before the value of a refused shape: `North: 200.5,41.2`."""
        if self._title is None or not self._shapes:
            return told
        title = strings.get_column(self._title).gather(told.get_column("_row")).str.head(TITLE_SHOWN).alias("_title")
        named = pl.concat_str("_title", "value", separator=": ")
        here = pl.col("column").is_in(self._shapes) & pl.col("_title").is_not_null()
        return told.with_columns(title).with_columns(pl.when(here).then(named).otherwise("value").alias("value"))

    def _typed(self, lineage: pl.DataFrame, strings: pl.DataFrame) -> pl.DataFrame:
        return lineage.with_columns([self._cast(key, judge, strings.get_column(key)) for key, judge in self.judges.items()])

    @staticmethod
    def _cast(key: str, judge: ColumnJudge, values: pl.Series) -> pl.Series:
        """The cast never turns a value that passed into null: were a rule weaker than its cast, data would be lost in silence."""
        cast = judge.cast(values).alias(key)
        if cast.dtype != pl.String and cast.null_count() != values.null_count():
            lost = values.filter(cast.is_null() & values.is_not_null())
            raise PermanentFailure(f"column {key}: {lost[0]!r} passed every rule, but is no {cast.dtype}")
        return cast
