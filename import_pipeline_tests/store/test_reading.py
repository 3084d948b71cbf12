"""Readers of a store keep writers of other processes out until the last of them is gone, whatever the others of their process do."""

import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from import_pipeline.failures import TransientFailure
from import_pipeline.settings import Settings
from import_pipeline.store import reading
from import_pipeline.store.session import open_beneath, open_store

WRITE = (
    "import sys; from dataclasses import replace; from pathlib import Path\n"
    "from import_pipeline.settings import Settings; from import_pipeline.store.session import open_store\n"
    "from import_pipeline.failures import TransientFailure\n"
    "settings = Settings.from_environment({'IMPORT_PIPELINE_HOME': sys.argv[1]})\n"
    "try:\n"
    "    with open_store(settings, 'acme', writable=True, patience=0.2) as session:\n"
    "        session.run('INSERT INTO store.t VALUES (7)'); print('wrote')\n"
    "except TransientFailure:\n    print('refused')\n"
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A home whose account acme has one table."""
    made = Settings.from_environment({"IMPORT_PIPELINE_HOME": str(tmp_path)})
    with open_store(made, "acme", writable=True) as session:
        session.run("CREATE TABLE store.t (n BIGINT)")
    return made


def other_process(settings: Settings) -> str:
    """What becomes of a writer of another process."""
    done = subprocess.run([sys.executable, "-c", WRITE, str(settings.home)], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_writer_waits_for_the_last_of_a_processs_readers(settings: Settings) -> None:
    """DuckDB's own locks end with the first of them (upstream/test_duckdb_facts.py)."""
    with open_store(settings, "acme") as last:
        with open_store(settings, "acme"), open_beneath(settings, "acme"):
            assert other_process(settings) == "refused"
        assert other_process(settings) == "refused"
        assert last.one("SELECT count(*) FROM store.t") == 0
    assert other_process(settings) == "wrote"


def test_a_reader_that_fails_leaves_no_hold_behind(settings: Settings) -> None:
    """A damaged file must not be held for ever by those who found it damaged."""
    content = settings.store_file("acme").read_bytes()
    settings.store_file("acme").write_bytes(b"\0" * len(content))
    with pytest.raises(Exception, match="DuckDB"), open_store(settings, "acme"):
        pass
    settings.store_file("acme").write_bytes(content)
    assert other_process(settings) == "wrote"


def test_no_reader_opens_the_file_while_its_own_process_writes_to_it(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Closing any descriptor of the file would end the writer's lock (DESIGN section 9, rule 7)."""
    opened: list[object] = []
    real: Callable[..., int] = reading.os.open
    with open_store(settings, "acme", writable=True) as session:
        monkeypatch.setattr(reading.os, "open", lambda *given: opened.append(given) or real(*given))
        with pytest.raises(TransientFailure, match="in use"), open_store(settings, "acme", patience=0.1):
            pass
        assert opened == [] and other_process(settings) == "refused"
        session.run("INSERT INTO store.t VALUES (1)")
    with open_store(settings, "acme") as reader:
        assert reader.one("SELECT count(*) FROM store.t") == 1 and len(opened) == 1


def test_many_readers_and_a_writer_of_one_process_take_turns(settings: Settings) -> None:
    """A service that reads while a run of the same process writes: everybody gets in, and nothing is half seen."""
    wrong: list[object] = []
    settings = replace(settings, threads=1)

    def read() -> None:
        for _ in range(10):
            try:
                with open_store(settings, "acme", patience=20) as session:
                    first, second = session.run("SELECT count(*) FROM store.t"), session.run("SELECT count(*) FROM store.t")
                    if first != second or first[0][0] % 2:
                        wrong.append((first, second))
            except Exception as error:
                wrong.append(error)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(5):
        with open_store(settings, "acme", writable=True, patience=60) as session, session.transaction():
            session.run("INSERT INTO store.t VALUES (?)", [number])
            session.run("INSERT INTO store.t VALUES (?)", [number])
    for thread in threads:
        thread.join()
    assert wrong == []
    with open_store(settings, "acme") as session:
        assert session.one("SELECT count(*) FROM store.t") == 10
