"""The steps of an import that is prepared on the desk (acceptance T-1, T-7, E-3): each once, and refused in words when too late."""

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from import_pipeline.failures import PermanentFailure, UnknownValue
from import_pipeline.landing import drafts as steps
from import_pipeline.landing import vault
from import_pipeline.landing.drafts import status_of
from import_pipeline.landing.pruning import prune_desk, prune_uploads
from import_pipeline.landing.submitted import Progress
from import_pipeline.ledger import Ledger, deliveries, drafts, files, formats, sessions, uploads
from import_pipeline.ledger.drafts import Draft
from import_pipeline.ledger.jobs import JobRow
from import_pipeline.ledger.sessions import SessionRow
from import_pipeline.ledger.uploads import Upload
from import_pipeline.model.account import Account
from import_pipeline.model.draft import DraftBody, DraftFile
from import_pipeline.model.field import FieldSpec
from import_pipeline.model.format import Format
from import_pipeline.model.job import EVERY_ROW_REFUSED, Counts
from import_pipeline.model.object_type import ObjectType
from import_pipeline.model.private_format import is_private
from import_pipeline.settings import Settings
from import_pipeline_tests.ledgers import ledger_url

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CASE = ObjectType(name="Case", fields=(FieldSpec(name="Name", required=True), FieldSpec(name="City")))
YAML = Format(name="yaml", object_type="Case", columns={"Who": "Name"}, on_error="skip")
GOING = Format(name="going", object_type="Case", operation="delete")
ACCOUNT = Account(name="acme", object_types=(CASE,), formats=(YAML, GOING))


