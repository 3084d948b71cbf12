"""One account never sees another's anything: each address of the desk is asked with the other's session.

Belongs here: every page of the desk, whatever it shows. Does not belong here: what a page shows to its own people.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from import_pipeline.gateway.http.desk.door import PAGES
from import_pipeline.gateway.http.desk.visit import Page
from import_pipeline.ledger import deliveries, drafts, formats, jobs, mends, tokens, users
from import_pipeline.model.format import Format
from import_pipeline_tests.gateway.http.desk.kit import Person, add_user
from import_pipeline_tests.gateway.http.desk.test_exports import write_past
from import_pipeline_tests.gateway.http.desk.wizard_kit import Steps
from import_pipeline_tests.gateway.http.kit import Service, add_key
from import_pipeline_tests.scenarios.conftest import ACCOUNT, CONTACT
from import_pipeline_tests.scenarios.site import Here

MARK = "Zanzibar"
"""Stands in everything that acme has, and in nothing else."""
SECRET = {"name": "Zanzibarian", "fields": [{"name": "Name", "required": True}]}
ROWS = (
    "ExternalDataObjectId,Name,Stage,Email\n"
    f"z1,{MARK} One,New,one@zanzibar.example\nz2,{MARK} Two,Prospct,two@zanzibar.example\nz3,{MARK} Three,Nowhere,x@zanzibar.example\n"
)


@pytest.fixture(scope="module")
def oto(service: Service) -> Person:
    """The admin of the other account."""
    return Person(service, "oto")


@dataclass
class Things:
    """What acme has, by the names that addresses use."""

    of: dict[str, str]

    def path(self, page: Page) -> str:
        """The page's address with acme's things in it. A new kind of thing has to be made here."""
        return re.sub(r"\{(\w+)(:path)?\}", lambda part: self.of[f"{page.path.split('/')[1]}.{part[1]}"], page.path)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Here]:
    """acme (ann, zanzibarina) with territories, imports and an export; other (oto), which has the same types but one."""
    made = Here(tmp_path_factory.mktemp("walls"))
    made.add_account("acme", [ACCOUNT, CONTACT, SECRET], title=f"Acme {MARK}", territories={}, exports={"daily": ["Account"]})
    made.add_account("other", [ACCOUNT, CONTACT], territories={}, exports={"daily": ["Account"]})
    for name, account in (("ann", "acme"), ("zanzibarina", "acme"), ("oto", "other")):
        add_user(made, name, account)
    yield made
    made.close()


@pytest.fixture(scope="module")
def things(site: Here, service: Service) -> Things:
    """An import with failed rows, a plan, an export of a day, an import that is begun, a format, a key, a waiting delivery."""
    ann = Person(service, "ann")
    job = site.deliver(f"Account_{MARK}.csv", ROWS)
    begun = Steps(ann, type="Account")
    begun.file(ROWS.replace("z1", "z7"), f"{MARK}_desk.csv")
    begun.columns({"Name": "Name"})
    site.work("acme")
    past = write_past(site, "acme", "daily", "2026-01-05")
    record = re.search(r"/desk/records/account/([a-f][0-9a-f]{23})", ann.get(f"/jobs/{job.id}/lines/2").text)
    assert record
    with site.pipeline.ledger.begin() as conn:
        made = Format(name=f"{MARK} format", object_type="Account")
        formats.save(conn, "acme", made, listed=True, by="ann", now=site.clock.now())
    sent = ann.post(f"/jobs/{job.id}/mend/send", {"which": "open"}).url.path.rpartition("/")[2]
    jobs_ = {"jobs.job": job.id, "jobs.kind": "original", "jobs.line": "2", "jobs.delivery": sent, "deliveries.delivery": sent}
    people = {"people.name": "zanzibarina", "people.key": add_key(site, "acme")[4:20]}
    files = {"exports.cadence": "daily", "exports.name": past.name, "templates.type": "zanzibarian", "templates.kind": "csv"}
    rest = {"import.draft": begun.id, "import.job": job.id, "records.type": "account", "records.record": record[1]}
    return Things(jobs_ | people | files | rest)


FIELDS: dict[str, dict[str, Any]] = {
    "/people/users/{name}": {"do": "remove"},
    "/jobs/{job}/reject": {"reason": "no"},
    "/formats/rename": {"name": f"{MARK} format", "to": "taken"},
    "/formats/remove": {"name": f"{MARK} format"},
    "/import": {"type": "Zanzibarian"},
    "/import/{draft}/format": {"name": "taken"},
}


def everything(site: Here) -> list[Any]:
    """What the ledger knows of acme."""
    with site.pipeline.ledger.read() as conn:
        return [
            jobs.listing(conn, "acme", limit=1000),
            [one for one in deliveries.listing(conn, limit=1000) if one.account == "acme"],
            users.listing(conn, "acme"),
            list(tokens.listing(conn, "acme")),
            drafts.listing(conn, "acme"),
            formats.listing(conn, "acme"),
        ]


@pytest.mark.parametrize("page", [one for one in PAGES if one.handler.__name__ != "sign_out"], ids=lambda one: f"{one.method} {one.path}")
def test_no_page_shows_or_does_anything_with_another_accounts_things(page: Page, site: Here, oto: Person, things: Things) -> None:
    """Whatever is asked for by its id is not found, and nothing changes."""
    before = everything(site)
    path = things.path(page)
    answer = oto.get(path) if page.method == "GET" else oto.post(path, FIELDS.get(page.path, {}))
    shown = answer.text
    for own in (*FIELDS.get(page.path, {}).values(), *path.split("/")[2:]):
        shown = shown.replace(own, "") if own else shown
    assert MARK.casefold() not in shown.casefold()
    if "{" in page.path:
        # Not «forbidden»: that would tell that there is such a thing.
        assert answer.status_code in (400, 404, 415), (answer.status_code, answer.text[:2000])
    assert answer.status_code < 500
    assert everything(site) == before


@pytest.mark.parametrize(
    "path", [f"/find?q={word}" for word in ("z1", f"Account_{MARK}.csv", "{jobs.job}", "{records.record}", "one@zanzibar.example")]
)
def test_nothing_of_another_account_is_found(path: str, oto: Person, things: Things) -> None:
    """Whatever is typed into the search."""
    for name, value in things.of.items():
        path = path.replace("{" + name + "}", value)
    answer = oto.get(path)
    assert "/desk/records/" not in answer.text and "/desk/jobs/" not in answer.text.replace('href="/desk/jobs"', "")


def test_the_things_are_there_for_their_own_people(service: Service, things: Things) -> None:
    """Else the tests above would pass for things that are nowhere."""
    ann = Person(service, "ann")
    found = {}
    for page in PAGES:
        if page.method == "GET" and "{" in page.path:
            answer = ann.get(things.path(page))
            found[page.path] = answer.status_code
    assert {path: status for path, status in found.items() if status != 200} == {}
    assert MARK in ann.get("/jobs").text and MARK in ann.get("/find?q=z1").text and MARK in ann.get("/formats").text


def test_another_accounts_session_is_no_session_here(service: Service) -> None:
    """A cookie is worth what its session says, whatever else is sent with it."""
    with httpx.Client(base_url=service.address, cookies={"desk": "x" * 43}) as client:
        assert client.get("/desk/jobs").status_code == 303


def test_rows_mended_by_one_account_are_nobody_elses(site: Here, oto: Person, things: Things) -> None:
    """Neither seen nor changed."""
    job = things.of["jobs.job"]
    for path in ("save", "apply", "send"):
        answer = oto.post(f"/jobs/{job}/mend/{path}", {"cell.3.Stage": "New", "line": "3", "version": "0"})
        assert answer.status_code == 404
    with site.pipeline.ledger.read() as conn:
        assert mends.of_job(conn, job) and "oto" not in {one.user for one in mends.of_job(conn, job)}
