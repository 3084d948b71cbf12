"""Users and keys on the desk: one store of users for SFTP, HTTP and the pages."""

import re
from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest
from playwright.sync_api import Browser

from import_pipeline.gateway.passwords import is_right
from import_pipeline.ledger import users
from import_pipeline.ledger.users import User
from import_pipeline_tests.gateway.http.desk.kit import PASSWORD, Person, add_user, barriers, shot, sign_in, window
from import_pipeline_tests.gateway.http.kit import BULK, Service
from import_pipeline_tests.scenarios.site import Here


@pytest.fixture
def ann(service: Service) -> Iterator[Person]:
    """The admin of acme."""
    yield Person(service, "ann")


def user(site: Here, name: str) -> User | None:
    with site.pipeline.ledger.read() as conn:
        return users.get(conn, name)


def test_an_admin_lets_somebody_in_who_signs_in_at_once(browser: Browser, site: Here, service: Service) -> None:
    """Through the page, into the one store of users."""
    with window(browser, service) as page:
        sign_in(page, "ann")
        page.get_by_role("link", name="People").click()
        assert barriers(page) == []
        shot(page, "people")
        page.get_by_text("Let somebody in").click()
        page.get_by_label("Name").fill("newton")
        page.get_by_label("Password", exact=False).last.fill(PASSWORD)
        page.get_by_label("Role", exact=True).select_option("upload")
        page.get_by_role("button", name="Let in", exact=True).click()
        assert page.get_by_role("status").inner_text() == "newton may sign in now"
    made = user(site, "newton")
    assert made and (made.account, made.role) == ("acme", "upload") and is_right(made.password, PASSWORD)
    assert "Sign out" in Person(service, "newton").get("/people").text
    assert Person(service, "newton").get("/people").status_code == 403


def test_the_page_fits_a_phone(browser: Browser, service: Service) -> None:
    """Wide tables scroll in their own frame."""
    with window(browser, service, viewport={"width": 390, "height": 800}, color_scheme="dark") as page:
        sign_in(page, "ann")
        page.goto("/desk/people")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert barriers(page) == []
        shot(page, "people_phone_dark")


def test_a_name_that_is_taken_malformed_or_an_alias_is_refused_with_the_reason(ann: Person) -> None:
    """What was typed stays in the form."""
    for name, words in (("oto", "is taken"), ("Bad Name", "lower-case letters"), ("bob", "is taken")):
        answer = ann.post("/people/users", {"name": name, "password": PASSWORD, "role": "both"})
        assert answer.status_code == 400 and words in answer.text
    short = ann.post("/people/users", {"name": "short", "password": "1234", "role": "both"})
    assert short.status_code == 400 and "at least 8 characters" in short.text
    unknown = ann.post("/people/users", {"name": "chief", "password": PASSWORD, "role": "king"})
    assert unknown.status_code == 400 and "admin" in unknown.text


def test_roles_change_at_once_and_barring_signs_out(site: Here, service: Service, ann: Person) -> None:
    """Rights are looked up with every request."""
    add_user(site, "kim", "acme", "upload")
    kim = Person(service, "kim")
    assert kim.get("/people").status_code == 403
    assert ann.post("/people/users/kim", {"do": "role", "role": "admin"}).status_code == 200
    assert kim.get("/people").status_code == 200
    ann.post("/people/users/kim", {"do": "bar"})
    assert "Sign out" not in kim.get("/people").text
    ann.post("/people/users/kim", {"do": "let"})
    assert "Sign out" in kim.get("/people").text
    ann.post("/people/users/kim", {"do": "remove"})
    assert user(site, "kim") is None and "Sign out" not in kim.get("/people").text


def test_another_password_set_by_an_admin_signs_the_user_out(site: Here, service: Service, ann: Person) -> None:
    """Whoever knew the old one is out."""
    add_user(site, "lee", "acme")
    lee = Person(service, "lee")
    site.clock.jump(timedelta(seconds=1))
    assert ann.post("/people/users/lee", {"do": "password", "password": "another password"}).status_code == 200
    assert "Sign out" not in lee.get("/people").text
    changed = user(site, "lee")
    assert changed and is_right(changed.password, "another password")


def test_nobody_changes_ones_own_rights_or_people_of_another_account(site: Here, ann: Person) -> None:
    """An account always keeps the admin who is at work."""
    assert ann.post("/people/users/ann", {"do": "remove"}).status_code == 409
    for do in ("role", "bar", "let", "remove", "password"):
        assert ann.post("/people/users/oto", {"do": do, "role": "read", "password": PASSWORD}).status_code == 404
    other = user(site, "oto")
    assert other and (other.role, other.disabled) == ("admin", False) and is_right(other.password, PASSWORD)
    assert ann.post("/people/users/bob", {"do": "knight"}).status_code == 400


def test_a_key_is_shown_once_works_and_ends(site: Here, service: Service, ann: Person) -> None:
    """Only its digest is kept."""
    made = ann.post("/people/keys", {"name": "nightly <b>", "scope": ["import", "read"], "days": "90"})
    found = re.search(r"ipk_[0-9a-f]{80}", made.text)
    assert found and "nightly &lt;b&gt;" in made.text
    key = found[0]
    assert key not in ann.get("/people").text
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=service.address, headers=headers) as program:
        assert program.get(f"{BULK}/inprogress").status_code == 200
        assert ann.post(f"/people/keys/{key[4:20]}/revoke").status_code == 200
        assert program.get(f"{BULK}/inprogress").status_code == 401
    oto = Person(service, "oto")
    assert oto.post(f"/people/keys/{key[4:20]}/revoke").status_code == 404
    assert ann.post("/people/keys", {"name": "x", "days": "90"}).status_code == 400


def test_people_change_their_own_password_and_stay_signed_in_here_only(site: Here, service: Service) -> None:
    """The present password is asked for: a screen left open is not enough."""
    add_user(site, "mia", "acme", "read")
    here, elsewhere = Person(service, "mia"), Person(service, "mia")
    site.clock.jump(timedelta(seconds=1))
    wrong = here.post("/password", {"old": "not it", "new": "a new password", "again": "a new password"})
    assert wrong.status_code == 400 and "present password is wrong" in wrong.text
    assert here.post("/password", {"old": PASSWORD, "new": "a new password", "again": "another"}).status_code == 400
    done = here.post("/password", {"old": PASSWORD, "new": "a new password", "again": "a new password"})
    assert done.status_code == 200 and "signed out everywhere else" in done.text
    assert "Sign out" in here.get("/password").text and "Sign out" not in elsewhere.get("/password").text
