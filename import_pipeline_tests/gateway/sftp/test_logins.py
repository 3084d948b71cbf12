"""Who gets in, how often one may try, and how long one may stay."""

import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import asyncssh
import pytest

from import_pipeline.gateway.guard import Limits
from import_pipeline.gateway.sftp.hostkey import key_file
from import_pipeline.gateway.sftp.logins import Login
from import_pipeline.ledger import users
from import_pipeline_tests.gateway.sftp.kit import NEW, PASSWORD, Client, Server, make_key, until

LIMITS = Limits(first_delay=0.1, longest_delay=0.3, login_seconds=2.0, before_login_per_address=4)


@pytest.fixture
def server(tmp_path: Path, keys: dict[str, Path]) -> Iterator[Server]:
    """A server of its own: failures are counted over its whole life."""
    with Server(tmp_path / "home", doors={"idle": "1500ms"}, limits=LIMITS) as running:
        running.add_user("pat", password=PASSWORD)
        running.add_user("both", password=PASSWORD, keys=[keys["rsa"]])
        yield running


def gets_in(client: Client) -> bool:
    """Whether the client logs in and can list its folders."""
    return client.sftp("ls /").code == 0


def test_a_password_or_a_key_lets_in_and_a_wrong_one_does_not(server: Server, keys: dict[str, Path], tmp_path: Path) -> None:
    """RSA with sha2 and ED25519 keys, each user by its own means."""
    server.add_user("kim", keys=[keys["ed25519"]])
    assert gets_in(Client(server, "pat", password=PASSWORD))
    assert gets_in(Client(server, "both", password=PASSWORD))
    assert gets_in(Client(server, "both", keys["rsa"]))
    assert gets_in(Client(server, "kim", keys["ed25519"]))
    for client in (
        Client(server, "pat", password="open sesam"),
        Client(server, "pat", password=""),
        Client(server, "kim", password=PASSWORD),
        Client(server, "nobody", password=PASSWORD),
        Client(server, "kim", keys["rsa"]),
        Client(server, "pat", keys["ed25519"]),
        Client(server, "kim", make_key(tmp_path, "ed25519")),
    ):
        assert not gets_in(client), client
    text = (server.home / "logs" / "sftp-audit.jsonl").read_text()
    assert "open sesam" not in text and "$argon2" not in text
    # The server notices the end of a connection after its client.
    until(lambda: len(server.audit("login_failed")) == 7)
    assert Counter((e.get("user"), e["reason"]) for e in server.audit("login_failed")) == {
        ("pat", "wrong password"): 2,
        ("kim", "this user logs in by key"): 1,
        (None, "nobody who may log in has this name"): 1,
        ("kim", "no key was accepted"): 2,
        ("pat", "no key was accepted"): 1,
    }


def test_an_rsa_key_signs_with_sha2_only(server: Server, keys: dict[str, Path]) -> None:
    """SHA-1 signatures can be forged."""
    import asyncio

    assert server.listening is not None
    login = Login(server.listening.gate)
    private = asyncssh.read_private_key(keys["rsa"])
    public = private.convert_to_public()
    assert asyncio.run(login.validate_public_key("both", public))
    assert public.verify(b"text", private.sign(b"text", b"rsa-sha2-512"))
    assert not public.verify(b"text", private.sign(b"text", b"ssh-rsa"))


def test_a_user_that_is_disabled_or_removed_is_out_at_once(server: Server, keys: dict[str, Path]) -> None:
    """Sessions under way too: somebody was let go."""
    server.add_user("kim", keys=[keys["ed25519"]])
    kim = Client(server, "kim", keys["ed25519"])
    with kim.start("ssh", "-s", kim.at, "sftp") as session:
        until(lambda: server.audit("login"))
        with server.ledger.begin() as conn:
            users.disable(conn, "kim", True)
        assert session.wait(10) != 0
    assert not gets_in(kim)
    with server.ledger.begin() as conn:
        users.disable(conn, "kim", False)
    assert gets_in(kim)
    with server.ledger.begin() as conn:
        users.remove(conn, "kim")
    assert not gets_in(kim)


def test_failures_make_every_next_password_wait_longer_and_then_bar_the_address(server: Server) -> None:
    """501 passwords went through asyncssh's own server in 0.3 s (reference/intake.md, fact 3)."""
    wrong = Client(server, "pat", password="wrong", options=["NumberOfPasswordPrompts=5"])
    begun = time.monotonic()
    assert not gets_in(wrong)
    assert time.monotonic() - begun > 0.1 + 0.2 + 0.3
    assert not gets_in(wrong)
    right = Client(server, "pat", password=PASSWORD)
    begun = time.monotonic()
    assert gets_in(right)
    assert time.monotonic() - begun > 0.3
    assert not gets_in(wrong)
    assert not gets_in(right)
    assert server.audit("refused")[-1]["reason"] == "too many failed log-ins from this address"


def test_an_idle_session_ends_and_a_busy_one_does_not(server: Server, keys: dict[str, Path], tmp_path: Path) -> None:
    """A forgotten window holds a connection for ever."""
    (tmp_path / "x").write_bytes(b"x" * 1_200_000)
    both = Client(server, "both", keys["rsa"])
    with both.start("ssh", "-s", both.at, "sftp") as idle:
        assert both.sftp(f"put {tmp_path / 'x'} {NEW}/busy.csv", options=["-l", "2500"]).code == 0
        assert idle.wait(10) != 0
    assert server.audit("refused")[-1]["reason"] == "the session asked for nothing for too long"


def test_connections_that_do_not_log_in_are_few_and_short(server: Server, keys: dict[str, Path]) -> None:
    """60 idle connections must not keep others out for ever."""
    opened = [socket.create_connection(("127.0.0.1", server.port), timeout=10) for _ in range(6)]
    try:
        until(lambda: len(server.audit("refused")) == 2)
        assert not gets_in(Client(server, "both", keys["rsa"]))
        assert [connection.recv(4) for connection in opened[:4]] == [b"SSH-"] * 4
        until(lambda: server.listening is not None and not server.listening.gate.logins)
        assert gets_in(Client(server, "both", keys["rsa"]))
    finally:
        for connection in opened:
            connection.close()


def test_the_host_key_is_made_once_and_only_its_owner_can_read_it(server: Server) -> None:
    """A client that knows the server refuses one with another key."""
    assert server.listening is not None
    before = key_file(server.settings).read_bytes()
    assert key_file(server.settings).stat().st_mode & 0o777 == 0o600
    shown = subprocess.run(["ssh-keygen", "-lf", key_file(server.settings)], capture_output=True, text=True, check=True).stdout
    assert shown.split()[1] == server.listening.fingerprint
    with Server(server.home) as again:
        assert again.listening is not None and again.listening.fingerprint == server.listening.fingerprint
    assert key_file(server.settings).read_bytes() == before
