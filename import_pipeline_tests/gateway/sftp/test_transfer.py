"""Sending, reading, listing and renaming through OpenSSH's own programs."""

import re
from pathlib import Path

import pytest

from import_pipeline_tests.gateway.sftp.kit import NEW, Client, Server


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of some blocks and a piece."""
    path = tmp_path / "Account_1.csv"
    path.write_bytes(b"ExternalDataObjectId,Name\n" + b"A-1,Acme\n" * 100_001)
    return path


def names_listed(client: Client, folder: str) -> list[str]:
    """What `ls` shows, one name a line."""
    done = client.sftp(f"ls -1a {folder}")
    assert done.code == 0, done.err
    return sorted(Path(line.strip()).name for line in done.out.splitlines()[1:] if not line.rstrip().endswith("/."))


def test_a_client_sees_exactly_the_folders_of_the_tree(ana: Client, server: Server) -> None:
    """Acceptance S-1, and Check of B-2; what else lies in the tree on disk is nobody's business."""
    server.folder("Templates").mkdir(exist_ok=True)
    server.folder("DataObjects/Import/Mine").mkdir(exist_ok=True)
    assert names_listed(ana, "/") == ["..", "DataObjects", "Exports", "Leads", "Territories"]
    assert names_listed(ana, "/DataObjects/Import") == ["..", "Failed", "New", "Success"]
    assert names_listed(ana, "/Leads") == ["..", "Check", "Import"]
    assert names_listed(ana, "/Territories") == ["..", "Check", "Failed", "New", "Success"]
    assert names_listed(ana, "/Exports") == ["..", "Daily", "Monthly", "Weekly"]
    refused = ana.sftp("ls /Templates")
    assert refused.code == 1 and "not found" in refused.err


@pytest.mark.parametrize("folder", [NEW, "Leads/Import/New", "DataObjects/Check/New", "Territories", "Territories/New"])
def test_a_sent_file_lies_in_the_folder_with_all_its_bytes_and_comes_back_the_same(
    ana: Client, server: Server, file: Path, tmp_path: Path, folder: str
) -> None:
    """Every watched folder takes files; nothing is left in the hidden place."""
    done = ana.sftp(f"put -p {file} {folder}/sent.csv", f"get {folder}/sent.csv {tmp_path / 'back'}", f"rm {folder}/sent.csv")
    assert (done.code, done.err) == (0, "")
    assert (tmp_path / "back").read_bytes() == file.read_bytes()
    assert server.staged() == [] and not server.folder(f"{folder}/sent.csv").exists()
    kinds = [(e["event"], e["path"], e["bytes"]) for e in server.audit("upload", "download", "delete")][-3:]
    size = file.stat().st_size
    assert kinds == [(kind, f"/{folder}/sent.csv", size) for kind in ("upload", "download", "delete")]


def test_scp_stores_a_file_and_says_so_and_replaces_it_with_a_shorter_one(ana: Client, server: Server, tmp_path: Path) -> None:
    """Without an exit status scp calls a stored file a failure; it opens a file that exists without emptying it."""
    for content in (b"a,b\n" + b"1,2\n" * 90_000, b"a,b\n3,4\n", b""):
        (tmp_path / "s.csv").write_bytes(content)
        done = ana.call("scp", "-s", tmp_path / "s.csv", f"{ana.at}:{NEW}/scp.csv")
        assert (done.code, done.err) == (0, "")
        assert server.folder(f"{NEW}/scp.csv").read_bytes() == content
    back = ana.call("scp", "-s", f"{ana.at}:{NEW}/scp.csv", tmp_path / "back.csv")
    assert back.code == 0 and (tmp_path / "back.csv").read_bytes() == b""


