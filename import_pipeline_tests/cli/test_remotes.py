"""`remote trust | check | list`: what people type before a server is polled, and when it is not."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from import_pipeline_tests.cli.conftest import Run, runner
from import_pipeline_tests.landing.remote.sshd import Sshd
from import_pipeline_tests.scenarios.conftest import ACCOUNT, CONTACT
from import_pipeline_tests.scenarios.site import Here


@pytest.fixture
def server() -> Iterator[Sshd]:
    """Somebody else's OpenSSH server."""
    with Sshd() as running:
        yield running


@pytest.fixture
def site(server: Sshd, tmp_path: Path) -> Here:
    """An account with one remote whose host key is not stated yet."""
    made = Here(tmp_path)
    made.add_account("acme", [ACCOUNT, CONTACT], doors={"remotes": [server.door(host_key=None)]})
    return made


def words(text: str) -> str:
    """A table's or message's words, whatever its lines."""
    return re.sub(r"[\s│┃━─┏┓┡┩└┘┳┴╇┻]+", " ", text)


def test_trust_shows_the_line_that_check_asks_for(site: Here, server: Sshd) -> None:
    """From a refusal to a listing: each step says the next, and the daemon never adds a key by itself."""
    run: Run = runner(site.environment)
    refused = run("remote", "check", "partner")
    line = f'host_key: "{server.host_fingerprint()}"'
    assert refused.code == 2 and line in refused.stderr
    for server_ in ("partner", f"127.0.0.1:{server.port}", f"sftp://x@127.0.0.1:{server.port}/y"):
        shown = run("remote", "trust", server_)
        assert shown.code == 0 and line in shown.stdout
    defs = site.accounts / "acme/defs.yaml"
    stated = yaml.safe_load(defs.read_text())
    stated["attributes"]["doors"]["remotes"][0] |= yaml.safe_load(line)
    defs.write_text(yaml.safe_dump(stated))
    assert run("check").code == 0
    assert "this is the one that is trusted" in run("remote", "trust", "partner").stdout
    assert run("remote", "check", "partner").code == 0


def test_check_says_what_would_become_of_each_file_and_takes_none(site: Here, server: Sshd) -> None:
    """Before the first real look."""
    defs = site.accounts / "acme/defs.yaml"
    stated = yaml.safe_load(defs.read_text())
    stated["attributes"]["doors"]["remotes"][0] |= {"host_key": server.host_fingerprint(), "files": ["*.csv", "*.txt"]}
    defs.write_text(yaml.safe_dump(stated))
    for name in ("Account_a.csv", "Acount_b.csv", "Account_c.csv.part", "readme.doc"):
        server.drop(name, "Name\n")
    server.make("sub")
    told = words(runner(site.environment)("remote", "check", "partner").stdout)
    assert "Account_a.csv 5 taken as Account " in told
    assert "Acount_b.csv 5 taken and refused: The name 'Acount_b.csv' begins with no known object type" in told
    assert "Account_c.csv.part 5 waits until its sender renames it" in told
    assert "readme.doc 5 left alone: no pattern of the remote means it" in told and "left alone: a folder" in told
    assert server.names() == sorted(["Account_a.csv", "Acount_b.csv", "Account_c.csv.part", "readme.doc", "sub"])


def test_list_tells_what_fails_and_since_when(site: Here, server: Sshd) -> None:
    """For people and for machines."""
    from import_pipeline.failures import PermanentFailure
    from import_pipeline.landing.remote.look import look_at

    run = runner(site.environment)
    assert "not looked at yet" in run("remote", "list").stdout
    account = site.pipeline.account("acme")
    with pytest.raises(PermanentFailure):
        look_at(site.pipeline.ledger, account, account.doors.remotes[0], site.clock)
    (row,) = run("remote", "list", "--json").objects
    assert (row["remote"], row["after"]) == ("partner", "leave")
    (fault,) = row["faults"]
    assert fault.startswith("look, 1 times since ") and "host key" in fault
    assert "is unknown" in words(run("remote", "list").stdout)


def test_an_unknown_remote_is_told_with_the_nearest(site: Here) -> None:
    """Names are typed."""
    run = runner(site.environment)
    assert "Did you mean 'partner'?" in run("remote", "check", "patner").stderr
    assert "is neither a remote's name nor an address" in run("remote", "trust", "what is this").stderr
