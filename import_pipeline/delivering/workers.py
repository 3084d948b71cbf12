"""Which process runs a delivery, and whether it still lives.

Belongs here: noticing a run whose process is gone (the stock launcher cannot). Does not belong here: what to do about it
(sensor.py, upkeep.py).
"""

import os
import socket
from typing import Any

import psutil


def this_worker() -> dict[str, Any]:
    """This process, told so that a later one with the same id is not taken for it."""
    return {"host": socket.gethostname(), "pid": os.getpid(), "born": psutil.Process().create_time()}


def is_gone(worker: dict[str, Any]) -> bool:
    """True when the process ran on this host and runs no more; of other hosts nothing can be said."""
    if worker.get("host") != socket.gethostname():
        return False
    try:
        process = psutil.Process(int(worker["pid"]))
        born = float(process.create_time())
        return abs(born - float(worker["born"])) > 1 or str(process.status()) == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
