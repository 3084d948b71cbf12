"""What the steps of the wizard share: the import that an address names, saving what was chosen, what two windows do to each other.

Belongs here: finding and changing drafts for pages. Does not belong here: any one step, what a draft may hold (model/draft.py), what the
steps do (landing/drafts.py).

Everything here is blocking: call it in a thread.
"""

from dataclasses import dataclass

from starlette.responses import Response

from import_pipeline.gateway.http.desk.visit import Visit, see_other
from import_pipeline.gateway.http.refusals import Refusal
from import_pipeline.landing import drafts as steps
from import_pipeline.ledger import drafts, formats, uploads
from import_pipeline.ledger.drafts import Draft
from import_pipeline.ledger.uploads import Upload
from import_pipeline.model.account import Account
from import_pipeline.model.draft import DraftBody, Problem, problems
from import_pipeline.model.object_type import ObjectType

STEPS: tuple[tuple[str, str], ...] = (
    ("file", "Defaults and file"),
    ("columns", "Map columns"),
    ("review", "Save & review"),
    ("start", "Error handling and start"),
)
"""(last part of the address, title) of the steps."""
ELSEWHERE = "This import was changed in another window since this page was loaded. Nothing that you typed is lost: it stands below."


@dataclass(frozen=True)
class Opened:
    """An import of the desk as a page needs it. `account` knows the saved formats too."""

    draft: Draft
    body: DraftBody
    object_type: ObjectType
    account: Account

    @property
    def path(self) -> str:
        """Its address below /desk."""
        return f"/import/{self.draft.id}"

    @property
    def started(self) -> bool:
        """Whether it was started: then it cannot be changed any more."""
        return self.draft.state == "started"

    @property
    def problems(self) -> list[Problem]:
        """What has to be mended before it can be started."""
        return problems(self.body, self.object_type)

    @property
    def next_step(self) -> str:
        """The step that is to be done."""
        if self.body.file is None or any(of_first_step(found) for found in self.problems):
            return "file"
        return "columns" if self.problems else "review"

    def step_list(self, here: str) -> list[dict[str, object]]:
        """The steps for the line above the page: title, address where it can be gone to, whether it is done."""
        names = [name for name, _ in STEPS]
        reached = names.index(self.next_step)
        at = names.index(here)
        return [
            {
                "title": title,
                "href": f"/desk{self.path}/{name}" if place <= max(reached, at) or (name == "start" and reached >= 2) else "",
                "done": place < max(reached, at if reached == 2 else 0) and place != at,
                "here": place == at,
            }
            for place, (name, title) in enumerate(STEPS)
        ]


def of_first_step(problem: Problem) -> bool:
    """Whether the problem is mended in the first step."""
    return problem.place == "file" or problem.place.startswith(("defaults/", "fixed/"))


def opened(visit: Visit) -> Opened:
    """The import of the address. Raises Refusal 404 for another account's, 409 when its object type is gone."""
    with visit.gate.ledger.read() as conn:
        draft = drafts.get(conn, visit.account.name, visit.params["draft"])
        account = formats.with_saved(conn, visit.account)
    if draft is None:
        raise Refusal(404, "there is no such import; one that was begun and never started is forgotten after some time")
    return _opened(draft, account)


def _opened(draft: Draft, account: Account) -> Opened:
    object_type = account.types_by_name.get(draft.object_type)
    if object_type is None:
        raise Refusal(409, f"the account has no object type {draft.object_type!r} any more")
    return Opened(draft, steps.body_of(draft), object_type, account)


def upload_of(visit: Visit, opened: Opened) -> Upload | None:
    """The file of an import as it was sent."""
    if not opened.draft.upload:
        return None
    with visit.gate.ledger.read() as conn:
        return uploads.get(conn, visit.account.name, opened.draft.upload)


def elsewhere_first(found: Opened) -> Response | None:
    """Where somebody has to go before the plan and the start: to the import that was started, or to the step that has a problem."""
    if found.started:
        return see_other(found.path)
    return see_other(f"{found.path}/{found.next_step}?check=1") if found.problems else None


class Elsewhere(Exception):
    """Another window was quicker; `newest` is what it saved."""

    def __init__(self, newest: Opened) -> None:
        self.newest = newest
        super().__init__(newest.draft.id)


def save(visit: Visit, before: Opened, version: str, body: DraftBody, *, upload: Upload | None = None) -> Opened:
    """Saves what was chosen, and the file when there is a new one. Saved again the same, it stays as it is.

    Raises Elsewhere when the page that sent it showed an older state which says something else, Refusal 409 when it was started.
    """
    with visit.gate.ledger.begin() as conn:
        draft = drafts.get(conn, visit.account.name, before.draft.id)
        if draft is None:
            raise Refusal(404, "this import is gone: it was thrown away in another window")
        newest = _opened(draft, before.account)
        if newest.started:
            raise Refusal(409, "this import was started in another window; it cannot be changed any more")
        if upload is None and body == newest.body:
            return newest
        if version != str(draft.version):
            raise Elsewhere(newest)
        if upload is not None:
            uploads.book(conn, upload)
        now = visit.gate.clock.now()
        ref = upload.id if upload else None
        return _opened(steps.change(conn, before.account, draft.id, draft.version, body, upload=ref, now=now), before.account)