@dataclass
class Desk:
    """A ledger, a vault, and the steps with everything but what a test is about filled in."""

    ledger: Ledger
    settings: Settings

    def upload(self, content: bytes = b"Who\nAnn\n") -> str:
        """A file that was received; its id."""
        stored, fresh = vault.put(self.settings.vault, "test", [content]), uploads.new_id()
        made = Upload(fresh, "acme", "desk", fresh, None, None, "a.csv", stored.sha256, stored.size, "", NOW, NOW + timedelta(days=1))
        with self.ledger.begin() as conn:
            uploads.book(conn, made)
        return fresh

    def draft(self, *, upload: str | None = None, **said: Any) -> Draft:
        """A draft that could be started."""
        body = {"file": DraftFile(name="a.csv", kind="csv", header=("Who",), size=8), "columns": {"Who": "Name"}} | said
        with self.ledger.begin() as conn:
            opened = steps.open_draft(conn, ACCOUNT, "Case", "ana", now=NOW)
            file = self.upload_in(conn) if upload is None else upload
            return steps.change(conn, ACCOUNT, opened.id, opened.version, DraftBody.model_validate(body), upload=file, now=NOW)

    def upload_in(self, conn: Any) -> str:
        """As `upload`, in a transaction that is open."""
        stored, fresh = vault.put(self.settings.vault, "test", [b"Who\nAnn\n"]), uploads.new_id()
        made = Upload(fresh, "acme", "desk", fresh, None, None, "a.csv", stored.sha256, stored.size, "", NOW, NOW + timedelta(days=1))
        uploads.book(conn, made)
        return fresh

    def plan(self, draft: Draft) -> Draft:
        """Books the plan."""
        with self.ledger.begin() as conn:
            return steps.plan(conn, self.ledger, ACCOUNT, self.settings, draft.id, draft.version, now=NOW)

    def start(self, draft: Draft) -> Draft:
        """Books the import."""
        with self.ledger.begin() as conn:
            return steps.start(conn, self.ledger, ACCOUNT, self.settings, draft.id, draft.version, now=NOW)

    def change(self, draft: Draft, **said: Any) -> Draft:
        """Other choices."""
        with self.ledger.begin() as conn:
            body = steps.body_of(draft).model_copy(update=said)
            return steps.change(conn, ACCOUNT, draft.id, draft.version, body, now=NOW)

    def get(self, draft: Draft) -> Draft | None:
        """The draft as it stands."""
        with self.ledger.read() as conn:
            return drafts.get(conn, "acme", draft.id)

    def format_of(self, key: str | None) -> str:
        """The format of a delivery's file."""
        with self.ledger.read() as conn:
            return files.by_delivery(conn, key or "")[0].format or ""

    def states(self) -> list[tuple[str, bool]]:
        """State and dry run of all deliveries, oldest first."""
        with self.ledger.read() as conn:
            return [(found.state, found.dry_run) for found in deliveries.listing(conn)][::-1]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A new instance."""
    settings = Settings(home=tmp_path, accounts=tmp_path / "accounts", ledger_url=ledger_url(tmp_path))
    with Ledger(settings.ledger_url) as ledger:
        ledger.upgrade()
        yield Desk(ledger, settings)


def test_two_windows_notice_each_other(desk: Desk) -> None:
    """The second change of the same version is refused, and loses nothing of the first."""
    draft = desk.draft()
    first = desk.change(draft, on_error="halt")
    with pytest.raises(PermanentFailure, match="another window"):
        desk.change(draft, on_error="skip")
    with pytest.raises(PermanentFailure, match="another window"):
        desk.start(draft)
    assert desk.get(draft) == first and (first.version, steps.body_of(first).on_error) == (draft.version + 1, "halt")


def test_a_draft_is_started_once_however_many_click(desk: Desk) -> None:
    """Eight at the same moment: one delivery."""
    draft, told = desk.draft(), []
    ready = threading.Barrier(8)

    def click() -> None:
        ready.wait()
        try:
            told.append(desk.start(draft).delivery)
        except PermanentFailure as refused:
            told.append(str(refused))

    clicks = [threading.Thread(target=click) for _ in range(8)]
    for one in clicks:
        one.start()
    for one in clicks:
        one.join()
    assert len(told) == 8 and desk.states() == [("waiting", False)]
    assert sum("started already" in str(text) for text in told) == 7


def test_what_is_not_sound_is_refused_with_all_reasons_and_books_nothing(desk: Desk) -> None:
    """The page shows them before; a request that was made by hand gets them as well."""
    draft = desk.draft(columns={"Who": "Nam"})
    for step in (desk.plan, desk.start):
        with pytest.raises(PermanentFailure, match=r"no field 'Nam'.*Name is required"):
            step(draft)
    assert desk.states() == [] and desk.get(draft) == draft


def test_a_plan_leaves_the_file_to_be_imported_and_a_second_one_takes_its_place(desk: Desk) -> None:
    """A plan that nobody has begun would only keep others waiting."""
    once = desk.plan(desk.draft())
    twice = desk.plan(once)
    assert desk.states() == [("finished", True), ("waiting", True)]
    started = desk.start(twice)
    assert desk.states() == [("finished", True), ("finished", True), ("waiting", False)]
    assert desk.format_of(started.delivery) == desk.format_of(twice.plan) and is_private(desk.format_of(started.delivery))


def test_a_change_forgets_the_plan_of_what_was_before(desk: Desk) -> None:
    """A plan on the screen must be of what would be started."""
    planned = desk.plan(desk.draft())
    same = desk.change(planned)
    assert same.plan == planned.plan
    assert desk.change(same, on_error="halt").plan is None and desk.states() == [("finished", True)]


def test_a_start_can_be_stopped_until_its_run_is_asked_for(desk: Desk) -> None:
    """Then the draft is open again with its file, and can be started again."""
    started = desk.start(desk.draft())
    with desk.ledger.begin() as conn:
        assert steps.stop(conn, ACCOUNT, started.id, now=NOW) and not steps.stop(conn, ACCOUNT, started.id, now=NOW)
    opened = desk.get(started)
    assert opened is not None and (opened.state, opened.delivery, opened.started_at) == ("open", None, None)
    again = desk.start(opened)
    with desk.ledger.begin() as conn:
        assert deliveries.request(conn, again.delivery or "", now=NOW)
        assert not steps.stop(conn, ACCOUNT, started.id, now=NOW)
    assert desk.states() == [("finished", False), ("requested", False)]


def test_a_copy_has_the_choices_and_no_file(desk: Desk) -> None:
    """T-7, of a started import as well as of an open one."""
    started = desk.start(desk.draft(defaults={"City": "Rome"}, on_error="halt"))
    with desk.ledger.begin() as conn:
        copied = steps.copy(conn, ACCOUNT, started.id, "bob", now=NOW)
        with pytest.raises(PermanentFailure, match="no such import"):
            steps.copy(conn, ACCOUNT.model_copy(update={"name": "other"}), started.id, "bob", now=NOW)
    assert (copied.user, copied.copy_of, copied.upload, copied.plan, copied.delivery) == ("bob", started.id, None, None, None)
    assert steps.body_of(copied) == steps.body_of(started).model_copy(update={"file": None})
    with pytest.raises(PermanentFailure, match="choose a file"):
        desk.start(copied)


def test_an_upload_that_is_gone_or_was_imported_cannot_be_started(desk: Desk) -> None:
    """Its words tell what to do."""
    draft = desk.draft()
    desk.start(desk.draft(upload=draft.upload))
    with pytest.raises(PermanentFailure, match="choose it again"):
        desk.start(draft)


def test_a_draft_begins_with_a_saved_format_and_is_named_by_it_while_it_says_the_same(desk: Desk) -> None:
    """What people see of the import is the format's name; a changed mapping has one of its own."""
    with desk.ledger.begin() as conn:
        opened = steps.open_draft(conn, ACCOUNT, "Case", "ana", now=NOW, format="yaml")
        body = steps.body_of(opened).model_copy(update={"file": DraftFile(name="a", kind="csv", header=("Who",), size=8)})
        draft = steps.change(conn, ACCOUNT, opened.id, 1, body, upload=desk.upload_in(conn), now=NOW)
        with pytest.raises(UnknownValue, match="yaml"):
            steps.open_draft(conn, ACCOUNT, "Case", "ana", now=NOW, format="yml")
        with pytest.raises(PermanentFailure, match="delete"):
            steps.open_draft(conn, ACCOUNT, "Case", "ana", now=NOW, format="going")
    planned = desk.plan(draft)
    assert desk.format_of(planned.plan) == "yaml"
    assert is_private(desk.format_of(desk.start(desk.change(planned, defaults={"City": "Rome"})).delivery))


