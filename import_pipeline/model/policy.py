"""Policies on bad rows: skip, halt, or halt above a threshold.

Belongs here: the words of a policy and the pure decision. Does not belong here: counting rows.
"""

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator

from import_pipeline.model.base import Model


class HaltAbove(Model):
    """Halts a file when more rows than `rows`, or more than `share` (0 to 1) of its rows, are refused (acceptance B-13)."""

    rows: int | None = None
    share: float | None = None


Policy = Literal["skip", "halt"] | HaltAbove


def parse_policy(value: object) -> object:
    """'skip', 'halt', {halt_above: 20}, {halt_above: '5%'}."""
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
