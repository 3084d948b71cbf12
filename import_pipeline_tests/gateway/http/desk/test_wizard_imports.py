"""What becomes of imports beyond their steps: two windows, one start, rights, duplicates, formats.

Belongs here: rules of an import as a whole, over HTTP. Does not belong here: single forms (test_wizard_steps.py), a browser
(test_wizard.py).
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from import_pipeline.gateway.http.desk.wizard.pages import PAGES
from import_pipeline.landing import cancelling
from import_pipeline.landing.submit import submit
from import_pipeline.ledger import deliveries, drafts, formats, uploads
from import_pipeline.model.format import Format
from import_pipeline_tests.gateway.http.desk.kit import Person
from import_pipeline_tests.gateway.http.desk.wizard_kit import CLIENT, MAP, Steps, cases, draft_in, make_site, mapped_in, version_in
from import_pipeline_tests.gateway.http.kit import Service
from import_pipeline_tests.scenarios.site import Here


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Here]:
    """The accounts cases, strict and acme."""
    made = make_site(tmp_path_factory.mktemp("imports"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def ann(service: Service) -> Person:
    """An admin of cases."""
    return Person(service, "ann")


def key_of(site: Here, steps: Steps) -> str:
    """The delivery that an import was started as."""
    return steps.draft(site).delivery or ""


def test_a_map_that_is_changed_after_the_plan_needs_another_plan(ann: Person, site: Here) -> None:
    """A plan of something else would be a lie; the same again needs no other."""
    steps = Steps(ann).ready(cases("replan", 2))
    first = steps.draft(site).plan
    assert first and str(steps.last.url).endswith("/review")
    steps.columns(MAP)
    assert steps.draft(site).plan == first, "nothing was changed, so the plan stays"
    steps.columns({"Hours": ""}, go="back")
    assert steps.draft(site).plan is None
    assert "There is no plan of what is chosen" in ann.get(f"{steps.path}/review").text
    assert "There is no plan of what is chosen" in ann.get(f"{steps.path}/start").text
    ann.post(f"{steps.path}/review")
    assert steps.draft(site).plan not in (None, first)
    with site.pipeline.ledger.read() as conn:
        old = deliveries.get(conn, first)
    assert old and old.run_id is None and old.reason == "the import was changed", "the old plan does not run"


def test_the_older_of_two_windows_is_refused_and_shows_what_the_newer_saved_beside_what_was_typed(ann: Person, site: Here) -> None:
    """Nobody's work is overwritten unseen, and nobody types it twice."""
    steps = Steps(ann)
    old = steps.version()
    steps.file(**{**CLIENT, "defaults.Notes": "from the newer"}, version=old)
    answer = steps.file(**{**CLIENT, "defaults.Notes": "from the older", "defaults.Region": "Plains"}, version=old)
    assert answer.status_code == 409 and "changed in another window" in answer.text
    assert "from the older" in answer.text and "Saved in the other window: from the newer" in answer.text
    assert steps.draft(site).body["defaults"] == {"Notes": "from the newer"}
    steps.file(cases("win", 2), **{**CLIENT, "defaults.Notes": "from the older"}, version=version_in(answer.text))
    assert steps.draft(site).body["defaults"] == {"Notes": "from the older"}
    old = steps.version("columns")
    steps.columns({"Claim": "Reference 2"}, go="back", version=old)
    answer = steps.columns({"Claim": "Reference 3"}, version=old)
    assert answer.status_code == 409 and "Saved in the other window: Reference 2" in answer.text
    assert mapped_in(answer.text)["Claim"] == "Reference 3" and steps.draft(site).body["columns"]["Claim"] == "Reference 2"


def test_a_window_that_sends_the_same_again_is_not_refused(ann: Person) -> None:
    """A double click is no conflict."""
    steps = Steps(ann)
    old = steps.version()
    typed = {**CLIENT, "defaults.Notes": "twice"}
    steps.file(**typed, version=old)
    assert steps.file(**typed, version=old).status_code == 200


