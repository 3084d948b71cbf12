"""A suggested mapping: for every header cell one column of the type or none, with a confidence and a reason (acceptance B-10).

Belongs here: weighing all cells against all columns, choosing at most one cell per column. Does not belong here: what evidence weighs
(weighing.py), how it is told (reasons.py), formats (writing.py).
"""

from collections.abc import Mapping as Dict
from collections.abc import Sequence
from dataclasses import dataclass
from math import exp

import polars as pl

from import_pipeline.model.base import fold_name
from import_pipeline.model.columns import Column, system_generated
from import_pipeline.model.mapping import AcceptedMapping
from import_pipeline.model.object_type import ObjectType
from import_pipeline.suggesting import reasons
from import_pipeline.suggesting.names import Names, tells_nothing
from import_pipeline.suggesting.values import Judges, Values, values_of
from import_pipeline.suggesting.weighing import PRIOR, PRIOR_NAMELESS, by_name, by_past, by_values

THRESHOLD = 0.55
"""Confidence from which a guessed column is imported; what is less likely is named in the reason and left out."""
MOST_CERTAIN = 0.99
"""No guess is certain: 1.0 is for names that the importer knows."""
_OTHERS, _WORTH_TELLING = 3, 0.05


@dataclass(frozen=True)
class Candidate:
    """A column that a header cell may mean."""

    key: str
    confidence: float
    reason: str


@dataclass(frozen=True)
class Suggestion:
    """What becomes of one header cell. `key` None: not imported; `confidence` (0 to 1) is then how sure it is that nothing fits.

    `samples` are up to three values, `others` the next best columns.
    """

    header: str
    key: str | None
    confidence: float
    reason: str
    samples: tuple[str, ...] = ()
    others: tuple[Candidate, ...] = ()


@dataclass(frozen=True)
class SuggestedMapping:
    """The suggestions for all header cells, in the order of the header."""

    object_type: str
    suggestions: tuple[Suggestion, ...]

    @property
    def keys(self) -> tuple[str | None, ...]:
        """The column of each cell."""
        return tuple(found.key for found in self.suggestions)

    @property
    def total(self) -> float:
        """The confidences of what would be imported, added up: how well the type fits the file."""
        return sum(found.confidence for found in self.suggestions if found.key)


@dataclass(frozen=True)
class _Weighed:
    """One cell: its values, whether its name tells nothing, and its candidates by confidence."""

    values: Values
    candidates: tuple[Candidate, ...]

    def of(self, key: str) -> Candidate:
        return next(found for found in self.candidates if found.key == key)


def suggest(
    header: Sequence[str],
    values: pl.DataFrame,
    object_type: ObjectType,
    *,
    history: Sequence[AcceptedMapping] = (),
    timezone: str = "UTC",
) -> SuggestedMapping:
    """A mapping for a file with this header. `values` has one String column per cell, named by its position («0», «1», …).

    Names that the importer knows are certain (1.0). Everything else is a guess from names, values and accepted mappings of the past.
    No column is given to two cells. The order of rows makes no difference.
    """
    taken = [values_of(values.get_column(str(place))) for place in range(len(header))]
    certain = _certain(header, taken, object_type)
    open_ = [place for place in range(len(header)) if place not in certain]
    scale = _Scale(object_type, history, timezone)
    weighed = {place: _Weighed(taken[place], scale.candidates(header[place], taken[place])) for place in open_}
    holders = {found.key: found.header for found in certain.values() if found.key}
    chosen = _choose(weighed, holders, header)
    made = [certain[place] if place in certain else _made(header[place], weighed[place], chosen[place]) for place in range(len(header))]
    return SuggestedMapping(object_type.name, tuple(made))


def suggest_type(
    header: Sequence[str],
    values: pl.DataFrame,
    object_types: Sequence[ObjectType],
    *,
    history: Dict[str, Sequence[AcceptedMapping]] | None = None,
    timezone: str = "UTC",
) -> SuggestedMapping:
    """The mapping for the type that fits the file best: by the confidences added up, the first of equals. `history` is by type's name."""
    past = history or {}
    found = [suggest(header, values, one, history=past.get(one.name, ()), timezone=timezone) for one in object_types]
    return max(found, key=lambda mapping: mapping.total)


