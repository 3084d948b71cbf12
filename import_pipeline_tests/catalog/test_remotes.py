"""Mistakes in `doors.remotes` are told with file and line, as all others are."""

from pathlib import Path

import pytest

from import_pipeline.catalog import load_account
from import_pipeline_tests.catalog.folders import SOUND, write_account

DOOR = """\
  doors:
    remotes:
      - name: partner
        url: sftp://acme@files.example.com/out
        password_env: PARTNER_PASSWORD
"""
DEFS = SOUND["defs.yaml"] + DOOR

CASES = {
    # what is added or replaced, line, column, path, a part of the message
    "a misspelt key": ("        hostkey: x\n", 11, 9, "remotes[0].hostkey", "Did you mean 'host_key'?"),
    "a password in the YAML": ("        password: s3cret\n", 11, 9, "remotes[0].password", "unknown key 'password'"),
    "an unknown way to end": ("        after: archive\n", 11, 16, "remotes[0].after", "known: leave, move, delete"),
    "a move to nowhere": ("        after: move\n", 11, 16, "remotes[0].after", "needs `results`"),
    "no fingerprint": ("        host_key: 12:34\n", 11, 19, "remotes[0].host_key", "is not a fingerprint"),
    "an unknown type": ("        files: [{match: 'x*', type: Contakt}]\n", 11, 37, "remotes[0].files[0].type", "Did you mean 'Contact'?"),
    "an unknown format": ("        files: [{match: 'x*', format: wep}]\n", 11, 39, "remotes[0].files[0].format", "Did you mean 'web'?"),
    "a format of another type": (
        "        files: [{match: 'x*', type: Account, format: web}]\n",
        11,
        54,
        "remotes[0].files[0].format",
        "is for Contact, not for Account",
    ),
    "a second remote of the name": (
        "      - {name: partner, url: 'sftp://a@h/x', key_file: /id}\n",
        11,
        16,
        "remotes[1].name",
        "two remotes have the name 'partner'",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_each_mistake_is_told_with_its_place(case: str, tmp_path: Path) -> None:
    """`import-pipeline check` shows just this."""
    added, line, column, path, message = CASES[case]
    (fault,) = load_account(write_account(tmp_path, defs=DEFS + added)).faults
    assert (fault.line, fault.column, fault.path) == (line, column, f"attributes.doors.{path}")
    assert message in fault.message


def test_a_bad_address_is_told_without_its_password(tmp_path: Path) -> None:
    """A screen is no place for it either."""
    broken = DEFS.replace("acme@files", "acme:s3cret@files")
    (fault,) = load_account(write_account(tmp_path, defs=broken)).faults
    assert (fault.line, fault.path) == (9, "attributes.doors.remotes[0].url")
    assert "password_env" in fault.message and "s3cret" not in fault.message


def test_a_remote_with_an_unknown_type_is_left_out_and_the_account_goes_on(tmp_path: Path) -> None:
    """A file taken without knowing what it is would be moved away for nothing."""
    found = load_account(write_account(tmp_path, defs=DEFS + CASES["an unknown type"][0]))
    assert found.account is not None and found.account.doors.remotes == ()


def test_a_sound_remote_gives_no_fault(tmp_path: Path) -> None:
    """Types and formats are known by any case the names of types may have."""
    found = load_account(write_account(tmp_path, defs=DEFS + "        files: ['*.csv', {match: 'web*', type: contact, format: web}]\n"))
    assert found.faults == () and found.account is not None and len(found.account.doors.remotes) == 1
