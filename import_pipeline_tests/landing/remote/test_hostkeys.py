"""Who is at the other end: strict by default, usable by what a refusal says (reference/intake.md, «Host keys»)."""

from pathlib import Path

import pytest

from import_pipeline.failures import PermanentFailure
from import_pipeline.gateway.sftp.hostkey import fingerprint
from import_pipeline.landing.remote.faults import HostKeyRefused, LoginRefused
from import_pipeline.landing.remote.hostkeys import offered
from import_pipeline.landing.remote.look import INSECURE
from import_pipeline_tests.gateway.sftp.kit import Server as OwnServer

from .kit import Polling
from .sshd import Sshd

OTHER = "SHA256:" + "A" * 43


def logins(server: Sshd) -> list[str]:
    """Lines of the server's log about somebody who tried to log in."""
    log = (server.folder / "log").read_text()
    return [line for line in log.splitlines() if "Accepted" in line or "Failed" in line]


def test_an_unknown_key_is_refused_with_the_line_to_add(server: Sshd, tmp_path: Path) -> None:
    """Three of four ready-made clients take any key as they come (fact 4); what people have to do must be in the message."""
    polling = Polling(tmp_path, server.door(host_key=None))
    with pytest.raises(HostKeyRefused) as refused:
        polling.look()
    assert f'host_key: "{server.host_fingerprint()}"' in str(refused.value) and "unknown" in str(refused.value)
    assert logins(server) == []


def test_another_key_than_the_stated_one_is_refused_with_both_fingerprints(server: Sshd, tmp_path: Path) -> None:
    """asyncssh's own message names neither."""
    polling = Polling(tmp_path, server.door(host_key=OTHER))
    with pytest.raises(HostKeyRefused) as refused:
        polling.look()
    assert OTHER in str(refused.value) and server.host_fingerprint() in str(refused.value)
    assert logins(server) == []


def test_a_key_that_was_changed_is_refused_until_the_line_is_changed(server: Sshd, tmp_path: Path) -> None:
    """While it is changed two fingerprints may be stated."""
    before = server.host_fingerprint()
    server.stop()
    server.new_host_key()
    server.start()
    with pytest.raises(HostKeyRefused):
        Polling(tmp_path / "a", server.door(host_key=before)).look()
    assert Polling(tmp_path / "b", server.door(host_key=[before, server.host_fingerprint()])).look().listed == 0


@pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa"])
def test_any_of_a_servers_keys_may_be_the_stated_one(kind: str, tmp_path: Path) -> None:
    """A server shows one of several at a connection; people copy the line that their tool shows first."""
    with Sshd(kinds=("rsa", "ecdsa", "ed25519")) as server:
        assert Polling(tmp_path, server.door(host_key=server.host_fingerprint(kind))).look().listed == 0
        assert {key.fingerprint for key in offered("127.0.0.1", server.port)} == {
            server.host_fingerprint(each) for each in ("rsa", "ecdsa", "ed25519")
        }


def test_a_known_hosts_file_trusts_what_it_has_and_nothing_else(server: Sshd, tmp_path: Path) -> None:
    """Not even what the known_hosts of whoever runs this has: an empty file trusts nobody."""
    file = tmp_path / "known_hosts"
    door = server.door(host_key=None, known_hosts=str(file))
    key = (server.folder / "host_ed25519.pub").read_text()
    file.write_text(f"[127.0.0.1]:{server.port} {key}")
    assert Polling(tmp_path / "a", door).look().listed == 0
    for content in ("", f"[127.0.0.1]:{server.port} {(server.folder / 'id.pub').read_text()}"):
        file.write_text(content)
        with pytest.raises(HostKeyRefused, match="known_hosts"):
            Polling(tmp_path / "b", door).look()
    file.unlink()
    with pytest.raises(PermanentFailure, match="cannot be used"):
        Polling(tmp_path / "c", door).look()


def test_the_off_switch_warns_at_every_look(server: Sshd, tmp_path: Path) -> None:
    """There is one, and nobody forgets that it is on."""
    polling = Polling(tmp_path, server.door(host_key=None, insecure_host_key=True))
    assert INSECURE in polling.look().issues and INSECURE in polling.look().issues


def test_a_wrong_password_is_told_and_not_tried_again_for_an_hour(server: Sshd, tmp_path: Path) -> None:
    """Trying again soon would lock the user out at the server."""
    polling = Polling(tmp_path, server.door(key_file=None, password_env="PARTNER_PASSWORD"))
    polling.environment = {"PARTNER_PASSWORD": "not the one"}
    with pytest.raises(LoginRefused, match="partner: connecting to") as refused:
        polling.look()
    assert "not the one" not in str(refused.value)
    from import_pipeline.landing.remote import state

    left = state.pause_left(state.load(polling.ledger, polling.account, polling.door, "look"), polling.clock.now())
    assert left == state.PERMANENT_PAUSE


def test_a_password_comes_from_the_environment(tmp_path: Path) -> None:
    """Against our own server, which checks passwords; OpenSSH's would need a user of the machine."""
    with OwnServer(tmp_path / "theirs") as theirs:
        theirs.add_user("ana", password="open sesame")
        door = {
            "name": "partner",
            "url": f"sftp://ana@127.0.0.1:{theirs.port}/DataObjects/Import/Success",
            "password_env": "PARTNER_PASSWORD",
            "host_key": fingerprint(theirs.settings),
            "settle": "5s",
        }
        theirs.folder("DataObjects/Import/Success").joinpath("Account_a.csv").write_text("Title\na\n")
        polling = Polling(tmp_path / "ours", door)
        polling.environment = {"PARTNER_PASSWORD": "open sesame"}
        assert polling.take().vaulted == ["Account_a.csv"]


def test_a_key_comes_from_the_environment_as_text(server: Sshd, tmp_path: Path) -> None:
    """Secrets have no place in YAML."""
    polling = Polling(tmp_path, server.door(key_file=None, key_env="PARTNER_KEY"))
    polling.environment = {"PARTNER_KEY": (server.folder / "id").read_text()}
    assert polling.look().listed == 0


@pytest.mark.parametrize(
    ("stated", "environment", "told"),
    [
        ({"key_file": None, "key_env": "PARTNER_KEY"}, {}, "the environment variable PARTNER_KEY, which its key_env names, is not set"),
        ({"key_file": None, "key_env": "PARTNER_KEY"}, {"PARTNER_KEY": "s3cret"}, "holds no private key"),
        ({"key_file": "/nowhere/id"}, {}, "the key file /nowhere/id cannot be read"),
        ({"key_file": None, "password_env": "PW"}, {"PW": ""}, "PW, which its password_env names, is not set"),
    ],
)
def test_a_missing_secret_is_named_by_its_variable(
    stated: dict[str, object], environment: dict[str, str], told: str, server: Sshd, tmp_path: Path
) -> None:
    """The message goes to logs and screens."""
    polling = Polling(tmp_path, server.door(**stated))
    polling.environment = environment
    with pytest.raises(PermanentFailure, match=told) as refused:
        polling.look()
    assert "s3cret" not in str(refused.value)
