"""A home with the shipped accounts in which files are imported without an orchestrator: the stages, one after the other.

Belongs here: making small files, importing them, asking lineage. Does not belong here: assertions.
"""

from collections.abc import Sequence
from pathlib import Path

from import_pipeline.delivering.answering import answer_delivery
from import_pipeline.delivering.flow import DeliveryRun
from import_pipeline.delivering.pipeline import Pipeline
from import_pipeline.landing.deliveries import next_request
from import_pipeline.landing.submit import submit
from import_pipeline.ledger import jobs
from import_pipeline.ledger.jobs import JobRow
from import_pipeline.lineage.asking import find
from import_pipeline.lineage.model import FileLineage, RecordLineage, Sources
from import_pipeline.lineage.records import record_lineage
from import_pipeline.settings import Settings


class Home:
    """One home. Files are written below `files`; `deliver` imports them and answers."""

    def __init__(self, folder: Path) -> None:
        self.environment = {"IMPORT_PIPELINE_HOME": str(folder / "home")}
        self.pipeline = Pipeline(Settings.from_environment(self.environment))
        self.files = folder / "files"
        self.files.mkdir(parents=True)

    @property
    def sources(self) -> Sources:
        """Where lineage looks."""
        return Sources(self.pipeline.settings, self.pipeline.ledger, self.pipeline.accounts)

    def write(self, name: str, content: str | bytes) -> Path:
        """A file to import."""
        path = self.files / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def csv(self, name: str, *lines: str) -> Path:
        """A CSV file of these physical lines."""
        return self.write(name, "\n".join(lines) + "\n")

    def deliver(self, *paths: Path, account: str = "field_sales") -> dict[str, JobRow]:
        """Imports the files as one delivery and returns its jobs by name."""
        pipeline, chosen = self.pipeline, self.pipeline.account(account)
        key = submit(pipeline.ledger, chosen, pipeline.settings, paths, now=pipeline.clock.now(), door="test")
        with pipeline.ledger.begin() as conn:
            request = next_request(conn, chosen, pipeline.clock.now())
        assert request is not None and request.key == key
        run = DeliveryRun(pipeline, chosen, key)
        run.land("test")
        for object_type in (t for t in chosen.parents_first if t.name in request.types):
            run.parse(object_type)
            run.validate(object_type)
            run.relate(object_type)
            run.apply(object_type)
        answer_delivery(run)
        with pipeline.ledger.read() as conn:
            return {row.name: row for row in jobs.by_delivery(conn, key)}

    def record(self, name: str, object_type: str | None = None) -> RecordLineage:
        """The one record that `name` names."""
        found = find(self.sources, name, "field_sales", object_type)
        assert isinstance(found, list) and len(found) == 1, found
        told = record_lineage(self.sources, found[0])
        assert told is not None
        return told

    def file(self, name: str) -> Sequence[JobRow]:
        """The jobs of the file that `name` names."""
        found = find(self.sources, name)
        assert isinstance(found, FileLineage)
        return found.jobs
