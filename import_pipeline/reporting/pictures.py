"""Pictures for people: what the deliveries of an account brought, as SVG.

Belongs here: drawing numbers that the caller already has. Does not belong here: counting, reading the ledger.
The picture is written as text: a drawing library takes longer to load than a small file to import.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape

from import_pipeline.model.job import Counts


@dataclass(frozen=True)
class DeliveryPoint:
    """One delivery's rows. `created_at` is when it was made; the rows are disjoint: good ones by effect, and refused ones."""

    key: str
    created_at: datetime
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    parked: int = 0
    refused: int = 0

    @classmethod
    def of(cls, key: str, created_at: datetime, counts: Counts) -> "DeliveryPoint":
        """The point of a delivery whose jobs together have `counts`."""
        return cls(key, created_at, **{name: getattr(counts, name) for name, _, _ in SERIES})

    @property
    def rows(self) -> int:
        """All rows of the delivery."""
        return sum(getattr(self, name) for name, _, _ in SERIES)


_DOTS = '<path d="M1.5 1.5h0m4 0h0m-2 3.5h0" stroke="#fff" stroke-width="1.6" stroke-linecap="round"/>'
_STRIPES = '<path d="M-2 2l4-4M-1 8l9-9M5 9l4-4" stroke="#fff" stroke-width="1.3"/>'
SERIES = (
    ("created", "#0072B2", ""),
    ("updated", "#56B4E9", ""),
    ("unchanged", "#C9CED6", ""),
    ("deleted", "#CC79A7", ""),
    ("parked", "#E69F00", _DOTS),
    ("refused", "#D55E00", _STRIPES),
)
"""What is stacked, bottom first: name, colour (Okabe-Ito: distinct with every kind of colour blindness), hatch."""
MOST_BARS = 40
"""Deliveries that one picture shows; older ones are left out and counted."""
_LABELLED_BARS = 14
"""Bars up to which each has its numbers and its own time; with more, the labels would touch."""
_LEAST_WIDTH = 7
"""Bars for which there is room at least, so that a single one is no wall."""
WIDTH, HEIGHT = 1000, 450
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 872, 58, 404
"""Edges of the bars' area; the names of the colours stand to its right."""
_HEADROOM = 38
"""Above the highest bar: its two labels."""
_INTERVALS = 6
"""Parts of the scale at most."""


def rows_per_delivery(points: Sequence[DeliveryPoint], *, title: str = "Rows per delivery") -> bytes:
    """A stacked bar per delivery, oldest left, the last `MOST_BARS` of them; SVG of 1000 × 450 units, UTF-8."""
    shown = sorted(points, key=lambda p: (p.created_at, p.key))[-MOST_BARS:]
    most = max((p.rows for p in shown), default=0)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="DejaVu Sans, Verdana, Helvetica, Arial, sans-serif" font-size="11">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        *_patterns(),
        *_titles(title, shown, left_out=len(points) - len(shown)),
        *(_scale(most) if shown else ()),
        f'<path d="M{_LEFT} {_BOTTOM}H{_RIGHT}" stroke="#222"/>',
        *_bars(shown, most),
        *_legend([name for name, _, _ in SERIES if any(getattr(p, name) for p in shown)]),
        "</svg>\n",
    ]
    return "\n".join(parts).encode()


