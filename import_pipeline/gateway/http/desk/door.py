"""All addresses of the desk.

Belongs here: putting the parts together, static files, the front page. Does not belong here: any one page.
"""

from collections.abc import Sequence
from pathlib import Path

from starlette.responses import Response
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from import_pipeline.gateway.http.desk.exports import pages as exports
from import_pipeline.gateway.http.desk.lookup import pages as lookup
from import_pipeline.gateway.http.desk.mending import pages as mending
from import_pipeline.gateway.http.desk.monitor import pages as monitor
from import_pipeline.gateway.http.desk.people import pages as people
from import_pipeline.gateway.http.desk.sessions import PATH
from import_pipeline.gateway.http.desk.signing_in import sign_in_routes, sign_out
from import_pipeline.gateway.http.desk.visit import Page, Visit, routes_of, see_other
from import_pipeline.gateway.http.desk.wizard import pages as wizard
from import_pipeline.gateway.http.gate import Gate
from import_pipeline.gateway.http.refusals import Refusal

STATIC = Path(__file__).parent / "static"


class Kept(StaticFiles):
    """Files whose addresses change with their content."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """One file, to be kept by the browser."""
        scope["told"]["route"] = "desk:static"
        response = await super().get_response(path, scope)
        response.headers["cache-control"] = "public, max-age=31536000, immutable"
        return response


async def front(visit: Visit) -> Response:
    """Where somebody begins: at the imports."""
    return see_other("/jobs")


async def missing(visit: Visit) -> Response:
    """What the desk does not have."""
    raise Refusal(404, "there is no such page")


def desk_routes(gate: Gate) -> Sequence[BaseRoute]:
    """Every page behind its rights, the sign-in, and what pages load."""
    return [
        Mount(f"{PATH}/static", Kept(directory=STATIC)),
        *sign_in_routes(gate),
        *routes_of(gate, (*PAGES, Page("GET", "/{rest:path}", missing))),
    ]


PAGES: tuple[Page, ...] = (
    Page("GET", "", front),
    Page("GET", "/", front),
    Page("POST", "/sign-out", sign_out),
    *monitor.PAGES,
    *people.PAGES,
    *exports.PAGES,
    *wizard.PAGES,
    *lookup.PAGES,
    *mending.PAGES,
)
