"""Links to files of a job: who has one reads that file, and nobody reads another."""

import stat
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx

from import_pipeline.gateway.http.advocate import links
from import_pipeline_tests.gateway.http.advocate.kit import Advocate, referral_site
from import_pipeline_tests.gateway.http.kit import Service, add_key, until
from import_pipeline_tests.scenarios.site import Here

CONTENT = "accountId,id\nacme,linked\n"


def test_a_link_leads_to_its_file_without_a_key_and_to_nothing_else(advocate: Advocate, site: Here) -> None:
    """Any other job, kind or moment has another signature."""
    first, second = (advocate.create(advocate.upload(CONTENT + more))["id"] for more in ("", "acme,other\n"))
    address = str(advocate.job(first)["downloadFileRefUrl"])
    answer = httpx.get(address)
    assert (answer.status_code, answer.text) == (200, CONTENT)
    assert "attachment" in answer.headers["content-disposition"] and answer.headers["x-content-type-options"] == "nosniff"
    expires = parse_qs(urlsplit(address).query)["expires"][0]
    later = str(int(expires) + 86_400)
    for wrong in (
        address.replace(first, second),
        address.replace("/file?", "/errors?"),
        address.replace(expires, later),
        address[:-1] + ("0" if address[-1] != "0" else "1"),
        address.split("?")[0],
        address.replace("/file?", "/../file?"),
        address.replace(f"expires={expires}", "expires=²"),
        address.replace("signature=", "signature=é"),
        address.replace("test_akdq8a9wyvzba", "other"),
    ):
        site.clock.jump(timedelta(minutes=1))  # who tries many is told to wait
        assert httpx.get(wrong).status_code in (401, 404), wrong
    assert "signature" not in (advocate.client.get("/graphql", params={"query": "{jobs{count}}"}).text)


def test_links_and_results_end_after_thirty_days(tmp_path: Path) -> None:
    """A-8; a link that was good says that its time is over, and the files are gone."""
    site = referral_site(tmp_path)
    with Service(site) as service:
        advocate = Advocate(service.address, add_key(site, "referrals"))
        job = advocate.create(advocate.upload(CONTENT))["id"]
        site.work()
        told = advocate.ended(job)
        assert told["dateExpires"] - told["dateCompleted"] == 30 * 86_400_000
        addresses = [told["downloadUrl"], told["downloadFileRefUrl"]]
        assert [httpx.get(address).status_code for address in addresses] == [200, 200] and told["downloadErrorUrl"] is None
        site.clock.jump(timedelta(days=30) - timedelta(minutes=5))
        assert httpx.get(addresses[0]).status_code == 200
        site.clock.jump(timedelta(minutes=6))
        assert [httpx.get(address).status_code for address in addresses] == [410, 410]
    with Service(site) as service:
        until(lambda: not (site.settings.home / "results" / "referrals" / job).exists())
        assert Advocate(service.address, add_key(site, "referrals")).job(job)["downloadUrl"] is None
    site.close()


def test_the_signing_key_is_made_once_and_only_its_owner_reads_it(site: Here) -> None:
    """Links stay good when the service starts again."""
    key = links.signing_key(site.settings)
    assert len(key) == 32 and links.signing_key(site.settings) == key
    assert stat.S_IMODE(links.key_file(site.settings).stat().st_mode) == 0o600


def test_links_begin_with_the_address_that_others_know(tmp_path: Path) -> None:
    """Behind a proxy the service does not know it by itself."""
    site = referral_site(tmp_path)
    site.settings = replace(site.settings, http_url="https://imports.example.com")
    with Service(site) as service:
        advocate = Advocate(service.address, add_key(site, "referrals"))
        address = advocate.job(advocate.create(advocate.upload(CONTENT))["id"])["downloadFileRefUrl"]
        assert address.startswith("https://imports.example.com/api/v1/test_akdq8a9wyvzba/jobs/")
        assert httpx.get(address.replace("https://imports.example.com", service.address)).text == CONTENT
    site.close()
