"""The empty KML file to fill in with territories: a document that tells how, and no placemark (acceptance S-14, S-15).

Belongs here: the text of that file. Does not belong here: templates of other kinds (templates.py), reading a filled one (parsing/).
"""

from typing import Any

from fastkml import KML
from fastkml.containers import Document
from fastkml.data import Data, ExtendedData
from lxml import etree

from import_pipeline.model.object_type import ObjectType
from import_pipeline.model.territory import SHAPE

TEMPLATE_MARK = "_import_template"
"""Name of the Data by which an empty template is told from a KML file that has lost its placemarks."""

_HOW = """Draw one polygon per territory into this document, in any program that saves KML. Each becomes one territory.
Name: the territory's title. The same title again replaces the shape of that territory; a new title adds one.
Level: the file's name begins with it. 1_Regions.kml holds the highest level, 2_Districts.kml what lies inside of those, and so on.
Border: at least four points, longitude before latitude, the last point equal to the first, and no border crosses itself.
{parts}
An example stands as a comment in this file. Styles, folders and pictures are not imported."""
_SINGLE = "One polygon without holes per territory; several polygons or holes are refused for that territory alone."
_SEVERAL = "A territory may have holes, or several polygons in one MultiGeometry."
_BEFORE = " An example. Take it out of its comment, and change name, description and coordinates. "
_EXAMPLE = """
<Placemark>
  <name>North</name>
  <description>Everything north of the river</description>
  <Polygon>
    <outerBoundaryIs>
      <LinearRing>
        <coordinates>
          -96.20,41.20 -96.00,41.20 -96.00,41.35 -96.20,41.35 -96.20,41.20
        </coordinates>
      </LinearRing>
    </outerBoundaryIs>
  </Polygon>
</Placemark>
"""


def kml_template(object_type: ObjectType) -> bytes:
    """The KML template of a type with shapes, UTF-8. Equal types give equal bytes; imported untouched it gives no row and no error."""
    several = any(spec.multipolygons for spec in object_type.fields if spec.name == SHAPE)
    document = Document(
        name=object_type.name,
        description=_HOW.format(parts=_SEVERAL if several else _SINGLE),
        extended_data=ExtendedData(elements=[Data(name=TEMPLATE_MARK, value=object_type.name)]),
    )
    root: Any = KML(features=[document]).etree_element()
    root[0].extend((etree.Comment(_BEFORE), etree.Comment(_EXAMPLE)))
    return bytes(etree.tostring(root, encoding="utf-8", xml_declaration=True, pretty_print=True))