@pytest.mark.parametrize("name", ["Kontakte Österreich.csv", "it's.csv", "日本.csv", "a$(touch x)`b`;c.csv", "n" * 236 + ".csv"])
def test_a_name_of_any_language_is_kept(ana: Client, server: Server, tmp_path: Path, name: str) -> None:
    """Blanks, quotes and what a shell would run are text."""
    (tmp_path / "x").write_text("a\n1\n")
    done = ana.sftp(f'put {tmp_path / "x"} "{NEW}/{name}"', f'rename "{NEW}/{name}" {NEW}/plain.csv', f"rm {NEW}/plain.csv")
    assert (done.code, done.err) == (0, "")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (".hidden", "hidden files"),
        ("Thumbs.db", "leave behind"),
        ("n" * 241, "the most are 240"),
        ("x\\\ty", "control"),
        ("\udcffx", "UTF-8"),
    ],
)
def test_a_name_that_could_never_be_imported_or_shown_is_refused_with_the_reason(
    ana: Client, server: Server, tmp_path: Path, name: str, told: str
) -> None:
    """One Latin-1 name breaks a whole listing in most clients (reference/intake.md, fact 5)."""
    (tmp_path / "x").write_text("a\n1\n")
    batch = ana.folder / "odd"
    batch.write_bytes(f'put {tmp_path / "x"} "{NEW}/{name}"\n'.encode("utf-8", "surrogateescape"))
    done = ana.call("sftp", "-b", batch, ana.at)
    assert done.code == 1 and told in done.err, done
    assert server.staged() == []


def test_renaming_replaces_a_file_as_a_whole_or_not_at_all(ana: Client, server: Server, tmp_path: Path) -> None:
    """Clients send under a temporary name and rename; OpenSSH's `rename -l` may not replace."""
    for name in ("one", "two"):
        (tmp_path / name).write_text(name)
    done = ana.sftp(
        f"put {tmp_path / 'one'} {NEW}/r.csv", f"put {tmp_path / 'two'} {NEW}/r.csv.filepart", f"rename -l {NEW}/r.csv.filepart {NEW}/r.csv"
    )
    assert done.code == 1 and "exists" in done.err
    assert server.folder(f"{NEW}/r.csv").read_text() == "one"
    assert ana.sftp(f"rename {NEW}/r.csv.filepart {NEW}/r.csv").code == 0
    assert server.folder(f"{NEW}/r.csv").read_text() == "two"
    assert ana.sftp(f"rename {NEW}/r.csv DataObjects/Import/Success/r.csv").code == 1
    assert ana.sftp(f"rename {NEW}/r.csv {NEW}").code == 1
    assert ana.sftp(f"rm {NEW}/r.csv").code == 0


@pytest.mark.parametrize(
    ("user", "sends", "reads_answers", "reads_exports"),
    [("ana", True, True, True), ("up", True, True, False), ("rita", False, False, True)],
)
def test_a_role_may_do_what_it_says_and_nothing_else(
    server: Server, keys: dict[str, Path], tmp_path: Path, user: str, sends: bool, reads_answers: bool, reads_exports: bool
) -> None:
    """A supplier must not read exports, a reader must not send."""
    client = Client(server, user, keys["ed25519"])
    server.folder("Exports/Daily/all.csv").write_text("export")
    server.folder("DataObjects/Import/Failed/answer.csv").write_text("answer")
    (tmp_path / "x").write_text("a\n1\n")
    assert (client.sftp(f"put {tmp_path / 'x'} {NEW}/role.csv", f"rm {NEW}/role.csv").code == 0) is sends
    assert (client.sftp("ls Exports/Daily", f"get Exports/Daily/all.csv {tmp_path / 'e'}").code == 0) is reads_exports
    assert (tmp_path / "e").exists() is reads_exports
    answered = client.sftp("ls DataObjects/Import/Failed", f"get DataObjects/Import/Failed/answer.csv {tmp_path / 'a'}")
    assert (answered.code == 0) is reads_answers
    assert (client.sftp("rm DataObjects/Import/Failed/answer.csv").code == 0) is sends
    others = ("Exports/Daily/new.csv", "DataObjects/Import/Success/new.csv", "new.csv", "Leads/new.csv")
    assert client.refused(*(f"put {tmp_path / 'x'} {path}" for path in others), "rm Exports/Daily/all.csv")
    assert [p for path in others if (p := server.folder(path)).exists()] == []
    assert server.folder("Exports/Daily/all.csv").read_text() == "export"


def test_a_refusal_is_told_in_words_and_audited_without_any_secret(server: Server, ana: Client, tmp_path: Path) -> None:
    """OpenSSH shows codes only; the sentence comes beside them."""
    (tmp_path / "x").write_text("a\n1\n")
    done = ana.sftp(f"put {tmp_path / 'x'} Exports/Daily/x.csv")
    assert "takes no files; these do: /DataObjects/Import/New" in done.err
    entry = server.audit("denied")[-1]
    assert (entry["user"], entry["account"], entry["address"]) == ("ana", "acme", "127.0.0.1")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", entry["at"])