def test_a_script_that_is_late_learns_the_version_to_send(ann: Person) -> None:
    """The page of a script is not made anew, so it has to be told."""
    steps = Steps(ann)
    old = steps.version()
    steps.file(**{"defaults.Notes": "newer"}, version=old)
    ahead = {"X-Desk-Upload": "1", "X-CSRF-Token": ann.csrf}
    data = {"csrf": ann.csrf, "version": old, **CLIENT}
    answer = ann.client.post(f"/desk{steps.path}/file", data=data, files={"file": ("x.csv", cases("late", 1).encode())}, headers=ahead)
    assert answer.status_code == 409 and answer.headers["x-desk-version"] == steps.version()
    data["version"] = answer.headers["x-desk-version"]
    answer = ann.client.post(f"/desk{steps.path}/file", data=data, files={"file": ("x.csv", cases("late", 1).encode())}, headers=ahead)
    assert answer.headers["x-desk-location"].endswith("/columns")


def test_an_import_is_started_once_however_often_the_button_is_pressed(ann: Person, service: Service, site: Here) -> None:
    """Twice started would be twice imported in a strict account."""
    steps = Steps(ann).ready(cases("once", 2))
    version, eve = steps.version("start"), Person(service, "eve")
    first = steps.start(version=version)
    again = steps.start(version=version)
    other = eve.post(f"{steps.path}/start", {"version": version, "on_error": "halt"})
    assert {str(answer.url.path) for answer in (first, again, other)} == {f"/desk{steps.path}"}
    with site.pipeline.ledger.read() as conn:
        booked = [one for one in deliveries.listing(conn, "cases", limit=1000) if one.key == key_of(site, steps)]
        real = [one for one in deliveries.listing(conn, "cases", limit=1000) if not one.dry_run and one.state == "waiting"]
    assert len(booked) == 1 and [one.key for one in real] == [key_of(site, steps)]
    assert steps.draft(site).body["on_error"] == "skip"
    assert "taken back" in ann.post(f"{steps.path}/stop").text
    assert steps.draft(site).state == "open"


def test_of_many_starts_at_the_same_moment_one_counts(ann: Person, service: Service, site: Here) -> None:
    """The version in the ledger decides, not who looked first."""
    steps = Steps(ann).ready(cases("race", 2))
    version, people = steps.version("start"), [Person(service, "eve") for _ in range(3)]
    with ThreadPoolExecutor(12) as pool:
        sent = [pool.submit(people[n % 3].post, f"{steps.path}/start", {"version": version, "on_error": "halt"}) for n in range(12)]
        answers = [one.result() for one in sent]
    assert {str(answer.url.path) for answer in answers} == {f"/desk{steps.path}"}
    with site.pipeline.ledger.read() as conn:
        real = [one.key for one in deliveries.listing(conn, "cases", limit=1000) if not one.dry_run and one.state == "waiting"]
    assert real == [key_of(site, steps)]
    ann.post(f"{steps.path}/stop")


def test_what_another_window_changed_is_not_started_unseen(ann: Person, site: Here) -> None:
    """Who presses the button has looked at a plan of something else."""
    steps = Steps(ann).ready(cases("unseen", 2))
    old = steps.version("start")
    steps.columns({"Hours": ""}, go="back")
    answer = steps.start(version=old)
    assert answer.status_code == 409 and steps.draft(site).state == "open"
    assert "changed in another window" in answer.text
    assert steps.start(version=version_in(answer.text)).status_code == 200
    assert steps.draft(site).state == "started"
    ann.post(f"{steps.path}/stop")


def test_an_import_that_was_cancelled_among_the_jobs_can_be_opened_again(ann: Person, site: Here) -> None:
    """Nothing was imported, so nothing is lost: not the map either."""
    steps = Steps(ann).ready(cases("cancel", 2))
    steps.start()
    with site.pipeline.ledger.begin() as conn:
        cancelling.cancel(conn, site.pipeline.account("cases"), key_of(site, steps), "eve", now=site.clock.now())
    shown = ann.get(steps.path).text
    assert "Cancelled" in shown and "Complete" not in shown and "Open it again" in shown
    assert str(ann.post(f"{steps.path}/stop").url).endswith("/review")
    assert steps.draft(site).state == "open"
    steps.start()
    site.work("cases")
    assert steps.job(site).counts.created == 2


