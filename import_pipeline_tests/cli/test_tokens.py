"""`token`: keys of programs that call over HTTP."""

import socket
from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from import_pipeline.cli.http import http_port
from import_pipeline.delivering.pipeline import Pipeline
from import_pipeline.failures import PermanentFailure
from import_pipeline.gateway.http.tokens import digest, find_key
from import_pipeline.ledger import tokens
from import_pipeline_tests.cli.conftest import Run
from import_pipeline_tests.lineage.kit import Home


def test_a_key_is_shown_once_listed_without_itself_and_revoked(run: Run, home: Home) -> None:
    """By its id, or by the whole key as somebody may have found it."""
    account = next(iter(home.pipeline.accounts))
    assert run("token", "list").stdout.startswith("none")
    shown = run("token", "add", "sync", "-a", account, "--owner", "ana@example.com", "-s", "read", "-e", "90d").stdout
    key = shown.splitlines()[0]
    assert "may read" in shown and find_key(home.pipeline.ledger, key, home.pipeline.clock.now())
    (made,) = run("token", "list", "--json").objects
    assert (made["id"], made["scopes"], made["owner"]) == (key[4:20], ["read"], "ana@example.com") and made["expires_at"]
    assert all(key not in text and digest(key) not in text for text in (run("token", "list").stdout, run("token", "list", "--json").stdout))
    assert run("token", "revoke", key).stdout == f"{made['id']} is revoked\n"
    assert find_key(home.pipeline.ledger, key, home.pipeline.clock.now()) is None and "revoked" in run("token", "list").stdout
    assert run("token", "revoke", made["id"]).code == 2


def test_a_wrong_scope_duration_or_account_makes_no_key(run: Run, home: Home) -> None:
    """The message names what would have been right."""
    account = next(iter(home.pipeline.accounts))
    wrong = run("token", "add", "x", "-a", account, "-s", "reed")
    assert (wrong.code, "Did you mean 'read'" in wrong.stderr) == (2, True)
    assert "not a duration" in run("token", "add", "x", "-a", account, "-e", "soon").stderr
    assert run("token", "add", "x", "-a", "nobody").code == 2
    assert run("token", "list", "--json").objects == []
    never = run("token", "add", "x", "-a", account, "-e", "never", "--json").objects
    assert (never[0]["expires_at"], never[0]["scopes"]) == (None, ["import", "read"])


def test_a_port_that_is_taken_stops_up_only_when_somebody_has_a_key(run: Run, home: Home) -> None:
    """A newcomer with two instances is not held up; programs would stand before a closed door."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        pipeline = Pipeline(replace(home.pipeline.settings, http_port=taken.getsockname()[1]))
        out = StringIO()
        assert http_port(pipeline, Console(file=out)) is None and "IMPORT_PIPELINE_HTTP_PORT" in out.getvalue()
        run("token", "add", "x", "-a", next(iter(home.pipeline.accounts)))
        with pipeline.ledger.read() as conn:
            assert tokens.listing(conn)
        with pytest.raises(PermanentFailure, match="cannot start"):
            http_port(pipeline, Console(file=out))
        pipeline.ledger.close()
