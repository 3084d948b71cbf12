"""The addresses of exports, templates and the map.

Belongs here: the list. Does not belong here: any one page.
"""

from import_pipeline.gateway.http.desk.exports.map_page import map_file, territory_map
from import_pipeline.gateway.http.desk.exports.taking import difference, export_now, exports, kept_file
from import_pipeline.gateway.http.desk.exports.templates_page import empty_file, templates
from import_pipeline.gateway.http.desk.visit import Page

PAGES: tuple[Page, ...] = (
    Page("GET", "/exports", exports, "read"),
    Page("POST", "/exports", export_now, "read"),
    Page("POST", "/exports/difference", difference, "read"),
    Page("GET", "/exports/{cadence}/{name}", kept_file, "read"),
    Page("GET", "/templates", templates),
    Page("GET", "/templates/{type}/{kind}", empty_file),
    Page("GET", "/map", territory_map, "read"),
    Page("POST", "/map", map_file, "read"),
)
