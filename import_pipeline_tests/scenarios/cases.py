"""The shipped account `cases`: dropping files, and importing as the desk's wizard does, without its pages.

Belongs here: what the tests of Trackops share. Does not belong here: assertions.
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from import_pipeline.delivering import suggested
from import_pipeline.landing import drafts as steps
from import_pipeline.landing import vault
from import_pipeline.landing.submit import submit
from import_pipeline.landing.submitted import Progress, progress_of
from import_pipeline.ledger import uploads
from import_pipeline.ledger.drafts import Draft
from import_pipeline.ledger.jobs import JobRow
from import_pipeline.ledger.uploads import Upload
from import_pipeline.model.account import Account
from import_pipeline.model.draft import DraftBody, with_file
from import_pipeline.model.object_type import ObjectType
from import_pipeline.settings import PACKAGE
from import_pipeline_tests.scenarios.site import Here

HEADER = "Client,Case Type,Reference 1,Subject First Name,Subject Last Name,Subject Address,Case Location,Budget Money\n"


def row(number: int, *, budget: str = "100", client: str = "Northwind Mutual", address: str = "", location: str = "") -> str:
    """One case of HEADER."""
    return f'{client},Surveillance,C-{number},Ann,Abbott{number},"{address}","{location}",{budget}\n'


class Cases:
    """One site with the account, and somebody who prepares imports."""

    def __init__(self, site: Here) -> None:
        self.site = site

    @property
    def account(self) -> Account:
        """The account as its YAML states it."""
        return self.site.pipeline.account("cases")

    @property
    def type(self) -> ObjectType:
        """Case."""
        return self.account.object_type("Case")

    def upload(self, name: str, content: str) -> Upload:
        """A file as the desk receives it."""
        stored = vault.put(self.site.settings.vault, "test", [content.encode()])
        now, fresh = self.site.clock.now(), uploads.new_id()
        made = Upload(fresh, "cases", "desk", fresh, None, None, name, stored.sha256, stored.size, "", now, now + timedelta(days=30))
        with self.site.pipeline.ledger.begin() as conn:
            uploads.book(conn, made)
        return made

    def draft(self, content: str, *, name: str = "november.csv", of: Draft | None = None, format: str | None = None, **said: Any) -> Draft:
        """A draft with a file and choices; `columns` are laid over the suggested mapping."""
        ledger, now = self.site.pipeline.ledger, self.site.clock.now()
        upload = self.upload(name, content)
        looked = suggested.look_at_upload(self.site.settings, upload)
        choices = suggested.as_choices(suggested.suggest_mapping(ledger, self.account, self.type, looked))
        with ledger.begin() as conn:
            opened = of or steps.open_draft(conn, self.account, "Case", "ana", now=now, format=format)
            columns: Mapping[str, str | None] = said.pop("columns", {})
            body = with_file(steps.body_of(opened).model_copy(update=said), looked.file, choices, self.type)
            body = body.model_copy(update={"columns": {**body.columns, **columns}})
            return steps.change(conn, self.account, opened.id, opened.version, body, upload=upload.id, now=now)

    def plan(self, draft: Draft) -> Draft:
        """Books the plan, and lets it run."""
        with self.site.pipeline.ledger.begin() as conn:
            booked = steps.plan(conn, *self._around, draft.id, draft.version, now=self.site.clock.now())
        self.site.work()
        return booked

    def start(self, draft: Draft) -> Draft:
        """Starts the import, and lets it run."""
        with self.site.pipeline.ledger.begin() as conn:
            booked = steps.start(conn, *self._around, draft.id, draft.version, now=self.site.clock.now())
        self.site.work()
        return booked

    @property
    def _around(self) -> Any:
        return self.site.pipeline.ledger, self.account, self.site.settings

    def progress(self, key: str | None) -> Progress:
        """How far a delivery is."""
        with self.site.pipeline.ledger.read() as conn:
            return progress_of(conn, key or "")

    def imported(self, content: str, **said: Any) -> JobRow:
        """The job of a draft that was started and has run."""
        return self.progress(self.start(self.draft(content, **said)).delivery).jobs[0]

    def submitted(self, path: Path, **how: Any) -> JobRow:
        """The job of a file given on the command line."""
        submit(self.site.pipeline.ledger, self.account, self.site.settings, [path], now=self.site.clock.now(), door="cli", **how)
        self.site.work()
        return self.site.jobs()[-1]

    def cases(self, *columns: str) -> list[tuple[Any, ...]]:
        """The values of all cases in order of their ids."""
        return [tuple(found[column] for column in columns) for found in self.site.records("Case")]


def body(draft: Draft) -> DraftBody:
    """What the draft says."""
    return steps.body_of(draft)


@contextmanager
def cases_site(folder: Path, **edits: str) -> Iterator[Cases]:
    """The account; `edits` replace text in defs.yaml."""
    site = Here(folder)
    shutil.copytree(PACKAGE / "defs" / "cases", site.accounts / "cases")
    defs = site.accounts / "cases" / "defs.yaml"
    text = defs.read_text()
    for old, new in edits.items():
        assert old in text
        text = text.replace(old, new)
    defs.write_text(text)
    site.account = "cases"
    try:
        yield Cases(site)
    finally:
        site.close()
