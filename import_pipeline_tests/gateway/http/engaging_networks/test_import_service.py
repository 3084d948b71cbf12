"""import.service: what is taken and what is not, with the documented texts word for word (acceptance E-1 to E-4)."""

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from import_pipeline.gateway.http.engaging_networks.answers import NO_FORMAT, NO_NAME, OTHER_HEADER, UNABLE
from import_pipeline.gateway.http.engaging_networks.receiving import MOST_BYTES
from import_pipeline.gateway.http.tokens import digest, make_key
from import_pipeline.ledger import tokens
from import_pipeline_tests.gateway.http.kit import add_key, ask, until
from import_pipeline_tests.scenarios.giving import BASE, HEADER, ONE, PRINTED, Giving, giving_site

BOM = b"\xef\xbb\xbf"


@pytest.fixture(scope="module")
def giving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Giving]:
    """One service for the tests that only ask it."""
    with giving_site(tmp_path_factory.mktemp("giving")) as made:
        yield made


def vaulted(giving: Giving) -> list[Path]:
    """Everything that lies in the vault, temporary files included."""
    return sorted(path for path in giving.site.settings.vault.rglob("*") if path.is_file())


def test_the_texts_are_those_of_the_document() -> None:
    """Programs compare them (acceptance E-2)."""
    assert (UNABLE, NO_NAME, NO_FORMAT, OTHER_HEADER) == (
        "Error: Unable to process your import. Please contact support.",
        "Error: reference name is a required parameter",
        "Error: Import format parameter not found or is invalid",
        "Error: The format you selected does not match the first line of your upload file. Please verify that the header row in the "
        "import is exactly the same as the import format fields.",
    )


@pytest.mark.parametrize(
    ("fields", "content", "text"),
    [
        ({"token": ""}, PRINTED, UNABLE),
        ({"token": "ipk_" + "0" * 80}, PRINTED, UNABLE),
        ({"name": ""}, PRINTED, NO_NAME),
        ({"name": "  "}, PRINTED, NO_NAME),
        ({"formatName": ""}, PRINTED, NO_FORMAT),
        ({"formatName": "Supporters"}, PRINTED, NO_FORMAT),
        ({"formatName": 'supporters {"First Name":"x"}'}, PRINTED, NO_FORMAT),
        ({"formatName": "importTransactions payments"}, PRINTED, NO_FORMAT),
        ({}, None, OTHER_HEADER),
        ({}, "", OTHER_HEADER),
        ({}, ONE, OTHER_HEADER),
        ({}, HEADER.replace("First Name", "first name") + ONE, OTHER_HEADER),
        ({}, HEADER.replace(",Campaign ABC", "") + ONE, OTHER_HEADER),
        ({}, HEADER.replace("First Name,Last Name", "Last Name,First Name") + ONE, OTHER_HEADER),
        ({}, HEADER.replace(",", ";") + ONE, OTHER_HEADER),
        ({"formatName": "importTransactions"}, PRINTED, OTHER_HEADER),
        ({"formatName": "importTransactions"}, "Supporter Email,Campaign Type\na@example.org,PET\n", OTHER_HEADER),
        ({"segmentId": "x" * 65}, PRINTED, UNABLE),
    ],
)
def test_each_error_has_its_cause_and_leaves_nothing_behind(giving: Giving, fields: dict[str, str], content: str | None, text: str) -> None:
    """E-2, E-3: the token counts first; what is refused is neither booked nor kept."""
    before = vaulted(giving)
    assert giving.send(content, **fields) == text
    assert vaulted(giving) == before and not giving.site.jobs()