def short_number(value: float) -> str:
    """1234567 as `1.2M`, 90000 as `90k`, 950 as `950`."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.1f}".removesuffix(".0") + letter
    return f"{value:.0f}"


def ticks(most: int) -> list[int]:
    """The numbers at the scale from 0 up to `most`, in equal steps of 1, 2, 2.5 or 5 times a power of ten; at most seven, at least two."""
    size = 1
    while True:
        for step in (size, 2 * size, *((5 * size // 2,) if size > 1 else ()), 5 * size):
            if most <= step * _INTERVALS:
                return list(range(0, max(most, step) + 1, step))
        size *= 10


def _patterns() -> Iterator[str]:
    """The hatched fills, named like their series."""
    for name, colour, hatch in SERIES:
        if hatch:
            ground = f'<rect width="7" height="7" fill="{colour}"/>'
            yield f'<pattern id="{name}" width="7" height="7" patternUnits="userSpaceOnUse">{ground}{hatch}</pattern>'


def _fill(name: str) -> str:
    return next(f"url(#{name})" if hatch else colour for known, colour, hatch in SERIES if known == name)


def _text(x: float, y: float, words: str, *, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}"{more}>{escape(words)}</text>'


def _height(rows: int, most: int) -> float:
    """Units of a bar of so many rows; the highest one leaves room for its labels."""
    return rows / max(most, 1) * (_BOTTOM - _TOP - _HEADROOM)


def _scale(most: int) -> Iterator[str]:
    for number in ticks(most):
        y = _BOTTOM - _height(number, most)
        if number:
            yield f'<path d="M{_LEFT} {y:.1f}H{_RIGHT}" stroke="#E3E6EA"/>'
        yield _text(_LEFT - 6, y + 4, short_number(number), more=' text-anchor="end"')


def _bars(points: Sequence[DeliveryPoint], most: int) -> Iterator[str]:
    """Bars, their numbers where there is room, and their times."""
    room = (_RIGHT - _LEFT) / max(len(points), _LEAST_WIDTH)
    middle = (_LEFT + _RIGHT) / 2 - room * (len(points) - 1) / 2
    every = -(-len(points) // _LABELLED_BARS) or 1
    for number, point in enumerate(points):
        x, top = middle + number * room, float(_BOTTOM)
        for name, _, _ in SERIES:
            if height := _height(getattr(point, name), most):
                top -= height
                place = f'x="{x - room * 0.36:.1f}" y="{top:.2f}" width="{room * 0.72:.1f}" height="{height:.2f}"'
                yield f'<rect {place} fill="{_fill(name)}" stroke="#fff" stroke-width="0.6" class="{name}"/>'
        if len(points) <= _LABELLED_BARS:
            yield from _numbers(point, x, top)
        if number % every == 0:
            for down, words in ((16, f"{point.created_at:%d %b}"), (30, f"{point.created_at:%H:%M}")):
                yield _text(x, _BOTTOM + down, words, more=' text-anchor="middle"')


def _numbers(point: DeliveryPoint, x: float, top: float) -> Iterator[str]:
    """Rows above the bar and, where there are any, how many of them were refused; lines of the scale do not run through them."""
    style = ' text-anchor="middle" stroke="#fff" stroke-width="3" paint-order="stroke"'
    yield _text(x, top - 6, short_number(point.rows), more=style)
    if point.refused:
        yield _text(x, top - 20, f"{short_number(point.refused)} refused", more=style + ' font-size="10" fill="#A34700"')


def _titles(title: str, shown: Sequence[DeliveryPoint], left_out: int) -> Iterator[str]:
    rows, refused = sum(p.rows for p in shown), sum(p.refused for p in shown)
    deliveries = "delivery" if len(shown) == 1 else "deliveries"
    told = f"{rows:,} rows in {len(shown)} {deliveries}, {refused:,} refused" if shown else "no deliveries yet"
    if left_out:
        told += f" ({left_out} older not shown)"
    yield _text(_LEFT, 22, title, more=' font-size="18" font-weight="bold"')
    yield _text(_LEFT, 42, told, more=' font-size="13" fill="#555"')


def _legend(names: Sequence[str]) -> Iterator[str]:
    """The colours that occur, in the order in which they are stacked."""
    for row, name in enumerate(reversed(names)):
        y = _TOP + 4 + 19 * row
        yield f'<rect x="{_RIGHT + 14}" y="{y}" width="24" height="9" fill="{_fill(name)}"/>'
        yield _text(_RIGHT + 46, y + 9, name, more=' font-size="12"')
