"""Maps of an account's territories for people: a picture for the run, and a page that needs nothing else.

Belongs here: the two entry points. Does not belong here: hierarchy, findings and assignment (territories/); drawing (map_picture.py),
the page (map_html.py), what both show (map_content.py), outlines (map_shapes.py).

Frames, all of them polars; a column that is missing is taken as empty:
`territories`: id Int64, title, level, parent Int64 | null, shape (WKT in degrees), km2, change (created | updated | deleted | null);
`findings`: code, id, other Int64 | null, level, km2, share (0 to 1), shape (WKT of the piece); None when nobody looked;
`pins`: lng, lat, territory Int64 | null, a sample of some thousands; `counts`: id, pins (how many pins each territory holds).
"""

import polars as pl

from import_pipeline.reporting import map_html, map_picture
from import_pipeline.reporting.map_content import content


def territory_map_svg(
    territories: pl.DataFrame,
    findings: pl.DataFrame | None = None,
    *,
    pins: pl.DataFrame | None = None,
    title: str = "Territories",
) -> str:
    """An SVG picture, 1000 units wide and at most some 750 high, below 500 KB whatever the number of territories and their corners.

    Outlines by level, changed territories coloured, overlaps red, gaps and parts outside a parent hatched, titles where they fit.
    Shapes that cannot be read are left out. The same rows in any order give the same text.
    """
    return map_picture.picture(content(title, territories, findings, pins))


def territory_map_html(
    territories: pl.DataFrame,
    findings: pl.DataFrame | None = None,
    *,
    pins: pl.DataFrame | None = None,
    counts: pl.DataFrame | None = None,
    title: str = "Territories",
    note: str = "",
) -> str:
    """A self-contained page: the map to move and zoom, a list with search, the findings with links to their places.

    `page.html#t<id>` opens at a territory. `note` is a sentence below the title. Nothing is requested from anywhere.
    """
    return map_html.page(content(title, territories, findings, pins, counts), note)
