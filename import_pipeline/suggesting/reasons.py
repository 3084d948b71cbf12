"""Why a column is suggested or not, in plain words.

Belongs here: the sentences. Does not belong here: how likely something is (weighing.py).
"""

from import_pipeline.model.columns import Column
from import_pipeline.suggesting.values import Fit, Values

NEVER = "the system makes this column itself; it is never imported"
NOTHING_FITS = "no column of the type is like it"
_KINDS = {
    "Email": "e-mail addresses",
    "Phone": "phone numbers",
    "Number": "numbers",
    "Currency": "amounts",
    "Boolean": "yes or no",
    "Date": "dates",
    "DateTime": "dates with a time",
}


def twice(header: str) -> str:
    """The cell stands more than once."""
    return f"the header has {header.strip()!r} more than once, so a format cannot tell the columns apart: rename one"


def known(header: str, key: str) -> str:
    """A name that the importer knows."""
    return "the column's own name" if header.strip() == key else f"a known name of {key!r}"


def means_the_same(first: str, key: str) -> str:
    """A second known name of a column."""
    return f"a known name of {key!r} too, which {first!r} already fills"


def taken(key: str, holder: str) -> str:
    """The best candidate is another cell's."""
    return f"the best candidate {key!r} is already filled by {holder!r}"


def rivals(key: str) -> str:
    """Two cells fit one column equally well."""
    return f"several columns of the file could be {key!r}: choose one"


def unclear(key: str, confidence: float, reason: str) -> str:
    """The best candidate is not likely enough."""
    return f"unclear; the best candidate is {key!r} ({confidence:.0%}): {reason}"


def guessed(
    key: str, column: Column, likeness: float, nameless: bool, values: Values, fit: Fit, listed: tuple[str, ...], times: int
) -> str:
    """What speaks for one column: the past, the name, the values."""
    parts = []
    if times:
        parts.append(f"imported as {key!r} {times} {'time' if times == 1 else 'times'} before")
    parts.append(_of_name(key, likeness, nameless))
    parts.append(_of_values(column, values, fit, listed))
    return "; ".join(part for part in parts if part)


def _of_name(key: str, likeness: float, nameless: bool) -> str:
    if nameless:
        return "the name tells nothing"
    if likeness >= 0.97:
        return f"the name means the same as {key!r}"
    if likeness >= 0.7:
        return f"the name is close to {key!r}"
    return f"the name is a little like {key!r}" if likeness >= 0.4 else "the name is another"


def _of_values(column: Column, values: Values, fit: Fit, listed: tuple[str, ...]) -> str:
    if not values.given:
        return "no values to judge by"
    good = fit.accepted + fit.mendable
    share = "all values" if good >= 1 else "none of the values" if good == 0 else f"{min(max(good, 0.01), 0.99):.0%} of the values"
    after = " once mended" if fit.mendable > fit.accepted else ""
    if listed:
        what = {"stage": "configured stages", "loss_reason": "configured loss reasons", "owner": "known users"}.get(
            column.role, "its choices"
        )
        return f"{share} are {what}{after}" if column.role != "field" else f"{share} are among {what}{after}"
    kind = _KINDS.get(column.spec.type)
    if kind:
        return (
            f"{share} are {kind}{after}" if column.spec.min is None and column.spec.max is None else f"{share} are {kind} in range{after}"
        )
    return f"{share} fit" if good < 1 else ""
