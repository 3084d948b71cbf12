"""A delivery that touches everything, applied by attempts that die: at a chosen statement, or by a real kill.

Belongs here: what the tests of exactly-once share, and the process that is killed (`python -m` this module). Does not belong here:
assertions.
"""

import json
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from import_pipeline.applying.stage import apply_delivery
from import_pipeline.model.object_type import ObjectType
from import_pipeline.relating.stage import relate_delivery
from import_pipeline.store.session import Session, Values
from import_pipeline_tests.lab import ACCOUNT, Lab

PERSON = ObjectType.model_validate(
    {
        "name": "Person",
        "parent": {"type": "Account", "park_for": "1h"},
        "pin": True,
        "match": [["Mail"]],
        "fields": [{"name": "Name", "required": True}, {"name": "Mail", "custom": True}, {"name": "Title", "custom": True}],
    }
)
KEY = "tested_"


class Died(BaseException):
    """The process is gone: nothing may catch this and go on."""


class Mortal(Session):
    """A session that dies before its n-th statement; from then on nothing reaches the store, not even a ROLLBACK."""

    def __init__(self, inner: Session, statements: int) -> None:
        super().__init__(inner._connection, writable=inner.writable)
        self.left = statements

    def run(self, sql: str, values: Values = None) -> list[tuple[Any, ...]]:
        self.left -= 1
        if self.left < 0:
            raise Died
        return super().run(sql, values)


def lab_at(home: Path) -> Lab:
    """A lab whose packages and commits are so small that every delivery has several."""
    return Lab(home, (ACCOUNT, PERSON), package_rows=2, group_weight=2.0)


def person(ext: str | None, **more: object) -> dict[str, object]:
    """A row."""
    return {"ExternalDataObjectId": ext, **more}


def base(home: Path) -> Lab:
    """A store with records, a row that waits for a parent that has come, one that has waited too long, and the tested delivery."""
    lab = lab_at(home)
    lab.deliver("Person", [person("old", Name="Old", RelatedTo="never")])
    waiting = person("w", Name="W", RelatedTo="A")
    lab.deliver("Person", [person("p1", Name="One", Mail="1@x", Street="Oak St"), waiting, person("p2", Name="Two")])
    lab.deliver("Account", [{"ExternalDataObjectId": "A", "Name": "Acme"}])
    lab.now += timedelta(hours=2)
    lab.validated(
        KEY,
        PERSON,
        [
            [
                person("p1", Title="t1", RelatedTo="A"),
                person("n1", Name="New", Street="Main St", ExternalPinId="P"),
                person("n1", Title="folded over packages"),
                person("n2"),
                person("p2", Name="Two"),
                person("n3", Name="Late", RelatedTo="nobody"),
                person("n1", Mail="9@x"),
            ],
            [person(None, Name="By rule", Mail="9@x", Title="last"), person("n4", Name="Four", Street="Main St"), person("p2", Title="t2")],
        ],
    )
    return lab


def attempt(lab: Lab, *, relate_for: int = 1 << 30, apply_for: int = 1 << 30) -> None:
    """One attempt at the tested delivery; raises Died when its statements run out."""
    validated, related = lab.stages("Person", KEY)
    jobs = [lab.job(KEY, PERSON, n) for n in range(2)]
    with lab.session() as session:
        relate_delivery(Mortal(session, relate_for), lab.order("Person", KEY, jobs), validated, related)
    with lab.session(writable=True) as session:
        apply_delivery(Mortal(session, apply_for), lab.apply_order("Person", validated, related))


def statements(lab: Lab) -> tuple[int, int]:
    """How many statements an undisturbed attempt takes to relate and to apply."""
    validated, related = lab.stages("Person", KEY)
    jobs = [lab.job(KEY, PERSON, n) for n in range(2)]
    with lab.session() as session:
        first = Mortal(session, 1 << 30)
        relate_delivery(first, lab.order("Person", KEY, jobs), validated, related)
    with lab.session(writable=True) as session:
        second = Mortal(session, 1 << 30)
        apply_delivery(second, lab.apply_order("Person", validated, related))
    return (1 << 30) - first.left, (1 << 30) - second.left


@contextmanager
def copy_of(home: Path, target: Path, now: Any) -> Iterator[Lab]:
    """The lab at a copy of its home; the copy goes when it is left."""
    shutil.copytree(home, target)
    lab = lab_at(target)
    lab.now = now
    try:
        yield lab
    finally:
        shutil.rmtree(target)


def _killed_trials(home: Path, trials: int, seed: int) -> None:
    """Prints one JSON line per trial: how many attempts were killed, and the dump. The forks happen before any thread is started."""
    chance = random.Random(seed)
    now = json.loads((home / "now.json").read_text())
    for trial in range(trials):
        target = home.parent / f"trial{trial}"
        shutil.copytree(home, target)
        killed, longest = 0, 0.6
        while True:
            child = os.fork()
            if child == 0:
                _run_child(target, now)
            time.sleep(chance.random() * longest)
            if killed < 4:
                os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
            if not os.WIFSIGNALED(status):
                break
            killed += 1
        print(json.dumps({"trial": trial, "killed": killed, "status": status}), flush=True)


def _run_child(target: Path, now: str) -> None:
    from datetime import datetime

    try:
        lab = lab_at(target)
        lab.now = datetime.fromisoformat(now)
        attempt(lab)
        os._exit(0)
    except BaseException as error:
        print(repr(error), file=sys.stderr, flush=True)
        os._exit(1)


if __name__ == "__main__":
    _killed_trials(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