@pytest.mark.parametrize("name", ["yaml", "", " x", "x {y}", "desk-0123456789ab-halt", "a\nb", "x" * 101])
def test_a_name_that_no_format_can_have_is_refused(desk: Desk, name: str) -> None:
    """Taken by the settings, blank, or with a meaning of its own."""
    draft = desk.draft()
    with pytest.raises(PermanentFailure), desk.ledger.begin() as conn:
        steps.save_as_format(conn, ACCOUNT, draft.id, name, by="ana", now=NOW)


def test_choices_are_saved_as_a_format_and_replaced_only_when_told_so(desk: Desk) -> None:
    """E-3: the header in order, mapped or ignored; with `exact` a file must have it."""
    draft = desk.draft()
    with desk.ledger.begin() as conn:
        made = steps.save_as_format(conn, ACCOUNT, draft.id, "weekly", title="Weekly", exact=True, by="ana", now=NOW)
        assert (made.columns, made.exact_header, made.title, made.prefixes) == ({"Who": "Name"}, True, "Weekly", ())
        with pytest.raises(PermanentFailure, match="already"):
            steps.save_as_format(conn, ACCOUNT, draft.id, "weekly", by="ana", now=NOW)
        steps.save_as_format(conn, ACCOUNT, draft.id, "weekly", replace=True, by="bob", now=NOW)
        (saved,) = formats.listing(conn, "acme")
        assert saved.format is not None and (saved.format.exact_header, saved.made_by) == (False, "ana")
        assert formats.with_saved(conn, ACCOUNT).format("weekly").columns == {"Who": "Name"}


