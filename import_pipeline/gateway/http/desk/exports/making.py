"""Having something made in a process beside the service, a few at a time.

Belongs here: the line that orders wait in, the process, its folder, its end. Does not belong here: what it makes (worker.py), how a
file is sent (../sending.py).
"""

import asyncio
import json
import logging
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from weakref import WeakKeyDictionary

from import_pipeline.gateway.http.desk.exports.orders import Answer, Order
from import_pipeline.gateway.http.desk.visit import Visit
from import_pipeline.gateway.http.gate import Gate
from import_pipeline.gateway.http.refusals import Refusal
from import_pipeline.settings import PACKAGE

LOG = logging.getLogger(__name__)
AT_ONCE = 2
"""Processes of the whole service; one account has one."""
WAITING = 12
"""Orders that may stand in line."""
PATIENCE = 60.0
"""Seconds that an order waits for its turn."""
LONGEST = 1800
"""Seconds that making one file may take."""
_WORKER = "import_pipeline.gateway.http.desk.exports.worker"
_LEFTOVER = 86_400.0
"""Seconds after which a folder belongs to no process any more."""
BUSY = "An import is writing to the records at this moment, so they cannot be read completely. Try again in a minute."
FULL = "Other files are being made at this moment. Try again in a minute."


class _Line:
    """Turns of one service. Its semaphores belong to the service's event loop."""

    def __init__(self) -> None:
        self.all = asyncio.Semaphore(AT_ONCE)
        self.accounts: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(1))
        self.standing = 0

    @asynccontextmanager
    async def turn(self, account: str) -> AsyncIterator[None]:
        """Waits for a place. Raises Refusal 503 when the line is full or the turn does not come."""
        if self.standing >= WAITING:
            raise Refusal(503, FULL, retry_after=30)
        self.standing += 1
        own = self.accounts[account]
        taken: list[asyncio.Semaphore] = []
        try:
            async with asyncio.timeout(PATIENCE):
                for each in (own, self.all):
                    await each.acquire()
                    taken.append(each)
        except TimeoutError:
            for each in taken:
                each.release()
            raise Refusal(503, FULL, retry_after=30) from None
        finally:
            self.standing -= 1
        try:
            yield
        finally:
            for each in taken:
                each.release()


_LINES: WeakKeyDictionary[Gate, _Line] = WeakKeyDictionary()


@asynccontextmanager
async def made(visit: Visit, order: Callable[[Path], Order]) -> AsyncIterator[tuple[Answer, Path]]:
    """The answer and the folder with what was made; the folder goes on leaving.

    Raises Refusal 503 when an import holds the store, when too many ask at once, or when it took too long.
    """
    gate = visit.gate
    line = _LINES.setdefault(gate, _Line())
    async with line.turn(visit.account.name):
        folder = await asyncio.to_thread(_folder, gate.settings.home / "tmp" / "desk")
        try:
            answer = await asyncio.to_thread(_run, order(folder))
            if answer.busy:
                LOG.warning("%s: %s", visit.request_id, answer.busy)
                raise Refusal(503, BUSY, retry_after=60)
            yield answer, folder
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, True)


def _folder(parent: Path) -> Path:
    parent.mkdir(parents=True, exist_ok=True)
    for left in parent.iterdir():
        with suppress(FileNotFoundError):
            if time.time() - left.stat().st_mtime > _LEFTOVER:
                shutil.rmtree(left, ignore_errors=True)
    return Path(tempfile.mkdtemp(dir=parent))


def _run(order: Order) -> Answer:
    """One process, from its start to its answer."""
    path = os.pathsep.join(filter(None, (str(PACKAGE.parent), os.environ.get("PYTHONPATH"))))
    try:
        ended = subprocess.run(
            [sys.executable, "-m", _WORKER],
            input=pickle.dumps(order),
            capture_output=True,
            timeout=LONGEST,
            env={**os.environ, "PYTHONPATH": path},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Refusal(503, "making this file took too long; ask for less, or as CSV", retry_after=60) from None
    if ended.returncode:
        LOG.error("%s of %s ended with %s: %s", order.kind, order.account.name, ended.returncode, ended.stderr.decode()[-2000:])
        raise Refusal(500, "this file could not be made; the service's log has the reason")
    return Answer(**json.loads(ended.stdout))
