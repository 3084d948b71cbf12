"""Who gets in: the sign-in, sessions, the token of forms, the headers of pages.

Belongs here: rules of every page. Does not belong here: any one page.
"""

from datetime import timedelta

import httpx
from playwright.sync_api import Browser

from import_pipeline.gateway.http.desk.door import PAGES
from import_pipeline.ledger import users
from import_pipeline_tests.gateway.http.desk.kit import PASSWORD, Person, add_user, barriers, csrf_of, shot, sign_in, window
from import_pipeline_tests.gateway.http.kit import Service
from import_pipeline_tests.scenarios.site import Here


def test_a_person_signs_in_and_out_in_a_browser(browser: Browser, service: Service) -> None:
    """The way everybody comes in; the page is fine for a screen reader."""
    with window(browser, service) as page:
        page.goto("/desk/jobs")
        assert page.url.endswith("/desk/sign-in?to=%2Fdesk%2Fjobs")
        assert barriers(page) == []
        shot(page, "sign_in")
        page.get_by_label("Name").fill("ann")
        page.get_by_label("Password").fill("something else")
        page.get_by_role("button", name="Sign in").click()
        assert page.get_by_role("alert").inner_text() == "name or password is wrong"
        sign_in(page, "ann")
        assert page.get_by_role("link", name="Acme Field Sales").first.is_visible()
        page.get_by_role("button", name="Sign out").click()
        page.goto("/desk/jobs")
        assert "/desk/sign-in" in page.url


def test_signing_in_leads_back_to_the_page_that_was_asked_for_and_never_to_another_site(service: Service) -> None:
    """A link with a foreign target would make our sign-in the bait of somebody else's."""

    def lands(to: str) -> str:
        with httpx.Client(base_url=service.address) as client:
            return client.post("/desk/sign-in", data={"name": "ann", "password": PASSWORD, "to": to}).headers["location"]

    assert lands("/desk/jobs?state=held") == "/desk/jobs?state=held"
    for elsewhere in ("https://evil.example/desk/", "//evil.example/desk/", "/desk\\evil", "/docs", "javascript:alert(1)", "/desk/\nx"):
        assert lands(elsewhere) == "/desk"


def test_pages_are_for_people_who_are_signed_in(service: Service) -> None:
    """Each of them, a new one too."""
    with httpx.Client(base_url=service.address) as client:
        for page in PAGES:
            path = f"/desk{page.path}".replace("{", "").replace("}", "")
            answer = client.request(page.method, path)
            assert answer.status_code == 303 and answer.headers["location"].startswith("/desk/sign-in"), page.path


def test_a_form_without_the_sessions_own_token_is_refused_whoever_sends_it(service: Service) -> None:
    """A page of another site has the cookie sent along, but does not know the token."""
    ann, oto = Person(service, "ann"), Person(service, "oto")
    for page in PAGES:
        if page.method != "POST":
            continue
        path = page.path.replace("{", "").replace("}", "")
        for token in ("", "0" * 64, oto.csrf):
            answer = ann.client.post(f"/desk{path}", data={"csrf": token})
            assert answer.status_code in (403, 415), (path, answer.status_code)
    assert "Sign out" in ann.get("/jobs").text


def test_a_form_that_another_site_sends_is_refused_even_with_the_token(service: Service) -> None:
    """The browser says where a request comes from."""
    ann = Person(service, "ann")
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
        assert ann.post("/sign-out", headers=headers).status_code == 403
    assert ann.post("/sign-out", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 200


def test_every_page_forbids_scripts_and_styles_of_others_and_being_framed(service: Service) -> None:
    """What got past the escaping would still not run."""
    headers = Person(service, "ann").get("/jobs").headers
    assert "default-src 'none'; script-src 'self'; style-src 'self'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"] and "frame-ancestors 'none'" in headers["content-security-policy"]
    assert len(headers.get_list("content-security-policy")) == 1
    assert headers["x-content-type-options"] == "nosniff" and headers["cache-control"] == "no-store"


def test_the_cookie_is_not_for_scripts_and_its_value_is_kept_nowhere(site: Here, service: Service) -> None:
    """Who reads the ledger or the log cannot sign in with it."""
    with httpx.Client(base_url=service.address) as client:
        answer = client.post("/desk/sign-in", data={"name": "ann", "password": PASSWORD})
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie and "SameSite=lax" in cookie and "Path=/desk" in cookie
        value = client.cookies["desk"]
    kept = (site.settings.home / "ledger.sqlite").read_bytes() + b"".join(
        path.read_bytes() for path in site.settings.home.glob("ledger.sqlite-wal")
    )
    assert value.encode() not in kept and PASSWORD.encode() not in kept
    assert value not in (site.settings.home / "logs" / "http-access.jsonl").read_text()


def test_a_session_ends_when_it_rests_too_long_or_its_user_is_barred_or_given_another_password(site: Here, service: Service) -> None:
    """At once, not at the next sign-in."""

    def is_in(person: Person) -> bool:
        return "Sign out" in person.get("/jobs").text

    add_user(site, "eve", "acme")
    eve = Person(service, "eve")
    with site.pipeline.ledger.begin() as conn:
        users.disable(conn, "eve", True)
    assert not is_in(eve)
    with site.pipeline.ledger.begin() as conn:
        users.disable(conn, "eve", False)
    assert is_in(eve)
    site.clock.jump(timedelta(seconds=2))
    add_user(site, "eve", "acme")
    assert not is_in(eve)
    resting = Person(service, "eve")
    site.clock.jump(timedelta(hours=7))
    assert is_in(resting)
    site.clock.jump(timedelta(hours=9))
    assert not is_in(resting)


def test_wrong_passwords_wait_longer_each_time_and_bar_the_address_at_last(site: Here) -> None:
    """Guessing is slow, for names that do not exist too."""
    with Service(site) as fresh, httpx.Client(base_url=fresh.address, timeout=60) as client:
        for _ in range(3):
            assert client.post("/desk/sign-in", data={"name": "nobody", "password": "x"}).status_code == 401
        took = client.post("/desk/sign-in", data={"name": "nobody", "password": "x"})
        gate = fresh.server.config.app._gate  # type: ignore[union-attr]
        for number in range(gate.guard.limits.barred_after):
            gate.guard.failed("127.0.0.1", f"name {number}")
        barred = client.post("/desk/sign-in", data={"name": "ann", "password": PASSWORD})
        assert barred.status_code == 429 and "too many failed log-ins" in barred.text
        assert took.status_code == 401 and took.elapsed >= timedelta(seconds=0.9)


def test_a_right_name_and_a_wrong_one_get_the_same_words(service: Service) -> None:
    """Nobody learns who has an account."""
    with httpx.Client(base_url=service.address, timeout=60) as client:
        known = client.post("/desk/sign-in", data={"name": "rea", "password": "x"})
        unknown = client.post("/desk/sign-in", data={"name": "xxx", "password": "x"})
    assert known.status_code == unknown.status_code == 401
    assert known.text.replace("rea", "xxx") == unknown.text


def test_the_token_of_a_page_is_its_sessions_own(service: Service) -> None:
    """Two sessions of one user have two."""
    one, two = Person(service, "ann"), Person(service, "ann")
    assert csrf_of(one.get("/jobs").text) == one.csrf != two.csrf
