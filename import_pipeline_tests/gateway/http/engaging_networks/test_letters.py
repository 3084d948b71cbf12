"""The letter on completion: to the owner of the token, over a real SMTP conversation (acceptance E-10)."""

from datetime import timedelta
from pathlib import Path

from import_pipeline.settings import SmtpSettings
from import_pipeline_tests.gateway.http.test_mailing import Postbox, certificate, postbox, send
from import_pipeline_tests.scenarios.giving import HEADER, ONE, Giving, giving_site

__all__ = ["certificate", "postbox"]


def test_the_owner_of_the_token_is_told_when_the_job_is_complete(tmp_path: Path, postbox: tuple[Postbox, SmtpSettings]) -> None:
    """STARTTLS, log-in, one letter for each job with its number and name; a server that is busy gets it later."""
    box, server = postbox
    with giving_site(tmp_path) as giving:
        assert giving.send(HEADER + ONE, name="Autumn") and send(giving.site, server) == 0
        giving.site.work()
        box.refusals = ["451 try again later"]
        assert send(giving.site, server) == 0 and not box.got
        giving.site.clock.jump(timedelta(minutes=1))
        assert send(giving.site, server) == 1 and send(giving.site, server) == 0
        ((receivers, letter),) = box.got
        assert receivers == ["ana@example.com"] and box.encrypted == [True]
        assert letter["Subject"] == "Giving: your import job # 1 (Autumn) was imported"
        text = letter.get_content()
        assert "Your import job # 1, Autumn, is complete." in text and "1 rows: 1 created." in text
        assert "sam@engagingnetworks.net" not in text
        assert_failure_is_told(giving, box, server)


def assert_failure_is_told(giving: Giving, box: Postbox, server: SmtpSettings) -> None:
    """Also a job that changed nothing is complete."""
    giving.imported("Supporter Email,Campaign Type,Campaign ID\nno@example.org,PET,20345\n", name="Bad", formatName="importTransactions")
    assert send(giving.site, server) == 1
    assert box.got[-1][1]["Subject"].startswith("Giving: your import job # 2 (Bad) was not imported")
