"""What a run shows in the UI: counts, tables of grouped errors, links, a picture.

Belongs here: dagster metadata. Does not belong here: computing anything that a receipt needs too (reporting/).
"""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
import polars as pl

from import_pipeline.delivering.flow import DeliveryRun
from import_pipeline.delivering.mapping import picture
from import_pipeline.ledger import deliveries, jobs
from import_pipeline.model.job import Counts, Job, ParsedFile
from import_pipeline.model.object_type import ObjectType
from import_pipeline.reporting.groups import group_errors
from import_pipeline.reporting.pictures import DeliveryPoint, rows_per_delivery
from import_pipeline.settings import Settings
from import_pipeline.store.staging import ERRORS

Metadata = dict[str, Any]
PLOTTED = 40
"""Deliveries in the picture."""


def table(rows: Sequence[Mapping[str, Any]], limit: int = 200) -> Any:
    """Rows as a table; all cells as text, since dagster's tables take one type per column."""
    if not rows:
        return dg.MetadataValue.md("none")
    shown = [{k: "" if v is None else str(v) for k, v in row.items()} for row in rows[:limit]]
    schema = dg.TableSchema(columns=[dg.TableColumn(name, "string") for name in shown[0]])
    return dg.MetadataValue.table([dg.TableRecord(r) for r in shown], schema=schema)


def landed(found: Sequence[Job], settings: Settings) -> Metadata:
    """The files of a delivery."""
    rows = [
        {
            "job": j.id,
            "file": j.name,
            "archive": j.archive,
            "type": j.object_type,
            "bytes": j.size,
            "sha256": j.sha256[:12],
            "refused": j.fault.message if j.fault else "",
        }
        for j in found
    ]
    return {
        "files": len(found),
        "bytes": sum(j.size for j in found),
        "jobs": table(rows),
        "vault": dg.MetadataValue.path(str(settings.vault)),
    }


def parsed(run: DeliveryRun, object_type: ObjectType, files: Sequence[ParsedFile]) -> Metadata:
    """How each file was read."""
    names = {j.number: j for j in run.jobs}
    rows = [
        {
            "job": names[f.job].id,
            "file": names[f.job].name,
            "records": f.rows,
            "rows": f.read,
            "refused": f.refused,
            "encoding": f.encoding,
            "delimiter": repr(f.delimiter) if f.delimiter else "",
            "header line": f.header_line,
            "fault": f.fault.message if f.fault else "",
            "notices": "; ".join(n.message for n in f.notices),
        }
        for f in files
    ]
    return {
        "rows in": sum(f.rows for f in files),
        "rows read": sum(f.read for f in files),
        "refused": sum(f.refused for f in files),
        "files": table(rows),
        "errors": _errors(run, object_type, "parsed"),
        "staging": _path(run, object_type, "parsed"),
    }


def validated(run: DeliveryRun, object_type: ObjectType, report: Mapping[str, Any]) -> Metadata:
    """Good and refused rows, errors grouped."""
    judged = list(report["jobs"].values())
    return {
        "rows in": sum(int(j["rows"]) for j in judged),
        "good": sum(int(j["good"]) for j in judged),
        "refused": sum(int(j["refused"]) for j in judged),
        "errors": _errors(run, object_type, "validated"),
        "staging": _path(run, object_type, "validated"),
    }


def related(run: DeliveryRun, object_type: ObjectType, report: Mapping[str, Any]) -> Metadata:
    """What would change."""
    total = {
        name: sum(int(j.get(name, 0)) for j in report["jobs"].values())
        for name in ("create", "update", "unchanged", "delete", "park", "refuse")
    }
    return {
        "change set": report["change_set"],
        "created": total["create"],
        "updated": total["update"],
        "unchanged": total["unchanged"],
        "deleted": total["delete"],
        "parked": total["park"],
        "refused": total["refuse"],
        "errors": _errors(run, object_type, "related"),
        "staging": _path(run, object_type, "related"),
        **_map(run, object_type),
    }


def _map(run: DeliveryRun, object_type: ObjectType) -> Metadata:
    """The map of a change set of territories."""
    drawn = picture(run, object_type)
    return {"map": _image("territories", drawn.encode())} if drawn else {}


def applied(run: DeliveryRun, object_type: ObjectType, result: Mapping[str, Any]) -> Metadata:
    """Packages and commits; of a change set that is planned only, or waits for approval, why it was not applied."""
    if run.dry_run or "held" in result:
        why = result.get("held") or "a dry run: nothing was written"
        planned = _path(run, object_type, "planned")
        return {"change set": result["change_set"], "not applied": why, "dagster/row_count": result["records"], "plan": planned}
    return {
        "change set": result["change_set"],
        "stamp": result["stamp"],
        "packages": sum(result["packages"].values()),
        "commits": result["commits"],
        "dagster/row_count": result["records"],
        "store": dg.MetadataValue.path(str(run.pipeline.settings.store_file(run.account.name))),
    }


def receipts(run: DeliveryRun, counts: Mapping[str, Counts]) -> Metadata:
    """Totals, one line per file with links to its answers, and the latest deliveries as a picture."""
    with run.pipeline.ledger.read() as conn:
        rows = jobs.by_delivery(conn, run.key)
    told = [
        {
            "job": r.id,
            "file": r.name,
            "state": r.state,
            **r.counts.model_dump(),
            "receipt": r.receipt,
            "errors": r.errors_file,
            "failed rows": r.failed_file,
        }
        for r in rows
    ]
    total = {name: sum(getattr(c, name) for c in counts.values()) for name in Counts.model_fields}
    links = "\n".join(f"- {r.name}: " + ", ".join(f"[{label}](file://{path})" for label, path in _answers(r) if path) for r in rows[:100])
    return {**total, "jobs": table(told), "answers": dg.MetadataValue.md(links or "none"), "rows per delivery": _picture(run)}


def _answers(row: jobs.JobRow) -> list[tuple[str, str | None]]:
    return [("receipt", row.receipt), ("errors", row.errors_file), ("failed rows", row.failed_file)]


def _errors(run: DeliveryRun, object_type: ObjectType, stage: str) -> Any:
    found = run.stage(object_type, stage).read("errors")
    frame = found.select(list(ERRORS)) if found.width else pl.DataFrame(schema=ERRORS)
    grouped = group_errors(frame).frame.iter_rows(named=True) if frame.height else []
    return table([{"rows": g["rows"], "lines": ", ".join(map(str, g["lines"])), "code": g["code"], "what": g["sentence"]} for g in grouped])


def _path(run: DeliveryRun, object_type: ObjectType, stage: str) -> Any:
    return dg.MetadataValue.path(str(run.stage(object_type, stage).path))


def _picture(run: DeliveryRun) -> Any:
    """Rows of the latest deliveries as a stacked bar chart."""
    points = []
    with run.pipeline.ledger.read() as conn:
        for d in reversed(deliveries.listing(conn, run.account.name, limit=PLOTTED)):
            counts = [row.counts for row in jobs.by_delivery(conn, d.key)]
            total = Counts(**{name: sum(getattr(c, name) for c in counts) for name in Counts.model_fields})
            points.append(DeliveryPoint.of(d.key, d.created_at, total))
    return _image("rows per delivery", rows_per_delivery(points))


def _image(name: str, svg: bytes) -> Any:
    return dg.MetadataValue.md(f"![{name}](data:image/svg+xml;base64,{base64.b64encode(svg).decode()})")
