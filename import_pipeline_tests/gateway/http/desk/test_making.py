"""Files that are made in processes beside the service: how many at once, what is left when one fails.

Belongs here: the line and the processes. Does not belong here: what is made (test_exports.py).
"""

import asyncio
import threading
import time
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from import_pipeline.gateway.http.desk.exports import making
from import_pipeline.gateway.http.desk.exports.making import AT_ONCE, WAITING, _Line, _run
from import_pipeline.gateway.http.desk.exports.orders import Order
from import_pipeline.gateway.http.refusals import Refusal
from import_pipeline.store.session import open_store
from import_pipeline_tests.gateway.http.desk.kit import Person, add_user
from import_pipeline_tests.gateway.http.kit import Service
from import_pipeline_tests.scenarios.conftest import ACCOUNT
from import_pipeline_tests.scenarios.site import Here

ROWS = "ExternalDataObjectId,Name\n" + "".join(f"A-{n},Company {n}\n" for n in range(500))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Here]:
    """Three accounts with records."""
    made = Here(tmp_path_factory.mktemp("making"))
    for name in ("one", "two", "three"):
        made.add_account(name, [ACCOUNT])
    for name in ("one", "two", "three"):
        add_user(made, f"{name}er", name)
        made.drop("Account_1.csv", ROWS, account=name)
        made.work(name)
    yield made
    made.close()


def alone(work: Coroutine[Any, Any, None]) -> None:
    """Runs it in a thread of its own: the browser of other tests has an event loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, work).result()


def test_one_account_takes_one_turn_and_all_together_a_few() -> None:
    """So no account keeps the others waiting with several of its own."""
    most: dict[str, int] = {}
    running: dict[str, int] = {}

    async def one(line: _Line, account: str) -> None:
        async with line.turn(account):
            for name in (account, "all"):
                running[name] = running.get(name, 0) + 1
                most[name] = max(most.get(name, 0), running[name])
            await asyncio.sleep(0.01)
            for name in (account, "all"):
                running[name] -= 1

    async def several() -> None:
        line = _Line()
        await asyncio.gather(*(one(line, account) for account in ("a", "b", "c", "a", "b", "c", "a", "a")))
        assert line.standing == 0

    alone(several())
    assert most == {"a": 1, "b": 1, "c": 1, "all": AT_ONCE}


def test_a_line_that_is_full_or_does_not_move_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for ever, and who gave up holds no place."""
    monkeypatch.setattr(making, "PATIENCE", 0.05)

    async def ask() -> None:
        line = _Line()
        async with line.turn("a"):
            with pytest.raises(Refusal) as refused:
                async with line.turn("a"):
                    raise AssertionError("the turn of another")
            assert refused.value.status == 503
            waiting = [asyncio.create_task(line.turn("a").__aenter__()) for _ in range(WAITING)]
            await asyncio.sleep(0)
            with pytest.raises(Refusal):
                await line.turn("b").__aenter__()
            assert all(isinstance(found, Refusal) for found in await asyncio.gather(*waiting, return_exceptions=True))
        async with line.turn("a"):
            assert line.standing == 0

    alone(ask())


def test_a_process_that_fails_is_no_answer_and_its_words_are_for_the_log(
    site: Here, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A fault of ours is told without paths."""
    order = Order("export", site.settings, site.pipeline.account("one"), site.clock.now(), tmp_path / "gone" / "\0", object_type="Account")
    with pytest.raises(Refusal) as refused:
        _run(order)
    assert refused.value.status == 500 and str(tmp_path) not in refused.value.detail
    assert "ended with 1" in caplog.text


def test_an_export_is_made_while_a_page_reads_the_store(site: Here, tmp_path: Path) -> None:
    """Readers do not shut one another out."""
    order = Order("export", site.settings, site.pipeline.account("one"), site.clock.now(), tmp_path, object_type="Account")
    with open_store(site.settings, "one"):
        assert _run(order).facts == {"rows": 500}


@pytest.mark.slow
def test_exports_of_several_people_wait_for_one_another_and_all_come(site: Here) -> None:
    """Six at once, two processes, and nothing is left of any."""
    most, over = [0], threading.Event()

    def watch() -> None:
        me = psutil.Process()
        while not over.is_set():
            most[0] = max(most[0], sum("exports.worker" in " ".join(_command(child)) for child in me.children()))
            time.sleep(0.005)

    with Service(site) as service:
        people = [Person(service, f"{name}er") for name in ("one", "two", "three", "one", "two", "three")]
        answers: list[httpx.Response] = []
        threads = [threading.Thread(target=lambda p=p: answers.append(p.post("/exports", {"type": "Account"}))) for p in people]
        watcher = threading.Thread(target=watch)
        watcher.start()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        over.set()
        watcher.join()
    assert [len(a.text.splitlines()) for a in answers] == [501] * 6
    assert most[0] == AT_ONCE
    assert list((site.settings.home / "tmp" / "desk").iterdir()) == []


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []
