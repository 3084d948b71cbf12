"""Policies on bad rows (skip, halt, halt above a threshold) and on large changes (hold for approval).

Belongs here: the words of a policy and the pure decision. Does not belong here: counting rows.
"""

import re
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BeforeValidator, PlainSerializer

from import_pipeline.model.base import Duration, Model


class HaltAbove(Model):
    """Halts a file when more rows than `rows`, or more than `share` (0 to 1) of its rows, are refused (acceptance B-13)."""

    rows: int | None = None
    share: float | None = None


def parse_share(value: object) -> object:
    """'20%' to 0.2; a share that is one already stays."""
    if isinstance(value, float) and 0 <= value <= 1:
        return value
    percent = re.fullmatch(r"(\d+(?:\.\d+)?)\s*%", str(value))
    if percent and float(percent[1]) <= 100:
        return float(percent[1]) / 100
    raise ValueError(f"{value!r} is not a share: write a percentage such as '20%'")


Share = Annotated[float, BeforeValidator(parse_share)]


class Hold(Model):
    """Holds the changes of a type for approval when more than a share of its records would change or be deleted (acceptance B-13).

    A held job waits with its plan. What nobody has decided after `wait` is decided by `then`.
    """

    changed_above: Share | None = None
    deleted_above: Share | None = None
    wait: Annotated[Duration, PlainSerializer(lambda wait: f"{wait.total_seconds()}s", when_used="json")] = timedelta(days=3)
    then: Literal["reject", "approve"] = "reject"


def holds(policy: Hold | None, records: int, changed: int, deleted: int) -> str | None:
    """Why a change set that would change and delete so many of `records` is held, or None when it goes on."""
    if policy is None or not records:
        return None
    for limit, number, what in ((policy.changed_above, changed, "change"), (policy.deleted_above, deleted, "be deleted")):
        if limit is not None and number > limit * records:
            return f"{number:,} of {records:,} records ({number / records:.1%}) would {what}, more than the {limit * 100:.4g} % allowed"
    return None


Policy = Literal["skip", "halt"] | HaltAbove


def parse_policy(value: object) -> object:
    """'skip', 'halt', {halt_above: 20}, {halt_above: '5%'}; and a policy as JSON, which a saved format keeps."""
    if isinstance(value, dict) and value and set(value) <= set(HaltAbove.model_fields):
        return HaltAbove.model_validate(value)
    if isinstance(value, dict) and set(value) == {"halt_above"}:
        limit = value["halt_above"]
        if isinstance(limit, int) and not isinstance(limit, bool) and limit >= 0:
            return HaltAbove(rows=limit)
        percent = re.fullmatch(r"(\d+(?:\.\d+)?)\s*%", str(limit))
        if percent and float(percent[1]) <= 100:
            return HaltAbove(share=float(percent[1]) / 100)
        raise ValueError(f"halt_above takes a number of rows or a percentage such as '5%', not {limit!r}")
    if isinstance(value, (HaltAbove, str)) and (isinstance(value, HaltAbove) or value in ("skip", "halt")):
        return value
    raise ValueError(f"{value!r} is not a policy; known: skip, halt, {{halt_above: 20}}, {{halt_above: '5%'}}")


OnError = Annotated[Policy, BeforeValidator(parse_policy)]


def halts(policy: Policy, rows: int, refused: int) -> str | None:
    """Why a file with `refused` of `rows` rows is halted, or None when it goes on."""
    if refused == 0 or policy == "skip":
        return None
    if policy == "halt":
        return f"{refused} of {rows} rows are refused and the policy is to halt on any"
    if policy.rows is not None and refused > policy.rows:
        return f"{refused} of {rows} rows are refused, more than the {policy.rows} allowed"
    if policy.share is not None and refused > policy.share * rows:
        return f"{refused} of {rows} rows are refused, more than the {policy.share:.4g} of all ({policy.share * 100:.4g} %) allowed"
    return None
