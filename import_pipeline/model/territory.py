"""Territories of an account: what defs.yaml may state about them, and the object type that holds them (acceptance S-14, B-14).

Belongs here: the settings and the fields of a territory. Does not belong here: reading KML (parsing/), geometry (territories/).
"""

import re

from import_pipeline.model.base import Model
from import_pipeline.model.field import FieldSpec
from import_pipeline.model.object_type import ObjectType
from import_pipeline.model.policy import Share

TERRITORY = "Territory"
TITLE, LEVEL, SHAPE, DESCRIPTION, PARENT = "Title", "Level", "Shape", "Description", "Parent"
RING_POINTS = 500_000
"""The most points of one ring."""
MAP_PINS = 2_000
"""The most pins that a map shows."""
LEVELS = 9
"""The deepest level there can be: a file's name tells it with one digit, `1_` to `9_`."""
_LEVEL = re.compile(r"(?<![0-9])([1-9])_")


class Territories(Model):
    """The account has territories, which come as KML through /Territories.

    `accept_multipolygons` takes placemarks with several polygons or with holes; without it each of them fails alone (acceptance,
    decision 7). `tolerance` is for borders drawn by hand: the share of its area by which a territory may reach over its parent's border
    or overlap a sibling without being reported.
    """

    accept_multipolygons: bool = False
    tolerance: Share = 0.01

    def object_type(self) -> ObjectType:
        """The object type of territories. A territory is known by its title: the same title replaces the shape (acceptance S-14)."""
        return ObjectType(
            name=TERRITORY,
            description="Sales territories from KML files; level 2 lies below level 1, and so on.",
            external_id=TITLE,
            fields=(
                FieldSpec(
                    name=LEVEL,
                    type="Number",
                    decimals=0,
                    min=1,
                    max=LEVELS,
                    required=True,
                    update="always",
                    description="1 for the highest; a file's name tells it: 1_, 2_, 3_.",
                ),
                FieldSpec(
                    name=SHAPE,
                    type="Shape",
                    multipolygons=self.accept_multipolygons,
                    required=True,
                    update="always",
                    description="The border as WKT in degrees, longitude first.",
                ),
                FieldSpec(name=DESCRIPTION, type="MultiLine", update="always", description="Free text."),
                FieldSpec(name=PARENT, system=True, description="The territory of the level above that contains this one."),
            ),
        )


def level_of(name: str) -> int:
    """The level that a file's name tells (acceptance S-14): `1_North.kml` is 1, `north 2_b.kml` is 2, a name that tells none is 1."""
    told = _LEVEL.search(name)
    return int(told[1]) if told else 1
