"""Counting connections and failures, with a clock of its own."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from import_pipeline.failures import PermanentFailure
from import_pipeline.gateway import guard as rules
from import_pipeline.gateway.guard import Guard, Limits
from import_pipeline.gateway.passwords import hash_password, is_right
from import_pipeline.gateway.sftp.audit import KEPT, Audit
from import_pipeline.gateway.sftp.keys import fingerprint, read_keys


class Time:
    """Both clocks, turned by hand."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def guard(time: Time) -> Guard:
    return Guard(
        Limits(connections=5, per_address=3, before_login=4, before_login_per_address=2, per_user=2, barred_after=5), time.monotonic
    )


def test_delays_double_for_the_address_and_for_the_name_and_end(guard: Guard) -> None:
    """Guessing one name from many addresses is as slow as many names from one."""
    delays = []
    for number in range(8):
        delays.append(guard.delay(f"10.0.0.{number}", "ana"))
        guard.failed(f"10.0.0.{number}", "ana")
    assert delays == [0, 0, 0.5, 1, 2, 4, 8, 8]
    assert guard.delay("10.0.0.1", "bert") == 0
    assert not any(guard.is_barred(f"10.0.0.{number}") for number in range(8))


def test_an_address_is_barred_after_so_many_failures_and_forgotten_after_its_time(guard: Guard, time: Time) -> None:
    """A name is never barred: anybody could lock its owner out."""
    for _ in range(5):
        guard.failed("10.0.0.1", "ana")
    assert guard.is_barred("10.0.0.1") and guard.connect("10.0.0.1") is not None
    assert guard.connect("10.0.0.2") is None
    time.seconds += 601
    assert not guard.is_barred("10.0.0.1") and guard.delay("10.0.0.1", "ana") == 0


def test_a_right_password_takes_its_own_try_back_and_no_other(guard: Guard) -> None:
    """An own log-in between guesses must not make guessing free."""
    for _ in range(3):
        guard.failed("10.0.0.1", "ana")
    guard.failed("10.0.0.1", "me")
    guard.succeeded("10.0.0.1", "me")
    assert guard.delay("10.0.0.1", "me") == 1.0


def test_an_ipv6_network_is_one_address(guard: Guard) -> None:
    """A /64 is what one customer gets."""
    for number in range(5):
        guard.failed(f"2001:db8::{number}", "ana")
    assert guard.is_barred("2001:db8::ffff") and not guard.is_barred("2001:db8:0:1::1")


def test_connections_are_limited_in_all_for_an_address_before_log_in_and_for_a_user(guard: Guard) -> None:
    """And given back when they end."""
    assert [guard.connect("10.0.0.1") for _ in range(2)] == [None, None]
    assert guard.connect("10.0.0.1") == "too many connections that are not logged in"
    guard.disconnect("10.0.0.1", None)
    assert [guard.log_in("10.0.0.1", "ana") for _ in range(2)] == [None, None]
    assert guard.connect("10.0.0.1") is None
    assert guard.log_in("10.0.0.1", "ana") == "this user has too many connections"
    assert guard.connect("10.0.0.1") == "too many connections"
    guard.disconnect("10.0.0.1", None)
    for _ in range(3):
        guard.disconnect("10.0.0.1", "ana")
    assert guard.connect("10.0.0.1") is None and guard.log_in("10.0.0.1", "ana") is None


def test_what_is_kept_in_mind_is_limited(guard: Guard, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names are made up by strangers."""
    monkeypatch.setattr(rules, "REMEMBERED", 10)
    for number in range(50):
        guard.failed("10.0.0.1", f"name{number}")
    assert len(guard._failures) == 10 and guard.is_barred("10.0.0.1")


def test_the_audit_log_turns_over_and_keeps_the_youngest(time: Time, tmp_path: Path) -> None:
    """It must not fill the disk."""
    audit = Audit(tmp_path, time, most_bytes=200)
    for number in range(60):
        audit.write("upload", path=f"/{number}", user=None)
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == [f"sftp-audit.jsonl.{number}" for number in range(1, KEPT + 1)] or len(files) == KEPT + 1
    last = sorted(tmp_path.iterdir(), key=lambda path: path.stat().st_mtime_ns)[-1].read_text().splitlines()[-1]
    assert json.loads(last) == {"at": "2026-11-21T12:00:00.000Z", "event": "upload", "path": "/59"}


def test_a_password_is_kept_as_argon2id_and_nobody_has_none() -> None:
    """The same work is done for somebody who does not exist."""
    hashed = hash_password("open sesame")
    assert hashed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert is_right(hashed, "open sesame") and not is_right(hashed, "open sesam") and not is_right(None, "nobody has this password")
    with pytest.raises(PermanentFailure, match="at least 8"):
        hash_password("short")


def test_keys_are_read_as_people_have_them_and_others_refused_with_the_reason(keys: dict[str, Path], tmp_path: Path) -> None:
    """A private key given by mistake is the worst of them."""
    text = "# mine\n" + keys["ed25519"].with_suffix(".pub").read_text() + "\n" + keys["rsa"].with_suffix(".pub").read_text()
    found = read_keys(text)
    assert [key.split()[0] for key in found] == ["ssh-ed25519", "ssh-rsa"] and fingerprint(found[0]).startswith("SHA256:")
    from import_pipeline_tests.gateway.sftp.kit import make_key

    for wrong, told in (
        (keys["rsa"].read_text(), "private key"),
        ("hello", "no public key"),
        ("", "1 to 20"),
        (make_key(tmp_path, "ecdsa").with_suffix(".pub").read_text(), "not taken"),
        (make_key(tmp_path, "rsa", "-b1024").with_suffix(".pub").read_text(), "1024 bits"),
    ):
        with pytest.raises(PermanentFailure, match=told):
            read_keys(wrong)
