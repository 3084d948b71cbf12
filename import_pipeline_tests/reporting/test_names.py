"""File names of answers, and how a file comes to lie in a folder."""

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from import_pipeline.reporting.names import MAX_NAME_BYTES, answer_name, replacing, safe_name, temporary_path


@pytest.mark.parametrize(
    ("sent", "kind", "named"),
    [
        ("Account_x.csv", "errors", "Account_x.ab12cd34.errors.csv"),
        ("Account_x.csv", "failed", "Account_x.ab12cd34.failed.csv"),
        ("Account_x.csv", "receipt", "Account_x.ab12cd34.receipt.json"),
        ("Account_x.TXT", "failed", "Account_x.ab12cd34.failed.TXT"),
        ("Account_x", "failed", "Account_x.ab12cd34.failed.csv"),
        ("Account.v2.csv", "errors", "Account.v2.ab12cd34.errors.csv"),
        ("Account. of March", "failed", "Account. of March.ab12cd34.failed.csv"),
        ("a/b\\c.csv", "errors", "a_b_c.ab12cd34.errors.csv"),
        ("two\nlines\x1b[31m.csv", "errors", "two_lines_[31m.ab12cd34.errors.csv"),
        ("Account_\u202evsc.exe", "receipt", "Account__vsc.ab12cd34.receipt.json"),
        (".csv", "errors", "_csv.ab12cd34.errors.csv"),
        ("..", "receipt", "_.ab12cd34.receipt.json"),
        ("", "receipt", "_.ab12cd34.receipt.json"),
    ],
)
def test_an_answer_is_named_after_the_file_the_job_and_its_kind(sent: str, kind: str, named: str) -> None:
    """Acceptance, decision 1. The extension that was sent stays on the failed rows, so that they are read as before."""
    assert answer_name(sent, "ab12cd34", kind, "csv") == named  # type: ignore[arg-type]


@given(st.text(max_size=300), st.sampled_from(["errors", "failed", "receipt"]))
@example("Ä" * 126 + ".csv", "errors")
@example("x" * 251 + ".csv", "failed")
@example("\udc80\udcff.csv", "receipt")
def test_every_name_a_sender_chose_gives_a_name_that_every_file_system_takes(sent: str, kind: str) -> None:
    """255 bytes, no separator, no control character, never hidden, never half a character."""
    named = answer_name(sent, "ab12cd34", kind, "csv")  # type: ignore[arg-type]
    assert len(named.encode()) <= MAX_NAME_BYTES
    assert Path(named).name == named and "\\" not in named and not named.startswith(".")
    assert all(ord(c) >= 32 and not 0x7F <= ord(c) < 0xA0 for c in named)
    assert f".ab12cd34.{kind}." in named


def test_a_stem_is_cut_at_a_characters_boundary() -> None:
    """Half a character of UTF-8 is a name that no mailbox can list."""
    named = answer_name("Ä" * 126 + ".csv", "ab12cd34", "errors", "csv")
    assert named.endswith(".ab12cd34.errors.csv")
    assert set(named.removesuffix(".ab12cd34.errors.csv")) == {"Ä"}
    assert MAX_NAME_BYTES - 1 <= len(named.encode()) <= MAX_NAME_BYTES


def test_composed_and_decomposed_letters_give_the_same_name() -> None:
    """macOS sends decomposed names: the same file must not be answered under two names."""
    assert safe_name("Mu\u0308ller.csv") == safe_name("Müller.csv")


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    """A reader of the mailbox never sees half an answer, and a failed write leaves what was there."""
    target = tmp_path / "Failed" / "a.csv"
    temporary = temporary_path(target, "ab12cd34", "errors")
    with replacing(target, temporary) as out:
        out.write(b"first")
        assert not target.exists()
    with pytest.raises(OSError, match="disk full"), replacing(target, temporary) as out:
        out.write(b"second")
        raise OSError("disk full")
    assert target.read_bytes() == b"first"
    assert [p.name for p in target.parent.iterdir()] == ["a.csv"]


def test_a_link_in_the_way_is_replaced_not_followed(tmp_path: Path) -> None:
    """Who may write into the folder must not make us overwrite another file through a link."""
    victim, target = tmp_path / "victim", tmp_path / "a.csv"
    victim.write_bytes(b"mine")
    temporary = temporary_path(target, "ab12cd34", "errors")
    temporary.symlink_to(victim)
    target.symlink_to(victim)
    with replacing(target, temporary) as out:
        out.write(b"answer")
    assert victim.read_bytes() == b"mine"
    assert target.read_bytes() == b"answer" and not target.is_symlink()
