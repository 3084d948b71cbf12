"""The pandera schema of an object type: what judges every value, over strings.

Belongs here: which column is judged by which rules, and the schema made of them. Does not belong here: the rules themselves
(texts, numeric, moments, choices, shapes), running the schema (judging.py).

Each rule is one named pandera Check; the name is the error's code. The schema is over strings because a cast inside pandera
(`coerce`) gives up a whole column for one bad cell (reference/performance.md section 4).
"""

from collections.abc import Sequence

import pandera.polars as pa
import polars as pl
from pandera.api.polars.types import PolarsData

from import_pipeline.failures import UnknownValue
from import_pipeline.model.columns import Column
from import_pipeline.model.object_type import ObjectType
from import_pipeline.validation import choices, moments, numeric, texts
from import_pipeline.validation.rules import ColumnJudge, Rule


def _judge_of_field(column: Column, timezone: str) -> ColumnJudge:
    spec = column.spec
    match spec.type:
        case "Number":
            return numeric.number(spec)
        case "Currency":
            return numeric.currency(spec)
        case "Boolean":
            return numeric.boolean(spec)
        case "Date":
            return moments.date_field(spec)
        case "DateTime":
            return moments.moment_field(spec, timezone)
        case "SingleChoice":
            return choices.one_of(spec, spec.choices, "unknown_choice")
        case "MultiChoice":
            return choices.many_of(spec)
        case "Email":
            return texts.email(spec)
        case "Phone":
            return texts.phone(spec)
        case "Map":
            return texts.entries(spec)
        case "Shape":
            # GEOS is loaded only where there are shapes.
            from import_pipeline.validation.shapes import shape

            return shape(spec)
        case _:
            return texts.text(spec)


def column_judge(object_type: ObjectType, column: Column, timezone: str = "UTC") -> ColumnJudge:
    """The rules and the cast of one column: stage, loss reason and owner by their role, everything else by its field type.

    `required` is not judged here: an update may leave a required column out, and only the relating stage knows what is an update.
    """
    match column.role:
        case "stage":
            return choices.one_of(column.spec, object_type.stage_names, "unknown_stage")
        case "loss_reason":
            return choices.one_of(column.spec, object_type.loss_reasons, "unknown_loss_reason")
        case "owner":
            return choices.owner(column.spec, object_type.owner.users if object_type.owner else ())
        case _:
            return _judge_of_field(column, timezone)


def column_judges(object_type: ObjectType, keys: Sequence[str], timezone: str = "UTC") -> dict[str, ColumnJudge]:
    """The judges of the columns `keys`, in that order; UnknownValue for a key that the type does not have."""
    columns = {column.key: column for column in object_type.columns}
    for key in keys:
        if key not in columns:
            raise UnknownValue("column", key, columns, where=f"rows of {object_type.name}")
    return {key: column_judge(object_type, columns[key], timezone) for key in keys}


def _check(rule: Rule) -> pa.Check:
    """The rule as a pandera check. Plain True, which pandera takes as well, spares it three passes over a column without faults."""

    def judge(data: PolarsData) -> pl.LazyFrame | bool:
        verdict = rule.passes(data.lazyframe.select(data.key).collect().to_series())
        if isinstance(verdict, bool):
            return verdict
        return bool(verdict.all()) or verdict.to_frame().lazy()

    return pa.Check(judge, name=rule.code)


def frame_schema(judges: dict[str, ColumnJudge]) -> pa.DataFrameSchema:
    """The schema of a frame with the columns of `judges`: nullable strings (null is «not given»), one Check per rule, in order."""
    return pa.DataFrameSchema(
        {key: pa.Column(pl.String, [_check(rule) for rule in judge.rules], nullable=True) for key, judge in judges.items()}
    )
