"""How likely a header cell means a column: the evidence of its name, its values and the past, added up as log-odds.

Belongs here: what each kind of evidence weighs. Does not belong here: finding the evidence (names.py, values.py), choosing (mapping.py).

A score is the logarithm of «this column» against «no column of the type». Evidence of values is a likelihood ratio: how often the
right column's values would fit, against how often those of just any column do.
"""

from itertools import pairwise
from math import log

from import_pipeline.model.columns import ADDRESS_LINE, Column
from import_pipeline.suggesting.values import Fit, Values

PRIOR, PRIOR_NAMELESS = -2.7, -2.3
"""Before any evidence: a cell means one given column of some thirty, or none. A name that tells nothing hides no other meaning."""
_BY_NAME = ((0.0, -2.1), (0.3, -1.9), (0.5, -0.8), (0.6, 0.4), (0.75, 2.4), (0.85, 3.8), (0.93, 5.2), (1.0, 6.5))
"""Weight of a name by its likeness; straight lines between."""
_FIT, _MISFIT = 0.95, 0.012
_MENDED = 0.8
"""What a value counts that would pass only after a mend."""
_PLACES = {
    "House Number": ("house",),
    "Street": ("street",),
    "Zip": ("zip",),
    "State": ("state_code",),
    "Country": ("country",),
    ADDRESS_LINE: ("address",),
}
_NO_SHAPE = {"State": -0.3, "Street": -0.3, "Country": -0.8}
"""Weight of values without the part's shape, where names of all languages are right as well."""
_SPEAKING = ("email", "url", "date", "moment", "phone", "amount", "decimal", "yes_no")
"""Shapes that a plain text field hardly has throughout."""


def by_name(likeness: float) -> float:
    """The weight of a name of this likeness, 0 to 1."""
    for (low, weight), (high, more) in pairwise(_BY_NAME):
        if likeness <= high:
            return weight + (more - weight) * (likeness - low) / (high - low)
    return _BY_NAME[-1][1]


def by_past(times: int, otherwise: int) -> float:
    """The weight of having been imported so `times` times, and otherwise `otherwise` times."""
    return 5.0 + log((times + 0.5) / (otherwise + 0.5)) if times else 0.0


def by_values(column: Column, values: Values, fit: Fit, listed: int) -> float:
    """The weight of the values. `listed` is how many values the column's list has (0: it has none). No values, no weight."""
    if not values.given:
        return 0.0
    good = good_share(column, values, fit)
    ratio = _ratio(good, commonness(column, values, listed)) if _is_strict(column, listed) else _of_text(column, values, good)
    return float(ratio * min(1.0, (values.given / 4) ** 0.5))


def good_share(column: Column, values: Values, fit: Fit) -> float:
    """The share of values that the column takes, mendable ones discounted. A date in another order of day and month is a date."""
    good = fit.accepted + _MENDED * fit.mendable
    if column.spec.type == "Date":
        good = max(good, 0.7 * values.shapes["date"])
    if column.spec.type == "DateTime":
        good = max(good, 0.7 * values.shapes["moment"])
    return min(good, 1.0)


def commonness(column: Column, values: Values, listed: int) -> float:
    """How often the values of just any column would fit this one's type."""
    shapes = values.shapes
    if listed:
        return 0.06 / min(values.different, 8) ** 2
    match column.spec.type:
        case "Email":
            return 0.03
        case "Phone":
            return 0.03 if shapes["phone"] >= 0.5 else 0.3
        case "Date":
            return 0.06
        case "DateTime":
            return 0.04
        case "Boolean":
            return 0.05 if shapes["yes_no"] >= 0.5 else 0.2
        case "Currency":
            return 0.1 if shapes["amount"] >= 0.5 else 0.3
        case _:
            return 0.12 if column.role == "address" and shapes["decimal"] >= 0.8 else 0.25


def _is_strict(column: Column, listed: int) -> bool:
    return bool(listed) or column.spec.type not in ("Text", "MultiLine", "Address")


def _ratio(good: float, common: float) -> float:
    return good * log(_FIT / common) + (1 - good) * log(_MISFIT / (1 - common))


def _of_text(column: Column, values: Values, good: float) -> float:
    """A text field takes nearly everything, so its values are judged by what they look like."""
    shapes = values.shapes
    weight = -4.0 * (1 - good)
    if column.role in ("record_id", "external_id", "external_pin_id", "parent"):
        return weight + _of_id(column, values)
    if column.key in _PLACES and column.role == "address":
        share = max(shapes[name] for name in _PLACES[column.key])
        if column.key == "Street" and shapes["address"] > 0.5:
            return weight - 2.5
        return weight + (_ratio(share, 0.1) if share > 0.5 else _NO_SHAPE.get(column.key, -1.2))
    if column.spec.type == "Address":
        share = max(shapes["address"], shapes["address_in_full"])
        return weight + (1.5 if share > 0.5 else -1.5)
    strange = max(shapes[name] for name in _SPEAKING)
    if strange > 0.5:
        return weight - 3.5 * strange
    number = max(shapes["whole"], shapes["code"])
    return weight - 0.8 * number if number > 0.5 and "id" not in column.key.casefold().split() else weight


def _of_id(column: Column, values: Values) -> float:
    """Ids look like codes; a record's own id stands in one row only."""
    shapes = values.shapes
    weight = 0.8 if shapes["code"] > 0.7 else 0.0
    if column.role == "record_id":
        weight += 1.0 if shapes["record_id"] > 0.9 else -6.0
    if max(shapes[name] for name in _SPEAKING) > 0.5:
        weight -= 3.0
    if column.role in ("record_id", "external_id") and values.given >= 8 and values.different < 0.9 * values.given:
        weight -= 3.5
    return weight
