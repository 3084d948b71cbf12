"""The empty files to fill in, and what stands in their columns.

Belongs here: this page and its downloads. Does not belong here: what a template holds (reporting/templates.py).
"""

import asyncio

from starlette.responses import Response

from import_pipeline.failures import UnknownValue
from import_pipeline.gateway.http.desk.rendering import page
from import_pipeline.gateway.http.desk.sending import sent_bytes
from import_pipeline.gateway.http.desk.visit import Visit
from import_pipeline.gateway.http.refusals import Refusal
from import_pipeline.model.object_type import ObjectType

_KIND_WORDS = {
    "csv": ("CSV", "for any program"),
    "xlsx": ("Excel", "with choices to pick from and a sheet that explains the columns"),
    "jsonl": ("JSON lines", "for programs"),
    "kml": ("KML", "for map programs"),
}


async def templates(visit: Visit) -> Response:
    """All object types of the account."""
    shown = await asyncio.to_thread(lambda: [_told(t) for t in visit.account.object_types])
    return page(visit, "exports/templates", types=shown)


async def empty_file(visit: Visit) -> Response:
    """One empty file."""
    name, kind = visit.params["type"], visit.params["kind"]
    found = next((each for each in visit.account.object_types if each.slug == name), None)
    if found is None:
        raise Refusal(404, f"there is no object type {name!r}")
    return await asyncio.to_thread(_made, found, kind)


def _made(object_type: ObjectType, kind: str) -> Response:
    from import_pipeline.reporting.templates import kinds_of, template, template_file_name

    known = next((each for each in kinds_of(object_type) if each == kind), None)
    if known is None:
        raise Refusal(404, str(UnknownValue("kind of template", kind, kinds_of(object_type))))
    return sent_bytes(template(object_type, known), template_file_name(object_type, known))


def _told(object_type: ObjectType) -> dict[str, object]:
    from import_pipeline.reporting.templates import explained, kinds_of

    roles = {"record_id": "record id", "external_id": "external id", "external_pin_id": "address id", "parent": "parent"}
    columns = []
    for name, kind, required, values, form, example, updates in explained(object_type):
        role = roles.get(object_type.column(name).role, "")
        choices = values.split(", ") if values else []
        columns.append(
            {"name": name, "type": kind, "required": required == "yes", "choices": choices, "format": form, "example": example}
            | {"updates": updates, "role": role}
        )
    kinds = [(kind, *_KIND_WORDS[kind]) for kind in kinds_of(object_type)]
    parent = object_type.parent.type if object_type.parent else ""
    return {"type": object_type, "columns": columns, "kinds": kinds, "parent": parent}
