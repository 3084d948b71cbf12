"""Files through parsing, validation, relating and applying into a lab's store, and out again by an export.

Belongs here: the round trip that the tests of this room share, and a type with every kind of column. Does not belong here: assertions.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from import_pipeline.exporting.difference import Difference, diff_name, diff_type
from import_pipeline.exporting.export import ExportResult, export_type
from import_pipeline.exporting.windows import Window
from import_pipeline.model.account import Account
from import_pipeline.model.job import FileKind, Job
from import_pipeline.model.object_type import ObjectType
from import_pipeline.parsing.stage import parse_delivery
from import_pipeline.relating.stage import RelateOrder, relate_delivery
from import_pipeline.store.names import Tables
from import_pipeline.store.schema import prepare_store
from import_pipeline.store.staging import DeliveryStaging
from import_pipeline.validation.stage import validate_delivery
from import_pipeline_tests.lab import Lab

SITE = ObjectType.model_validate(
    {
        "name": "Site",
        "pin": True,
        "stages": {"Active": ["New", "On hold; waiting"]},
        "owner": {"users": ["ana@example.com"]},
        "fields": [
            {"name": "Name", "required": True},
            {"name": 'Notes, and "more"', "type": "MultiLine", "custom": True},
            {"name": "Score", "type": "Number", "custom": True},
            {"name": "Rate", "type": "Number", "decimals": 3, "custom": True},
            {"name": "Worth", "type": "Currency", "custom": True},
            {"name": "Open", "type": "Boolean", "custom": True},
            {"name": "Since", "type": "Date", "custom": True},
            {"name": "Founded", "type": "Date", "formats": ["%d.%m.%y", "%d.%m.%Y"], "custom": True},
            {"name": "Seen", "type": "DateTime", "custom": True},
            {"name": "Call", "type": "DateTime", "formats": ["%m/%d/%Y %I:%M %p"], "custom": True},
            {"name": "Kinds", "type": "MultiChoice", "choices": ["A b", "C,d", "E"], "custom": True},
        ],
    }
)
"""Every way in which a value is stored, with names, choices and formats that are hard to write."""
VISIT = ObjectType.model_validate(
    {"name": "Visit", "parent": {"type": "Site"}, "fields": [{"name": "Name", "required": True}, {"name": "Result", "custom": True}]}
)
NEW_YORK = "America/New_York"


@dataclass(frozen=True)
class Imported:
    """What a file did: rows by action, and (line, code, column) of every finding of any stage."""

    actions: dict[str, int]
    findings: set[tuple[int | None, str, str | None]]


class Chain(Lab):
    """A lab whose files come as bytes and leave as exports."""

    def __init__(self, home: Path, types: Sequence[ObjectType] = (SITE, VISIT), *, timezone: str = NEW_YORK, memory: bool = False) -> None:
        super().__init__(home, types, memory=memory)
        self.account = Account(name="lab", timezone=timezone, object_types=tuple(types))
        self.home = home

    def send(self, type_name: str, content: bytes, kind: FileKind = "csv") -> Imported:
        """Imports one file through all stages."""
        self.count += 1
        self.now += timedelta(minutes=1)
        key, object_type = f"d{self.count}_", self.types[type_name]
        path = self.home / f"{key}.{kind}"
        path.write_bytes(content)
        job = Job(id=key, number=0, account="lab", object_type=type_name, file_id="1", name=path.name, path=path, kind=kind,
                  sha256=hashlib.sha256(content).hexdigest(), size=len(content))  # fmt: skip
        staging = DeliveryStaging(self.settings.staging, "lab", key)
        parsed, validated, related = (staging.stage(object_type.slug, s) for s in ("parsed", "validated", "related"))
        (file,) = parse_delivery([job], object_type, {}, parsed)
        assert file.fault is None, file.fault
        validate_delivery(object_type, parsed, validated, {0: "skip"}, timezone=self.account.timezone)
        parent = self.types[object_type.parent.type] if object_type.parent else None
        with self.session(writable=True) as session:
            prepare_store(session, "lab", self.types.values())
            relate_delivery(session, RelateOrder(key, object_type, parent, [job], self.now), validated, related)
        self.apply(type_name, validated, related)
        findings = {(e["_line"], e["code"], e["column"]) for stage in (parsed, validated, related) for e in stage.read("errors").to_dicts()}
        findings |= {(n.line, n.code, n.column) for n in file.notices}
        return Imported(dict(Counter(related.read("outcomes")["action"].to_list())), findings)

    def export(self, type_name: str, window: Window | None = None, folder: str = "out", **more: Any) -> ExportResult:
        """Exports a type; CSV unless said, at the lab's own time unless said."""
        with self.session() as session:
            return export_type(
                session, self.account, self.types[type_name], window, self.home / folder, **{"format": "csv", "now": self.now, **more}
            )

    def diff(self, type_name: str, start: datetime, end: datetime, **more: Any) -> Difference:
        """What differs between two moments; CSV unless said, at the lab's own time unless said."""
        told: dict[str, Any] = {"format": "csv", "now": self.now, **more}
        object_type = self.types[type_name]
        path = self.home / "out" / diff_name(object_type, start, end, told["format"])
        with self.session() as session:
            return diff_type(session, self.account, object_type, start, end, path, **told)

    def delete(self, type_name: str, where: str) -> datetime:
        """Deletes the records that `where` finds, as an undo does: their last versions end and stand in history. When it was."""
        self.now += timedelta(minutes=1)
        tables = Tables(self.types[type_name])
        with self.session(writable=True) as session, session.transaction():
            gone = f"SELECT *, CAST(? AS TIMESTAMPTZ) AS _valid_to, 'undo' AS _ended_by FROM {tables.current} WHERE {where}"
            session.run(f"INSERT INTO {tables.history} BY NAME {gone}", [self.now])
            session.run(f"DELETE FROM {tables.current} WHERE {where}")
        return self.now

    def restore(self, type_name: str, where: str) -> datetime:
        """Brings deleted records back as new versions with the values of their last one. When it was."""
        self.now += timedelta(minutes=1)
        tables = Tables(self.types[type_name])
        with self.session(writable=True) as session, session.transaction():
            last = (
                f"SELECT * EXCLUDE (_valid_to, _ended_by) REPLACE (_version + 1 AS _version, CAST(? AS TIMESTAMPTZ) AS _valid_from, "
                f"'again' AS _job) FROM {tables.history} WHERE {where} AND _id NOT IN (SELECT _id FROM {tables.current}) "
                "QUALIFY row_number() OVER (PARTITION BY _id ORDER BY _version DESC) = 1"
            )
            session.run(f"INSERT INTO {tables.current} BY NAME {last}", [self.now])
        return self.now

    def bytes_of(self, type_name: str, window: Window | None = None, **more: Any) -> bytes:
        """The data of an export."""
        return self.export(type_name, window, **more).path.read_bytes()
