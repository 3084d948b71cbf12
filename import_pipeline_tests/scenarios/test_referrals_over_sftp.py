"""Advocate's SFTP integration with OpenSSH's own programs: tenant alias, keys, limits, upload history (acceptance A-10)."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from import_pipeline.catalog import load_accounts
from import_pipeline.gateway.sftp.history import upload_history
from import_pipeline.ledger import users
from import_pipeline_tests.gateway.sftp.kit import Client, Server, make_key, require_programs
from import_pipeline_tests.scenarios.site import Here
from import_pipeline_tests.scenarios.test_referrals import SHIPPED, USERS

pytestmark = pytest.mark.here  # the account is made here; what the daemon does with files is told by test_spotio_files.py

ALIAS = "test_akdq8a9wyvzba"
PROGRAM = Path(sys.executable).with_name("import-pipeline")
NEW = "/DataObjects/Import/New"


@pytest.fixture
def site(tmp_path: Path) -> Any:
    """A site with the shipped account, 1 KB for a file."""
    made = Here(tmp_path)
    shutil.copytree(SHIPPED, made.accounts / "referrals")
    defs = made.accounts / "referrals" / "defs.yaml"
    text = defs.read_text().replace("settle: 3s, interval: 2s", "settle: 1s, interval: 1s, cut_settle: 2s")
    assert "max_file_bytes: 100MB" in text
    defs.write_text(text.replace("100MB", "1KB"))
    made.account = "referrals"
    try:
        yield made
    finally:
        made.close()


def program(site: Here, *words: str) -> "subprocess.CompletedProcess[str]":
    """Our command line on the site's home."""
    return subprocess.run([PROGRAM, *words], capture_output=True, text=True, env={**os.environ, **site.environment}, check=False)


def test_files_sent_by_both_kinds_of_keys_are_told_in_the_upload_history(site: Here, tmp_path: Path) -> None:
    """The user is the tenant alias; a job was made, or the reason why not: too large, no known prefix, no right to the folder."""
    require_programs()
    keys = [make_key(tmp_path, "ed25519"), make_key(tmp_path, "rsa")]
    assert site.pipeline.accounts
    added = program(site, "user", "add", ALIAS, "-a", "referrals", "-k", f"{keys[0]}.pub", "-k", f"{keys[1]}.pub")
    assert added.returncode == 0, added.stderr
    for name, text in (("users_1.csv", USERS), ("large_1.csv", "x" * 2_000), ("people.csv", USERS)):
        (tmp_path / name).write_text(text)
    server = Server(site.settings.home)
    server.accounts = site.pipeline.accounts
    with server:
        first, second = (Client(server, ALIAS, key) for key in keys)
        assert first.sftp(f"put {tmp_path}/users_1.csv {NEW}/users_1.csv").code == 0
        assert second.sftp(f"put {tmp_path}/people.csv {NEW}/people.csv").code == 0
        assert second.sftp(f"put {tmp_path}/large_1.csv {NEW}/users_large.csv").code != 0
        assert second.sftp(f"put {tmp_path}/people.csv /Exports/Daily/users_2.csv").code != 0
        waiting = upload_history(site.settings, site.pipeline.ledger, "referrals")
        assert [row.result for row in waiting].count("waiting") == 2
        site.work()
        told = program(site, "uploads", "-a", "referrals", "--json")
    assert told.returncode == 0, told.stderr
    rows = {Path(row["path"]).name: row for row in map(json.loads, told.stdout.splitlines())}
    good, unknown, large, denied = (rows[name] for name in ("users_1.csv", "people.csv", "users_large.csv", "users_2.csv"))
    job = site.job("users_1.csv")
    assert (job.state, job.counts.created) == ("applied", 3)
    assert (good["user"], good["bytes"], good["success"], good["jobs"], good["error"]) == (ALIAS, len(USERS), True, [job.id], None)
    assert not unknown["success"]
    assert "begins with no known prefix" in unknown["error"]
    assert large["error"] == "the file is larger than the 1,000 bytes that are taken: send it in parts"
    assert (denied["result"], denied["jobs"]) == ("failed", [])
    shown = program(site, "uploads", "-a", "referrals")
    assert "a job was made" in shown.stdout
    assert job.id in shown.stdout


def test_a_file_that_was_replaced_before_it_was_taken_is_told_apart(site: Here, tmp_path: Path) -> None:
    """The same name sent twice at once: one job, of the second upload; sent again later: another job."""
    require_programs()
    key = make_key(tmp_path, "ed25519")
    source = tmp_path / "users.csv"
    assert site.pipeline.accounts
    server = Server(site.settings.home)
    server.accounts = site.pipeline.accounts
    with server:
        server.add_user(ALIAS, "referrals", role="both", keys=[key])
        client = Client(server, ALIAS, key)
        for name in ("One", "Two"):
            source.write_text(f"accountId,id,firstName\na,b,{name}\n")
            assert client.sftp(f"put {source} {NEW}/users_1.csv").code == 0
        site.work()
        source.write_text("accountId,id,firstName\na,b,Thr\n")
        assert client.sftp(f"put {source} {NEW}/users_1.csv").code == 0
        site.work()
    rows = upload_history(site.settings, site.pipeline.ledger, "referrals")
    assert [row.result for row in rows] == ["success", "success", "replaced"]
    assert [row.jobs for row in rows[:2]] == [(job.id,) for job in site.jobs()[::-1]]


def test_the_user_of_an_account_with_an_alias_is_called_by_it(site: Here, tmp_path: Path) -> None:
    """Another name is refused, and so is the alias for another account; two accounts cannot have one alias."""
    key = make_key(tmp_path, "ed25519")
    assert site.pipeline.accounts
    refused = program(site, "user", "add", "ann", "-a", "referrals", "-k", f"{key}.pub")
    assert (refused.returncode, ALIAS in refused.stderr) == (2, True)
    site.add_account("other", [{"name": "User", "fields": [{"name": "Name"}]}])
    refused = program(site, "user", "add", ALIAS, "-a", "other", "-k", f"{key}.pub")
    assert (refused.returncode, "tenant alias of the account referrals" in refused.stderr) == (2, True)
    with site.pipeline.ledger.read() as conn:
        assert users.listing(conn) == []
    shutil.copytree(site.accounts / "referrals", site.accounts / "twin")
    defs = site.accounts / "twin" / "defs.yaml"
    defs.write_text(defs.read_text().replace("name: referrals", "name: twin"))
    found = {loaded.name: [fault for fault in loaded.faults if "tenant alias" in fault.message] for loaded in load_accounts(site.accounts)}
    assert {name: len(faults) for name, faults in found.items()} == {"other": 0, "referrals": 1, "twin": 1}
    assert found["twin"][0].path == "attributes.doors.sftp.tenant_alias"
