"""`user`: who may log in through SFTP."""

import socket
import subprocess
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from import_pipeline.cli.sftp import sftp_port
from import_pipeline.delivering.pipeline import Pipeline
from import_pipeline.failures import PermanentFailure
from import_pipeline_tests.cli.conftest import Run
from import_pipeline_tests.lineage.kit import Home


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """A public key's file."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "id"], check=True)
    return tmp_path / "id.pub"


def test_users_are_added_listed_and_removed_and_no_secret_is_shown(run: Run, home: Home, key: Path) -> None:
    """By key, by password, or by either."""
    assert run("user", "list").stdout.startswith("nobody")
    account = next(iter(home.pipeline.accounts))
    added = run("user", "add", "ana", "--account", account, "--key", key, "--role", "upload")
    assert (added.code, added.stdout) == (0, f"ana may log in to {account} by 1 key (upload)\n")
    (shown,) = run("user", "list", "--json").objects
    assert {k: v for k, v in shown.items() if k not in ("created_at", "keys")} == {
        "name": "ana",
        "account": account,
        "role": "upload",
        "password": False,
        "disabled": False,
    }
    assert [k[:7] for k in shown["keys"]] == ["SHA256:"] and "ssh-ed25519" not in run("user", "list").stdout
    assert run("user", "disable", "ana").code == 0
    assert run("user", "list", "--json").objects[0]["disabled"] is True
    assert run("user", "enable", "ana").code == 0
    assert run("user", "remove", "ana").code == 0
    assert run("user", "list", "--json").objects == []


def test_a_port_that_is_taken_stops_up_only_when_somebody_may_log_in(run: Run, home: Home, key: Path) -> None:
    """A newcomer with two instances is not held up; users would stand before a closed door."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        pipeline = Pipeline(replace(home.pipeline.settings, sftp_port=taken.getsockname()[1]))
        out = Console(file=StringIO(), width=200)
        assert sftp_port(pipeline, out) is None
        assert "IMPORT_PIPELINE_SFTP_PORT" in out.file.getvalue()  # type: ignore[attr-defined]
        assert run("user", "add", "ana", "-a", next(iter(pipeline.accounts)), "-k", key).code == 0
        with pytest.raises(PermanentFailure, match="cannot start"):
            sftp_port(pipeline, out)
    free = Pipeline(replace(home.pipeline.settings, sftp_port=0))
    assert sftp_port(free, out)
    for opened in (pipeline, free):
        opened.ledger.close()


def test_what_is_wrong_is_told_with_what_would_be_right(run: Run, home: Home, key: Path) -> None:
    """A name is there once in the whole instance; a missing terminal cannot ask for a password."""
    account = next(iter(home.pipeline.accounts))
    assert run("user", "add", "ana", "-a", account, "-k", key).code == 0
    for arguments, told in (
        (("add", "ana", "-a", account, "-k", key), "--replace"),
        (("add", "Ana B", "-a", account, "-k", key), "lower-case letters"),
        (("add", "bo", "-a", account, "-k", key, "-r", "uploads"), "Did you mean 'upload'?"),
        (("add", "bo", "-a", account, "-k", key.with_suffix("")), "private key"),
        (("add", "bo", "-a", account), "--password-stdin"),
        (("remove", "anna"), "Did you mean 'ana'?"),
        (("disable", "anna"), "Did you mean 'ana'?"),
    ):
        answer = run("user", *arguments)
        assert answer.code == 2 and told in answer.stderr, (arguments, answer)
    assert run("user", "add", "ana", "-a", account, "-k", key, "--replace", "-r", "read").code == 0
    assert run("user", "list", "--json").objects[0]["role"] == "read"


def test_a_password_comes_from_stdin_and_is_kept_as_a_hash(home: Home) -> None:
    """For scripts: an argument would be seen in the list of processes."""
    from typer.testing import CliRunner

    from import_pipeline.cli.app import app
    from import_pipeline.gateway.passwords import is_right
    from import_pipeline.ledger import users

    account = next(iter(home.pipeline.accounts))
    arguments = ["user", "add", "pat", "-a", account, "--password-stdin"]
    result = CliRunner().invoke(app, arguments, input="open sesame\n", env=home.environment)
    assert (result.exit_code, result.stdout) == (0, f"pat may log in to {account} by a password (both)\n")
    assert CliRunner().invoke(app, [*arguments[:2], "po", *arguments[3:]], input="short\n", env=home.environment).exit_code == 2
    with home.pipeline.ledger.read() as conn:
        pat = users.get(conn, "pat")
        assert pat is not None and is_right(pat.password, "open sesame") and users.get(conn, "po") is None
