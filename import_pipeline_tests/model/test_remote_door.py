"""Other people's servers in an account's YAML: addresses, secrets by reference, what contradicts itself."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from import_pipeline.model.account import Account
from import_pipeline.model.remote_door import Address, RemoteDoor, parse_url

DOOR = {"name": "partner", "url": "sftp://acme@files.example.com/out", "password_env": "PARTNER_PASSWORD"}


def door(**more: object) -> RemoteDoor:
    """A sound remote with some keys changed; None leaves one out."""
    return RemoteDoor.model_validate({key: value for key, value in (DOOR | more).items() if value is not None})


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("sftp://acme@files.example.com/out", Address("acme", "files.example.com", 22, b"/out")),
        ("SFTP://acme@files.example.com:2222/out/", Address("acme", "files.example.com", 2222, b"/out")),
        ("sftp://acme@[::1]:2222/", Address("acme", "::1", 2222, b"/")),
        ("sftp://acme@h/~/in/new", Address("acme", "h", 22, b"in/new")),
        ("sftp://acme@h/~/", Address("acme", "h", 22, b".")),
        ("sftp://acme@h/~", Address("acme", "h", 22, b".")),
        ("sftp://a%40b@h/a%20b/%FF", Address("a@b", "h", 22, b"/a b/\xff")),
    ],
)
def test_an_address_is_taken_apart(url: str, address: Address) -> None:
    """As other programs read it: /~/ is the folder one lands in; names are bytes."""
    assert parse_url(url) == address


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("ftp://acme@h/out", "sftp://USER@HOST:PORT/FOLDER is expected"),
        ("files.example.com", "sftp://USER@HOST:PORT/FOLDER is expected"),
        ("sftp://acme:s3cret@h/out", "a password has no place in the address"),
        ("sftp://h/out", "the user is missing"),
        ("sftp://@h/out", "the user is missing"),
        ("sftp://acme@h", "the folder is missing"),
        ("sftp://acme@h:0/out", "is not a port"),
        ("sftp://acme@h:70000/out", "is not a port"),
        ("sftp://acme@h:ssh/out", "is not a port"),
        ("sftp://acme@h/out?x=1", "is no part of such an address"),
    ],
)
def test_an_address_that_is_none_is_told_in_words(url: str, told: str) -> None:
    """And a password in it is not repeated."""
    with pytest.raises(ValidationError) as refused:
        door(url=url)
    (error,) = refused.value.errors(include_url=False)
    assert told in str(error["ctx"]["error"]) and "s3cret" not in str(error["ctx"]["error"])


@given(st.text(max_size=60))
def test_no_text_breaks_the_reading_of_an_address(text: str) -> None:
    """It is an address or a ValueError, never anything else."""
    for url in (text, f"sftp://{text}", f"sftp://u@h/{text}", f"sftp://u@h:{text}/"):
        try:
            found = parse_url(url)
        except ValueError:
            continue
        assert found.host and found.user and 0 < found.port < 65536 and found.folder


@pytest.mark.parametrize(
    ("more", "where"),
    [
        ({"password_env": None}, ()),
        ({"key_env": "K", "key_file": "/id"}, ("key_file",)),
        ({"passphrase_env": "P"}, ("passphrase_env",)),
        ({"after": "move"}, ("after",)),
        ({"host_key": "SHA256:" + "A" * 43, "known_hosts": "/k"}, ("known_hosts",)),
        ({"insecure_host_key": True, "known_hosts": "/k"}, ("insecure_host_key",)),
    ],
)
def test_what_contradicts_itself_is_told_at_its_key(more: dict[str, object], where: tuple[str, ...]) -> None:
    """catalog/ finds the line by the path."""
    with pytest.raises(ValidationError) as refused:
        door(**more)
    (error,) = refused.value.errors(include_url=False)
    assert [path for path, _ in error["ctx"]["found"]] == [where]


@pytest.mark.parametrize(
    "more",
    [
        {"password": "x"},
        {"password_env": "pass word"},
        {"key_file": "id_rsa"},
        {"host_key": "aa:bb:cc"},
        {"host_key": "SHA256:short"},
        {"name": "Partner"},
        {"name": "a__b"},
        {"name": "a_name_too_long"},
        {"after": "archive"},
        {"results": "../elsewhere"},
        {"files": []},
        {"parallel": 0},
        {"settle": 5},
    ],
)
def test_what_makes_no_sense_is_refused(more: dict[str, object]) -> None:
    """Secrets have no place in YAML, old fingerprints are no fingerprints."""
    with pytest.raises(ValidationError):
        door(**more)


def test_a_remote_leaves_files_and_writes_nothing_unless_it_is_told_to() -> None:
    """Other people's servers: the mildest is the default."""
    found = door()
    assert (found.after, found.results_folder, found.dry_run, found.insecure_host_key) == ("leave", None, False, False)
    assert (found.settle, found.parallel, found.door) == (timedelta(seconds=30), 8, "remote:partner")


@pytest.mark.parametrize(
    ("url", "results", "folder"),
    [
        ("sftp://a@h/out", "results", b"/out/results"),
        ("sftp://a@h/out", "./", b"/out"),
        ("sftp://a@h/", "done/here", b"/done/here"),
        ("sftp://a@h/out", "/answers/", b"/answers"),
        ("sftp://a@h/~/", "done", b"done"),
        ("sftp://a@h/~/in", "done", b"in/done"),
    ],
)
def test_results_lie_below_the_polled_folder_or_at_an_absolute_place(url: str, results: str, folder: bytes) -> None:
    """As people write paths."""
    assert door(url=url, results=results).results_folder == folder


def test_the_first_pattern_that_fits_counts_and_case_does_not() -> None:
    """Acceptance S-3 has the same rule for types."""
    found = door(files=[{"match": "Contacts-*.csv", "type": "Contact"}, "*.csv"])
    assert [getattr(found.pattern_of(name), "type", "none") for name in ("CONTACTS-1.CSV", "x.csv", "x.txt")] == ["Contact", None, "none"]


def test_two_remotes_of_one_name_are_told_at_the_second() -> None:
    """The name is what the ledger knows a server by."""
    with pytest.raises(ValidationError) as refused:
        Account.model_validate({"name": "a", "doors": {"remotes": [DOOR, DOOR]}})
    (error,) = refused.value.errors(include_url=False)
    assert [path for path, _ in error["ctx"]["found"]] == [("remotes", 1, "name")]