def test_a_started_import_cannot_be_changed_and_its_steps_lead_to_it(ann: Person, site: Here) -> None:
    """What runs has to be what was reviewed."""
    steps = Steps(ann).ready(cases("fast", 1))
    version = steps.version("columns")
    steps.start()
    assert steps.file(**CLIENT, version=version).status_code == 409
    for step in ("file", "columns", "review", "start"):
        assert str(ann.get(f"{steps.path}/{step}").url.path) == f"/desk{steps.path}"
    assert ann.post(f"{steps.path}/throw-away").status_code == 409
    ann.post(f"{steps.path}/stop")


def test_an_import_that_is_thrown_away_is_gone_with_its_plan_and_its_file(ann: Person, site: Here) -> None:
    """A plan that nobody waits for would only keep others waiting."""
    steps = Steps(ann).ready(cases("away", 2))
    draft = steps.draft(site)
    ann.post(f"{steps.path}/throw-away")
    assert ann.get(f"{steps.path}/file").status_code == 404
    with site.pipeline.ledger.read() as conn:
        plan = deliveries.get(conn, draft.plan or "")
        over = {one.id for one, _ in uploads.expired(conn, now=site.clock.now() + timedelta(seconds=1))}
    assert plan and plan.reason == "the import was thrown away" and draft.upload in over


def test_an_import_of_another_account_is_not_there_on_any_address(service: Service, ann: Person) -> None:
    """Accounts do not learn of each other, not even that there is something."""
    steps = Steps(ann)
    oto = Person(service, "oto")
    for page in PAGES:
        if "{draft}" not in page.path:
            continue
        path = page.path.replace("{draft}", steps.id)
        if page.method == "GET":
            answer = oto.get(path)
        elif path.endswith("/file"):
            answer = oto.client.post(f"/desk{path}", data={"csrf": oto.csrf}, files={"file": ("", b"")})
        else:
            answer = oto.post(path, {"name": "mine"})
        assert answer.status_code == 404, path
    assert ann.get(f"{steps.path}/file").status_code == 200


def test_who_may_only_read_imports_nothing_and_who_may_only_import_saves_no_format(service: Service, site: Here) -> None:
    """Hidden buttons are no protection: the server refuses."""
    rea, bob = Person(service, "rea"), Person(service, "bob")
    for page in PAGES:
        path = page.path.replace("{draft}", "0" * 16).replace("{job}", "a")
        answer = rea.get(path) if page.method == "GET" else rea.post(path)
        assert answer.status_code == 403, page.path
    steps = Steps(bob).ready(cases("bob", 1))
    assert "Save as a format" not in steps.last.text
    assert bob.post(f"{steps.path}/format", {"name": "bobs"}).status_code == 403
    assert bob.get("/formats").status_code == 200


def test_a_format_is_saved_listed_used_renamed_and_removed(ann: Person, site: Here) -> None:
    """Acceptance E-3."""
    steps = Steps(ann).ready(cases("fmt", 2), **{"defaults.Region": "Plains"})
    answer = ann.post(f"{steps.path}/format", {"name": "weekly <b>list</b>", "title": "From Northwind"})
    assert str(answer.url).endswith("/review") and "is saved" in answer.text and "<b>list" not in answer.text
    page = ann.get("/formats").text
    assert "weekly &lt;b&gt;list&lt;/b&gt;" in page and "From Northwind" in page and "<b>list" not in page
    assert "already" in ann.post(f"{steps.path}/format", {"name": "weekly <b>list</b>"}).text
    assert "in its settings" in ann.post(f"{steps.path}/format", {"name": "northwind weekly", "replace": "1"}).text
    used = Steps(ann, format="weekly <b>list</b>")
    body = used.draft(site).body
    assert body["defaults"] == {"Region": "Plains"} and body["fixed"]["Client"] == "Northwind Mutual"
    used.file(cases("fmt", 2))
    assert {header: mapped_in(used.last.text)[header] for header in MAP} == MAP


