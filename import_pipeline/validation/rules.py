"""The small words in which a column's judgement is written: a rule, and the judge of one column.

Belongs here: what every field type shares. Does not belong here: the rules of one field type (texts, numeric, moments, choices),
pandera (schema.py).

A rule looks at the trimmed strings of one column of one part. Null means «not given» and breaks no rule.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import polars as pl

from import_pipeline.failures import PermanentFailure
from import_pipeline.model.field import FieldSpec

Passes = Callable[[pl.Series], "pl.Series | bool"]
"""Strings to a Boolean series (true or null: the value passes), or plain True when a cheap look shows that all pass."""


@dataclass(frozen=True)
class Rule:
    """One reason to refuse a value: the error's code (model/row_error.py), what was expected, and who passes.

    `explain` says of each refused value what was expected of it, where that can be told more closely than `expected` does.
    """

    code: str
    expected: str
    passes: Passes
    explain: Callable[[pl.Series], pl.Series] | None = None


def _as_it_is(values: pl.Series) -> pl.Series:
    return values


def _no_idea(value: str) -> str | None:
    return None


@dataclass(frozen=True)
class ColumnJudge:
    """Everything about one column.

    `rules` stand in the order in which they count: of several that a value breaks, the first is reported. `cast` gets values that
    passed all of them and never fails. `mend` proposes a value for a refused one; what it proposes is offered only when it passes
    the rules itself. `effort` is what one call of `mend` costs, in comparisons of two texts. `shown` says what an error tells of
    refused values that are too long to be told themselves.
    """

    rules: tuple[Rule, ...]
    cast: Callable[[pl.Series], pl.Series] = _as_it_is
    mend: Callable[[str], str | None] = field(default=_no_idea)
    effort: int = 1
    shown: Callable[[pl.Series], pl.Series] | None = None


def matches(pattern: str) -> Passes:
    """Passes what the whole of `pattern` (Rust regex) fits."""
    return lambda values: values.str.contains(pattern)


def all_within(values: pl.Series, size: int) -> bool:
    """True when no value is longer than `size` bytes; costs next to nothing, since lengths are stored."""
    longest = values.str.len_bytes().max()
    return not isinstance(longest, int) or longest <= size


def length_rule(limit: int) -> Rule:
    """At most `limit` characters (not bytes)."""

    def short(values: pl.Series) -> pl.Series | bool:
        return all_within(values, limit) or values.str.len_chars() <= limit

    return Rule("too_long", f"at most {limit:,} characters", short)


def pattern_rule(spec: FieldSpec) -> Rule:
    """The field's own pattern, which must fit the whole value; PermanentFailure when it is no regular expression."""
    whole = rf"\A(?:{spec.pattern})\z"
    try:
        pl.Series([""]).str.contains(whole)
    except pl.exceptions.ComputeError as error:
        raise PermanentFailure(f"field {spec.name}: the pattern {spec.pattern!r} is not a regular expression: {error}") from None
    return Rule("wrong_pattern", f"a value that fits the pattern {spec.pattern}", matches(whole))


def stated_rules(spec: FieldSpec, *, longest: int | None = None) -> tuple[Rule, ...]:
    """The rules that a field of any type may state: `max_length` (else `longest`, where a type has a cap) and `pattern`."""
    limit = spec.max_length or longest
    rules = [length_rule(limit)] if limit else []
    return (*rules, pattern_rule(spec)) if spec.pattern is not None else tuple(rules)
