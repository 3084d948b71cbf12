"""A link that breaks at random points: however often, every file arrives once, whole, and is answered once.

Belongs here: the same rule for ten cuts in each test run and a hundred in the long one. Does not belong here: single faults
(test_collect.py, test_answers.py).
"""

import random
from pathlib import Path

import pytest

from .kit import Polling, sums
from .sshd import Proxy, Sshd


def _files(chance: random.Random, count: int) -> list[bytes]:
    return [b"Title\n" + chance.randbytes(chance.randint(1, 400_000)).hex().encode() + b"\n" for _ in range(count)]


def _until_all_is_well(polling: Polling, proxy: Proxy, server: Sshd, count: int, cuts: int) -> None:
    """Looks, collecting runs, deliveries and answers, each on a link that may break, for as long as something is left or cuts are."""
    for number in range(40 * cuts):
        polling.try_all(1)
        polling.deliver()
        polling.clock.turn(400)
        over = [file for file in polling.arrivals() if file.projected_at is not None]
        if len(over) == count and proxy.cuts >= cuts:
            return
        if len(over) == count:
            # All arrived before the link had broken often enough: more mail for it.
            return
        assert number < 40 * cuts - 1, (polling.states(), proxy.cuts)


def _broken(tmp_path: Path, server: Sshd, cuts: int) -> None:
    chance = random.Random(11)
    done = 0
    contents: list[bytes] = []
    polling: Polling | None = None

    def cut() -> int | None:
        # A handshake is some 3,000 bytes; everything from in the middle of it to the end of the largest file is hit.
        return int(chance.choice((500, 2_500, 5_000, 20_000, 300_000, 900_000)) * chance.random()) + 1 if chance.random() < 0.7 else None

    with Proxy(server.port, cut=cut) as proxy:
        polling = Polling(tmp_path, server.door(port=proxy.port, after="move", results="results", parallel=3))
        while proxy.cuts < cuts:
            for content in _files(chance, 3):
                server.drop(f"Account_{done}.csv", content)
                contents.append(content)
                done += 1
            _until_all_is_well(polling, proxy, server, len(contents), cuts)
    taken = [file for file in polling.arrivals() if file.sha256]
    assert sums(polling.vaulted()) == sums(contents) and len(taken) == len(contents)
    assert server.names() == ["results"]
    there = server.names("results/Success")
    receipts = [name for name in there if name.endswith(".receipt.json")]
    assert sorted(name for name in there if name.endswith(".csv")) == sorted(f"Account_{number}.csv" for number in range(done))
    assert len(receipts) == done
    assert sums([(server.files / "results/Success" / f"Account_{number}.csv").read_bytes() for number in range(done)]) == sums(contents)


def test_a_link_that_breaks_ten_times_loses_and_doubles_nothing(server: Sshd, tmp_path: Path) -> None:
    """Look, download, receipt and move are all hit."""
    _broken(tmp_path, server, 10)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_link_that_breaks_a_hundred_times_loses_and_doubles_nothing(server: Sshd, tmp_path: Path) -> None:
    """The issue's number."""
    _broken(tmp_path, server, 100)
