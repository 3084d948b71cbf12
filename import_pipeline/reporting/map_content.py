"""What a map of territories shows: the territories in the order people read them, what was found about them, and the words for it.

Belongs here: sorting, joining titles, counting, sentences. Does not belong here: geometry (map_shapes.py), drawing (map_picture.py),
pages (maps.py), finding anything (territories/).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

CHANGES = ("created", "updated", "deleted")
FINDINGS = {
    "overlap": "Overlap",
    "gap": "Gap",
    "outside_parent": "Outside its parent",
    "no_parent_territory": "No parent",
}
"""Codes of findings (model/row_error.py) in the order in which they are told, with their short names."""
_NOUNS = {
    "overlap": ("overlap", "overlaps"),
    "gap": ("gap", "gaps"),
    "outside_parent": ("reaches outside its parent", "reach outside their parents"),
    "no_parent_territory": ("has no parent", "have no parent"),
}
TERRITORIES_SCHEMA = {
    "id": pl.Int64,
    "title": pl.String,
    "level": pl.Int64,
    "parent": pl.Int64,
    "shape": pl.String,
    "km2": pl.Float64,
    "change": pl.String,
}
FINDINGS_SCHEMA = {
    "code": pl.String,
    "id": pl.Int64,
    "other": pl.Int64,
    "level": pl.Int64,
    "km2": pl.Float64,
    "share": pl.Float64,
    "shape": pl.String,
}
PINS_SCHEMA = {"lng": pl.Float64, "lat": pl.Float64, "territory": pl.Int64}
COUNTS_SCHEMA = {"id": pl.Int64, "pins": pl.Int64}
MOST_PINS = 5_000
"""Pins that one map shows; of more, every n-th."""
_UNSEEN = r"[\x00-\x1f\x7f-\x9f\x{2028}\x{2029}\x{202a}-\x{202e}\x{2066}-\x{2069}\x{fffe}\x{ffff}]"
"""Control characters, marks that turn the reading direction, and what XML 1.0 cannot hold: they make a title look like another."""


@dataclass(frozen=True)
class MapContent:
    """What is drawn. `territories` has the columns of the input and `parent_title`, `pins`, sorted by level, title and id; `findings`
    those of the input and `title`, `other_title`, sorted by kind, then the largest first; `pins` at most `MOST_PINS`. `counted` and
    `inspected` tell whether numbers of pins and findings were given at all."""

    title: str
    territories: pl.DataFrame
    findings: pl.DataFrame
    pins: pl.DataFrame
    counted: bool
    inspected: bool

    @property
    def levels(self) -> dict[int, int]:
        """How many territories each level has that occurs; deleted ones are not counted."""
        return dict(self._living().group_by("level").len().sort("level").iter_rows())

    @property
    def changes(self) -> dict[str, int]:
        """How many territories were created, updated, deleted; only what occurs."""
        found = dict(self.territories.group_by("change").len().iter_rows())
        return {name: found[name] for name in CHANGES if name in found}

    @property
    def plain(self) -> frozenset[str]:
        """Changes that more than half of the territories have: highlighting all of them would hide what they are."""
        return frozenset(name for name, count in self.changes.items() if 2 * count > self.territories.height)

    @property
    def found(self) -> dict[str, int]:
        """How many findings of each code there are; only what occurs, in the order of `FINDINGS`."""
        return dict(self.findings.group_by("code", maintain_order=True).len().iter_rows())

    def sentences(self) -> list[str]:
        """What the map tells in words: how many, what changed, what was found."""
        number, levels = self._living().height, len(self.levels)
        if not self.territories.height:
            return ["No territories yet."]
        places = "territory" if number == 1 else "territories"
        told = [f"{number:,} {places} in {levels:,} level{'s' if levels != 1 else ''}."]
        if self.changes:
            told.append(", ".join(f"{count:,} {name}" for name, count in self.changes.items()) + ".")
        if self.found:
            told.append(", ".join(f"{count:,} {_noun(code, count)}" for code, count in self.found.items()) + ".")
        elif self.inspected:
            told.append("No overlaps, no gaps.")
        return told

    def _living(self) -> pl.DataFrame:
        return self.territories.filter(pl.col("change").ne_missing("deleted"))


def content(
    title: str,
    territories: pl.DataFrame,
    findings: pl.DataFrame | None = None,
    pins: pl.DataFrame | None = None,
    counts: pl.DataFrame | None = None,
) -> MapContent:
    """Input frames (reporting/maps.py tells their columns) made ready; the same frames in any order give the same content."""
    known = _typed(territories, TERRITORIES_SCHEMA).with_columns(clean(pl.col("title").fill_null("")))
    titles = known.select("id", "title")
    number = _typed(counts, COUNTS_SCHEMA).group_by("id").agg(pl.col("pins").sum())
    rows = (
        known.join(titles.rename({"id": "parent", "title": "parent_title"}), on="parent", how="left")
        .join(number, on="id", how="left")
        .with_columns(pl.col("pins").fill_null(0), pl.col("change").replace({"unchanged": None}))
        .sort("level", pl.col("title").str.to_lowercase(), "title", "id")
    )
    return MapContent(clean_text(title), rows, _findings(findings, titles), _pins(pins), counts is not None, findings is not None)


def clean(text: pl.Expr) -> pl.Expr:
    """`text` without characters that nobody can see and that would mislead: each becomes U+FFFD."""
    return text.str.replace_all(_UNSEEN, "\ufffd")


def clean_text(text: str) -> str:
    """One text, cleaned as `clean` does."""
    return str(pl.select(clean(pl.lit(text))).item())


def percent(share: float | None) -> str:
    """0.1235 as `12.4 %`, 0.00001 as `< 0.1 %`, nothing for None."""
    if share is None:
        return ""
    return "<\u00a00.1\u00a0%" if 0 < share < 0.001 else f"{100 * share:.1f}".removesuffix(".0") + "\u00a0%"


def square_km(area: float | None) -> str:
    """An area with as many digits as it deserves: 12,345 · 34.5 · 0.27 · < 0.01; nothing for None."""
    if area is None:
        return ""
    if 0 < area < 0.01:
        return "<\u00a00.01"
    return f"{area:,.0f}" if area >= 100 else f"{area:.1f}" if area >= 10 else f"{area:.2f}"


def _noun(code: str, count: int) -> str:
    return _NOUNS.get(code, (code.replace("_", " "),) * 2)[count != 1]


def _findings(findings: pl.DataFrame | None, titles: pl.DataFrame) -> pl.DataFrame:
    rank = pl.col("code").replace_strict({code: n for n, code in enumerate(FINDINGS)}, default=len(FINDINGS), return_dtype=pl.Int64)
    return (
        _typed(findings, FINDINGS_SCHEMA)
        .join(titles, on="id", how="left")
        .join(titles.rename({"id": "other", "title": "other_title"}), on="other", how="left")
        .sort(rank, "code", pl.col("km2").fill_null(0.0), "id", "other", descending=[False, False, True, False, False])
    )


def _pins(pins: pl.DataFrame | None) -> pl.DataFrame:
    found = _typed(pins, PINS_SCHEMA).filter(pl.col("lng").is_finite() & pl.col("lat").is_finite()).unique().sort("lng", "lat", "territory")
    return found.gather_every(max(1, -(-found.height // MOST_PINS)))


def _typed(frame: pl.DataFrame | None, schema: Mapping[str, type[pl.DataType]]) -> pl.DataFrame:
    """The columns of `schema` with its types; a column that is missing is empty."""
    if frame is None:
        return pl.DataFrame(schema=schema)
    wanted = [pl.col(n).cast(t) if n in frame.columns else pl.lit(None, t).alias(n) for n, t in schema.items()]
    return frame.select(wanted)