def test_drafts_that_nobody_goes_on_with_are_forgotten_with_their_files(desk: Desk) -> None:
    """Started ones stay, since they can be duplicated; bytes that something else needs stay, too. Sessions that are over go."""
    old, started = desk.draft(upload=desk.upload(b"Who\nOld\n")), desk.start(desk.draft())
    kept = desk.draft()
    late = NOW + ACCOUNT.doors.desk.keep_drafts + timedelta(hours=1)
    with desk.ledger.begin() as conn:
        steps.change(conn, ACCOUNT, kept.id, kept.version, steps.body_of(kept), now=late - timedelta(days=2))
        sessions.add(conn, SessionRow("s", "ana", "acme", NOW, NOW, late - timedelta(seconds=1)))
        sessions.add(conn, SessionRow("t", "ana", "acme", NOW, NOW, late + timedelta(seconds=1)))
    for path in desk.settings.vault.rglob("*"):
        os.utime(path, (NOW.timestamp(), NOW.timestamp()))
    assert prune_desk(desk.ledger, [ACCOUNT], now=late) == 1
    assert prune_uploads(desk.ledger, desk.settings, now=late) == 1
    assert desk.get(old) is None and desk.get(started) is not None and desk.get(kept) is not None
    with desk.ledger.read() as conn:
        assert uploads.get(conn, "acme", old.upload or "") is None and uploads.get(conn, "acme", kept.upload or "") is not None
        assert sessions.get(conn, "s") is None and sessions.get(conn, "t") is not None


def test_a_draft_is_thrown_away_with_its_file_unless_it_was_started(desk: Desk) -> None:
    """A plan that waits goes too."""
    draft, started = desk.plan(desk.draft()), desk.start(desk.draft())
    with desk.ledger.begin() as conn:
        assert steps.discard(conn, ACCOUNT, draft.id, now=NOW) and not steps.discard(conn, ACCOUNT, draft.id, now=NOW)
        assert not steps.discard(conn, ACCOUNT, started.id, now=NOW)
        gone = uploads.get(conn, "acme", draft.upload or "")
    assert gone is not None and gone.expires_at == NOW and desk.states() == [("finished", True), ("waiting", False)]


def test_the_drafts_of_a_delivery_and_of_an_account_are_found(desk: Desk) -> None:
    """By plan and by import, newest first, and never another account's."""
    planned, started = desk.plan(desk.draft()), desk.start(desk.draft())
    with desk.ledger.read() as conn:
        assert drafts.of_delivery(conn, "acme", planned.plan or "") == planned
        assert drafts.of_delivery(conn, "acme", started.delivery or "") == started
        assert drafts.of_delivery(conn, "other", started.delivery or "") is None
        assert {one.id for one in drafts.listing(conn, "acme")} == {planned.id, started.id}
        assert [one.id for one in drafts.listing(conn, "acme", state="open")] == [planned.id]


@pytest.mark.parametrize(
    ("phase", "job", "status"),
    [
        ("waiting", None, "Waiting"),
        ("running", None, "Processing"),
        ("applied", None, "Processing"),
        ("held", ("held", "too many"), "Held"),
        ("finished", ("applied", None), "Complete"),
        ("finished", ("duplicate", "the same bytes"), "Complete"),
        ("finished", ("failed", EVERY_ROW_REFUSED), "Complete"),
        ("finished", ("failed", "1 of 2 rows are refused and the policy is to halt on any"), "Error"),
        ("finished", ("applied", "halted on the first error"), "Error"),
        ("failed", ("failed", "the file is empty"), "Error"),
    ],
)
def test_an_import_has_the_status_that_people_know(desk: Desk, phase: Any, job: tuple[str, str | None] | None, status: str) -> None:
    """T-2, T-3: Processing, Complete, Error; and what the document has no word for."""
    assert status_of(Progress("k", phase, (_row(*job),) if job else (), Counts(), 0, 0, None, None, None)) == status


def _row(state: Any, reason: str | None) -> JobRow:
    """A job in this state."""
    blank: dict[str, Any] = dict.fromkeys(JobRow.__dataclass_fields__)
    return replace(JobRow(**blank), state=state, reason=reason)