def test_formats_of_the_desk_can_be_renamed_and_removed_but_none_of_the_settings(ann: Person, site: Here) -> None:
    """The account's YAML is not the desk's to change."""
    steps = Steps(ann).ready(cases("ren", 2))
    ann.post(f"{steps.path}/format", {"name": "one"})
    ann.post(f"{steps.path}/format", {"name": "two"})
    assert ann.post("/formats/rename", {"name": "one", "to": "two"}).status_code == 409
    assert ann.post("/formats/rename", {"name": "one", "to": " "}).status_code == 400
    assert ann.post("/formats/rename", {"name": "northwind weekly", "to": "mine"}).status_code == 409
    assert "is called «three» now" in ann.post("/formats/rename", {"name": "one", "to": "three"}).text
    assert ann.post("/formats/remove", {"name": "northwind weekly"}).status_code == 404
    assert "is removed" in ann.post("/formats/remove", {"name": "two"}).text
    with site.pipeline.ledger.read() as conn:
        assert {one.name for one in formats.listing(conn, "cases")} & {"one", "two", "three"} == {"three"}


def test_what_cannot_be_imported_is_refused_where_it_begins(ann: Person) -> None:
    """Nobody finds out in the last step."""
    for given in ({}, {"type": "Nothing"}, {"type": ""}, {"format": "no such format"}):
        assert ann.post("/import", given).status_code == 400, given


def test_a_copy_has_defaults_and_map_and_waits_for_its_file(ann: Person, site: Here) -> None:
    """Acceptance T-7: with a file of the same header nothing else is to do."""
    steps = Steps(ann).ready(cases("copy", 2), **{"defaults.Region": "Plains"})
    answer = ann.post(f"{steps.path}/copy")
    copied = Steps.of(ann, draft_in(str(answer.url)))
    assert str(answer.url).endswith("/file") and copied.id != steps.id and copied.draft(site).copy_of == steps.id
    assert copied.draft(site).upload is None and copied.draft(site).body["defaults"] == {"Region": "Plains"}
    copied.file(cases("copied", 2), **{**CLIENT, "defaults.Region": "Plains"})
    assert {header: mapped_in(copied.last.text)[header] for header in MAP} == MAP
    assert str(ann.get(copied.path).url).endswith("/review")


def test_a_job_of_any_door_can_be_duplicated_with_the_map_it_had(ann: Person, site: Here) -> None:
    """Acceptance T-7, for files that came another way."""
    job = site.deliver("Case_by_folder.csv", "Client,Case Type,Claim Number,Subject Last Name\nNorthwind Mutual,Surveillance,F-1,Folder\n")
    answer = ann.post(f"/import/copy-of-job/{job.id}")
    steps = draft_in(str(answer.url))
    assert str(answer.url).endswith("/file") and "everything else is set" in answer.text
    with site.pipeline.ledger.read() as conn:
        body = drafts.get(conn, "cases", steps)
    assert body and body.body["columns"]["Claim Number"] == "Reference 1" and body.body["file"] is None
    assert ann.post("/import/copy-of-job/nothing").status_code == 404


def test_a_deletion_is_not_duplicated_as_an_import(service: Service, site: Here) -> None:
    """The copy would create what the file was to delete."""
    oto = Person(service, "oto")
    path = site.folder / "gone.jsonl"
    path.write_text('{"ExternalDataObjectId": "A-1"}\n')
    account = site.pipeline.account("acme")
    with site.pipeline.ledger.begin() as conn:
        formats.save(
            conn, "acme", Format(name="gone", object_type="Account", operation="delete"), listed=True, by="oto", now=site.clock.now()
        )
    key = submit(site.pipeline.ledger, account, site.settings, [path], format="gone", now=site.clock.now(), door="cli")
    site.work("acme")
    job = next(one for one in site.jobs("acme") if one.delivery == key)
    answer = oto.post(f"/import/copy-of-job/{job.id}")
    assert answer.status_code == 409 and "something else than create and update" in answer.text
