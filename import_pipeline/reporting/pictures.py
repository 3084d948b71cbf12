"""Pictures for people: what the deliveries of an account brought, as PNG.

Belongs here: drawing numbers that the caller already has. Does not belong here: counting, reading the ledger.
matplotlib is imported when a picture is drawn: it takes half a second that no other part of the program should pay.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

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


SERIES = (
    ("created", "#0072B2", ""),
    ("updated", "#56B4E9", ""),
    ("unchanged", "#C9CED6", ""),
    ("deleted", "#CC79A7", ""),
    ("parked", "#E69F00", "...."),
    ("refused", "#D55E00", "////"),
)
"""What is stacked, bottom first: name, colour (Okabe-Ito: distinct with every kind of colour blindness), hatch."""
MOST_BARS = 40
"""Deliveries that one picture shows; older ones are left out and counted."""
_LABELLED_BARS = 14
"""Bars up to which each has its numbers and its own time; with more, the labels would touch."""
_LEAST_WIDTH = 7
"""Bars for which there is room at least, so that a single one is no wall."""


def rows_per_delivery(points: Sequence[DeliveryPoint], *, title: str = "Rows per delivery") -> bytes:
    """A stacked bar per delivery, oldest left, the last `MOST_BARS` of them; PNG, 1500 × 675 pixels."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    shown = sorted(points, key=lambda p: (p.created_at, p.key))[-MOST_BARS:]
    figure = Figure(figsize=(10, 4.5), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    _bars(axes, shown)
    _titles(axes, title, shown, left_out=len(points) - len(shown))
    if shown:
        axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: short_number(value)))
    out = io.BytesIO()
    figure.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()


def short_number(value: float) -> str:
    """1234567 as `1.2M`, 90000 as `90k`, 950 as `950`."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.1f}".removesuffix(".0") + letter
    return f"{value:.0f}"


def _bars(axes, points: Sequence[DeliveryPoint]) -> None:  # type: ignore[no-untyped-def]
    places = list(range(len(points)))
    floor = [0] * len(points)
    for name, colour, hatch in SERIES:
        heights = [getattr(p, name) for p in points]
        if not any(heights):
            continue
        axes.bar(places, heights, 0.72, floor, label=name, color=colour, hatch=hatch, edgecolor="white", linewidth=0.6)
        floor = [a + b for a, b in zip(floor, heights, strict=True)]
    if len(points) <= _LABELLED_BARS:
        _numbers(axes, points, floor)
    every = -(-len(points) // _LABELLED_BARS) or 1
    axes.set_xticks(places[::every], [f"{p.created_at:%d %b}\n{p.created_at:%H:%M}" for p in points[::every]], fontsize=8)
    side = 0.6 + max(0, _LEAST_WIDTH - len(points)) / 2
    axes.set_xlim(-side, len(points) - 1 + side)


def _numbers(axes, points: Sequence[DeliveryPoint], heights: Sequence[int]) -> None:  # type: ignore[no-untyped-def]
    """Rows above each bar and, where there are any, how many of them were refused."""
    box = {"facecolor": "white", "edgecolor": "none", "pad": 0.6}
    for place, (point, height) in enumerate(zip(points, heights, strict=True)):
        style = {"textcoords": "offset points", "ha": "center", "bbox": box}
        axes.annotate(short_number(height), (place, height), (0, 4), fontsize=8, **style)
        if point.refused:
            refused = f"{short_number(point.refused)} refused"
            axes.annotate(refused, (place, height), (0, 15), fontsize=7, color="#A34700", **style)


def _titles(axes, title: str, shown: Sequence[DeliveryPoint], left_out: int) -> None:  # type: ignore[no-untyped-def]
    rows, refused = sum(p.rows for p in shown), sum(p.refused for p in shown)
    deliveries = "delivery" if len(shown) == 1 else "deliveries"
    told = f"{rows:,} rows in {len(shown)} {deliveries}, {refused:,} refused" if shown else "no deliveries yet"
    if left_out:
        told += f" ({left_out} older not shown)"
    axes.set_title(title, loc="left", fontsize=13, fontweight="bold", pad=24)
    axes.annotate(told, (0, 1), (0, 8), xycoords="axes fraction", textcoords="offset points", fontsize=9.5, color="#555555")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(length=0, labelsize=8.5)
    axes.grid(axis="y", color="#E3E6EA", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.margins(y=0.16)
    if not shown:
        axes.set_yticks([])
        return
    handles, names = axes.get_legend_handles_labels()
    axes.legend(handles[::-1], names[::-1], loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=9, borderaxespad=0.4)