def _certain(header: Sequence[str], values: Sequence[Values], object_type: ObjectType) -> dict[int, Suggestion]:
    """What needs no guess, by position: known names, columns that are never imported, cells that stand twice."""
    mapped = object_type.map_header(tuple(header))
    places: dict[str, list[int]] = {}
    for place, cell in enumerate(header):
        places.setdefault(cell.strip(), []).append(place)
    found: dict[int, Suggestion] = {}
    for twins in (found_at for found_at in places.values() if len(found_at) > 1):
        for place in twins:
            found[place] = Suggestion(header[place], None, 1.0, reasons.twice(header[place]), values[place].samples)
    system = {fold_name(prefix + f.name) for f in object_type.fields if f.system for prefix in ("", "Field ")}
    for place, cell in enumerate(header):
        countable = system_generated(cell) and fold_name(cell) not in system
        if place not in found and cell in mapped.ignored and not countable:
            found[place] = Suggestion(cell, None, 1.0, reasons.NEVER, values[place].samples)
    known: dict[str, list[int]] = {}
    for place, key in enumerate(mapped.keys):
        if key is not None and place not in found:
            known.setdefault(key, []).append(place)
    for key, claims in known.items():
        first, *rest = sorted(claims, key=lambda place: (fold_name(header[place]) != fold_name(key), place))
        found[first] = Suggestion(header[first], key, 1.0, reasons.known(header[first], key), values[first].samples)
        for place in rest:
            found[place] = Suggestion(header[place], None, 1.0, reasons.means_the_same(header[first], key), values[place].samples)
    return found


class _Scale:
    """Weighs header cells against all columns of one type."""

    def __init__(self, object_type: ObjectType, history: Sequence[AcceptedMapping], timezone: str) -> None:
        self.columns: dict[str, Column] = {column.key: column for column in object_type.columns}
        self.names, self.judges = Names(object_type), Judges(object_type, timezone)
        self.past: dict[str, dict[str | None, int]] = {}
        for accepted in history:
            counts = self.past.setdefault(fold_name(accepted.header), {})
            counts[accepted.key] = counts.get(accepted.key, 0) + accepted.times

    def candidates(self, cell: str, values: Values) -> tuple[Candidate, ...]:
        """All columns with the probability that the cell means them, the most likely first."""
        past = self.past.get(fold_name(cell), {})
        nameless, words, fits = tells_nothing(cell), self.names.name(cell), self.judges.fits(values)
        scores: dict[str, float] = {}
        told: dict[str, str] = {}
        for key, column in self.columns.items():
            likeness = self.names.similarity(words, key)
            fit = fits[key]
            listed = self.judges.listed(key)
            times, otherwise = past.get(key, 0), sum(past.values()) - past.get(key, 0)
            score = (PRIOR_NAMELESS if nameless else PRIOR + by_name(likeness)) + by_values(column, values, fit, len(listed))
            scores[key] = score + by_past(times, otherwise)
            told[key] = reasons.guessed(key, column, likeness, nameless, values, fit, listed, times)
        none = exp(by_past(past.get(None, 0), sum(past.values()) - past.get(None, 0)))
        total = none + sum(exp(score) for score in scores.values())
        order = sorted(scores, key=lambda key: -scores[key])
        return tuple(Candidate(key, min(exp(scores[key]) / total, MOST_CERTAIN), told[key]) for key in order)


Choice = tuple[Candidate | None, str]
"""The column chosen, or None; and why not the best candidate, in words («» when it was chosen)."""


def _choose(weighed: Dict[int, _Weighed], holders: dict[str, str], header: Sequence[str]) -> dict[int, Choice]:
    """The most likely pairs first, each column once. A rival for the same column makes a pair less sure; equal rivals get nothing."""
    pairs: list[tuple[float, int, Candidate]] = []
    for place, cell in weighed.items():
        for found in cell.candidates:
            if found.confidence < THRESHOLD:
                break
            rival = max((w.of(found.key).confidence for p, w in weighed.items() if p != place), default=0.0)
            sure = found.confidence * (1 - 0.5 * min(1.0, rival / found.confidence) ** 4)
            pairs.append((sure, place, Candidate(found.key, round(sure, 4), found.reason)))
    chosen: dict[int, Choice] = {}
    holders = dict(holders)
    for sure, place, found in sorted(pairs, key=lambda pair: (-pair[0], pair[1])):
        if found.key in holders:
            chosen[place] = None, reasons.taken(found.key, holders[found.key])
        elif sure < THRESHOLD:
            chosen[place] = None, reasons.rivals(found.key)
        else:
            chosen[place] = found, ""
            holders[found.key] = header[place]
    return {place: chosen.get(place, (None, "")) for place in weighed}


def _made(header: str, cell: _Weighed, choice: Choice) -> Suggestion:
    found, refused = choice
    others = tuple(c for c in cell.candidates if c.confidence >= _WORTH_TELLING and (found is None or c.key != found.key))[:_OTHERS]
    others = tuple(Candidate(c.key, round(c.confidence, 2), c.reason) for c in others)
    if found:
        return Suggestion(header, found.key, round(found.confidence, 2), found.reason, cell.values.samples, others)
    best = cell.candidates[0]
    left_out = 1.0 if refused else 1 - best.confidence
    reason = refused or (reasons.unclear(best.key, best.confidence, best.reason) if others else reasons.NOTHING_FITS)
    return Suggestion(header, None, round(min(left_out, MOST_CERTAIN), 2), reason, cell.values.samples, others)