def test_a_file_over_20_mb_is_not_taken_and_one_of_20_mb_is(giving: Giving) -> None:
    """E-4: «Files should not exceed 20MB»; with and without a Content-Length nothing of it is left."""
    before = vaulted(giving)
    line = "Supporter,One,sam@engagingnetworks.net,123ABC,Y,P\n"
    whole = (HEADER + line * (MOST_BYTES // len(line)))[:MOST_BYTES]
    assert giving.send(whole + "xx") == UNABLE and vaulted(giving) == before
    form = b'--b\r\nContent-Disposition: form-data; name="upload"; filename="a.csv"\r\n\r\n' + b"x" * (MOST_BYTES + 3_000_000)
    sent = (form[at : at + 65_536] for at in range(0, len(form), 65_536))
    address, kind = f"{giving.service.address}{BASE}/import.service", {"Content-Type": "multipart/form-data; boundary=b"}
    assert requests.post(address, data=sent, headers=kind, timeout=30).text == UNABLE and vaulted(giving) == before
    assert "uploaded successfully" in giving.send(whole)


def test_the_documents_curl_works_with_the_token_behind_the_file(giving: Giving, tmp_path: Path) -> None:
    """E-1: bytes come first; the segment's parameters and those of old clients may stand there."""
    file = tmp_path / "import.csv"
    file.write_text(PRINTED)
    words = ["curl", "-s", "-w", " %{http_code}", "-F", f"upload=@{file}", "-F", "formatName=supporters", "-F", "name=Mine"]
    words += ["-F", "campaignId=1", "-F", "campaignName=x", "-F", "segmentId=s", "-F", f"token={giving.token}"]
    told = subprocess.run([*words, f"{giving.service.address}{BASE}/import.service"], capture_output=True, text=True, timeout=30).stdout
    assert told.startswith("Your file has been uploaded successfully") and told.endswith(" 200")
    before = vaulted(giving)
    words[-1] = "token=ipk_wrong"
    told = subprocess.run([*words, f"{giving.service.address}{BASE}/import.service"], capture_output=True, text=True, timeout=30).stdout
    assert told == f"{UNABLE} 200" and vaulted(giving) == before


def test_the_form_page_sends_to_the_service(giving: Giving) -> None:
    """import.jsp for people, and as an address that takes imports."""
    page = requests.get(f"{giving.service.address}{BASE}/import.jsp", timeout=30)
    assert page.headers["content-type"].startswith("text/html") and 'action="import.service"' in page.text
    for field in ("token", "name", "upload", "formatName", "segmentId", "segmentName"):
        assert f'name="{field}"' in page.text
    assert "uploaded successfully" in giving.send(PRINTED + ONE, to="import.jsp")


def test_a_byte_order_mark_is_taken_unless_the_account_is_strict(giving: Giving, tmp_path: Path) -> None:
    """E-4: kind by default; strict gives the document's error."""
    assert "uploaded successfully" in giving.send(BOM + PRINTED.encode())
    with giving_site(tmp_path, **{"strict: false": "strict: true"}) as strict:
        assert strict.send(BOM + PRINTED.encode()) == OTHER_HEADER
        assert "uploaded successfully" in strict.send(PRINTED)
        assert strict.send("Supporter Email,Campaign Type,Campaign ID\n", formatName="importTransactions") == OTHER_HEADER


def test_a_request_that_is_no_form_or_ends_early_gets_the_general_text(giving: Giving) -> None:
    """Always 200: clients look at the words only."""
    address = f"{giving.service.address}{BASE}/import.service"
    for body in ({"token": giving.token}, "nothing"):
        answer = requests.post(address, data=body, timeout=30)
        assert (answer.status_code, answer.text) == (200, UNABLE)
    head = f"POST {BASE}/import.service HTTP/1.1\nHost: x\nContent-Type: multipart/form-data; boundary=b\nContent-Length: 9999"
    before = vaulted(giving)
    ask(giving.service, head, b'--b\r\nContent-Disposition: form-data; name="upload"; filename="a.csv"\r\n\r\nab')
    until(lambda: vaulted(giving) == before)


def test_a_token_must_be_allowed_to_import_here(giving: Giving) -> None:
    """A reader's token, a revoked one and an expired one are like none."""
    reader = add_key(giving.site, "giving", scopes=("read",))
    revoked = add_key(giving.site, "giving")
    expired = add_key(giving.site, "giving", expires=giving.site.clock.now())
    with giving.site.pipeline.ledger.begin() as conn:
        assert tokens.revoke(conn, revoked.split("_")[1][:16], now=giving.site.clock.now())
    assert [giving.send(PRINTED, token=key) for key in (reader, revoked, expired)] == [UNABLE] * 3


def test_jobs_are_numbered_and_seen_by_the_user_who_sent_them(giving: Giving) -> None:
    """E-10: another user of the account does not see them, another token of the same user does."""
    first = int(giving.send(PRINTED, name="one").split("# is ")[1].split(".")[0])
    second = int(giving.send(PRINTED, name="two").split("# is ")[1].split(".")[0])
    assert second == first + 1
    mine = giving.get("jobs", token=add_key(giving.site, "giving")).json()
    assert [(row["job"], row["name"], row["percent"], row["completed"]) for row in mine[:2]] == [
        (second, "two", 0, None),
        (first, "one", 0, None),
    ]
    with giving.site.pipeline.ledger.begin() as conn:
        key_id, key = make_key()
        held = next(iter(tokens.listing(conn, "giving")))
        tokens.add(conn, replace(held, id=key_id, owner="bob@example.com", secret=digest(key)))
    assert giving.get("jobs", token=key).json() == []
    assert giving.get("jobs", token="ipk_no").status_code == 401


def test_the_same_bytes_again_are_another_job_that_changes_nothing(tmp_path: Path) -> None:
    """B-5: with the same format and segment; the job says so."""
    with giving_site(tmp_path) as giving:
        giving.imported(PRINTED)
        again = giving.imported(PRINTED, name="again")
        assert (
            (again["job"], again["percent"]) == (2, 100)
            and "nothing was imported again" in again["results"]
            and len(giving.supporters()) == 2
            and len(giving.exported()) == 2
        )


def test_imports_sent_at_once_have_numbers_of_their_own(giving: Giving) -> None:
    """Each is booked once, in one transaction with its number."""
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda n: giving.send(PRINTED + f"A,B,at{n}@example.org,,,\n"), range(16)))
    numbers = [int(text.split("# is ")[1].split(".")[0]) for text in told]
    assert sorted(numbers) == list(range(min(numbers), min(numbers) + 16))
