"""The territory samples for tests: the small cut that is committed, and all US states and counties, made when asked for.

Belongs here: loading the script of the samples. Does not belong here: what an import of them does.
"""

import runpy
from functools import cache
from pathlib import Path
from typing import Any

from import_pipeline.settings import PACKAGE

SAMPLES = PACKAGE.parent / "data" / "samples"
CUT = SAMPLES / "field_sales" / "1_first" / "Territories"


@cache
def script() -> dict[str, Any]:
    """The names of data/samples/make_territories.py."""
    return runpy.run_path(str(SAMPLES / "make_territories.py"))


def states_kml(folder: Path) -> Path:
    """`1_states.kml` in `folder`: 51 states, 7 of them of several polygons."""
    path: Path = script()["states_kml"](folder)
    return path


def counties_kml(folder: Path) -> Path:
    """`2_counties.kml` in `folder`: 3,233 counties."""
    path: Path = script()["counties_kml"](folder)
    return path
