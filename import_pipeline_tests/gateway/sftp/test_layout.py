"""Paths and rights, as pure functions."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from import_pipeline.gateway.sftp.layout import Denied, NotThere, absolute, check_new_name, check_right, folders, is_shown, place
from import_pipeline.model.sftp_door import ROLES

PARTS = [
    b"..",
    b".",
    b"",
    b"DataObjects",
    b"Import",
    b"New",
    b"Success",
    b"Exports",
    b"Daily",
    b"a.csv",
    b".staging",
    b".taken",
    b"\xff",
    b"a\x00b",
]


@settings(max_examples=60)
@given(st.lists(st.sampled_from(PARTS), max_size=12))
def test_a_path_always_ends_in_a_folder_of_the_tree_or_nowhere(parts: list[bytes]) -> None:
    """Whatever a client writes, no name with a slash and no `..` reaches the file system."""
    try:
        found = place(b"/".join(parts))
    except NotThere:
        return
    assert found.folder in folders().values()
    assert found.name is None or (found.name not in (b"", b".", b"..") and b"/" not in found.name)


@settings(max_examples=60)
@given(st.lists(st.sampled_from([b"..", b".", b"", b"a", b"b"]), max_size=8))
def test_a_path_is_walked_as_text_and_never_above_the_root(parts: list[bytes]) -> None:
    """The same as step by step from the root."""
    here: list[bytes] = []
    for part in parts:
        if part == b"..":
            here = here[:-1]
        elif part in (b"a", b"b"):
            here.append(part)
    assert absolute(b"/".join(parts)) == b"/" + b"/".join(here)


def test_hidden_folders_of_the_tree_are_no_folders_for_a_client() -> None:
    """`.staging` and `.taken` hold files on their way."""
    assert {part for path in folders() for part in path.split("/") if part.startswith(".")} == set()
    for path in (b"/.staging/x", b"/.taken/x", b"/DataObjects/.staging/x"):
        with pytest.raises(NotThere):
            place(path)
    assert not is_shown(b".staging") and not is_shown(b".hidden") and is_shown(b".in.upload.csv")


@pytest.mark.parametrize("name", [b".hidden", b"x~", b"a\nb", b"\xe4.csv", b"x" * 241])
def test_a_name_that_nobody_could_import_is_refused(name: bytes) -> None:
    """Before a byte is sent."""
    with pytest.raises(Denied):
        check_new_name(name)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("allow_delete", [True, False])
def test_rights_of_every_role_in_every_kind_of_folder(role: str, allow_delete: bool) -> None:
    """The whole table: mailboxes for senders, exports for readers, answers are deleted by senders where the account allows it."""
    granted = set()
    for kind, path in {"mailbox": "Leads/Import/New", "answers": "Leads/Import/Failed", "exports": "Exports/Daily", "passage": ""}.items():
        for wish in ("list", "read", "write", "delete"):
            try:
                check_right(folders()[path], wish, role, allow_delete=allow_delete)  # type: ignore[arg-type]
            except Denied:
                continue
            granted.add(f"{kind} {wish}")
    sends = {"mailbox list", "mailbox read", "mailbox write", "mailbox delete", "answers list", "answers read"}
    sends |= {"answers delete"} if allow_delete else set()
    reads = {"exports list", "exports read"}
    always = {"passage list", "passage read"}
    assert granted == always | {"upload": sends, "read": reads, "both": sends | reads, "admin": sends | reads}[role]
