"""The audit log: who, from where, what, which file, how many bytes. One JSON object a line, never a secret.

Belongs here: writing, rotating and reading logs/sftp-audit.jsonl. Does not belong here: what happened (door.py, logins.py tell it).
"""

import json
import logging
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from import_pipeline.landing.clock import Clock

LOG = logging.getLogger(__name__)
Event = Literal["login", "login_failed", "refused", "logout", "upload", "upload_lost", "download", "delete", "rename", "denied"]
FILE = "sftp-audit.jsonl"
MOST_BYTES = 50_000_000
KEPT = 5
"""Older logs that are kept beside the current one: sftp-audit.jsonl.1 is the youngest of them."""
_LONGEST = 500


def entries(folder: Path, account: str) -> Iterator[dict[str, Any]]:
    """The entries of one account in all logs that are kept, the oldest first. A line that was cut off by a crash is left out."""
    current = folder / FILE
    for path in [*(folder / f"{FILE}.{number}" for number in range(KEPT, 0, -1)), current]:
        try:
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            continue
        for line in lines:
            try:
                entry = json.loads(line)
            except json.JSONDecodeError:
                continue
            if isinstance(entry, dict) and entry.get("account") == account:
                yield entry


class Audit:
    """Lines at the end of one file. An entry is written at once; a log that cannot be written is told, and stops no upload."""

    def __init__(self, folder: Path, clock: Clock, *, most_bytes: int = MOST_BYTES) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / FILE
        self._clock, self._most = clock, most_bytes

    def write(self, event: Event, **facts: str | int | None) -> None:
        """One entry: `at` and `event`, then the facts that are known (account, user, address, path, to, bytes, reason)."""
        known = {name: value[:_LONGEST] if isinstance(value, str) else value for name, value in facts.items() if value is not None}
        line = json.dumps({"at": _moment(self._clock.now()), "event": event, **known}, ensure_ascii=False) + "\n"
        try:
            self._append(line.encode("utf-8", "backslashreplace"))
        except OSError as error:
            LOG.warning("the audit log %s cannot be written: %s", self.path, error.strerror)

    def _append(self, line: bytes) -> None:
        opened = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.write(opened, line)
            full = os.fstat(opened).st_size >= self._most
        finally:
            os.close(opened)
        if full:
            for number in range(KEPT - 1, 0, -1):
                older = self.path.with_name(f"{self.path.name}.{number}")
                if older.exists():
                    older.rename(self.path.with_name(f"{self.path.name}.{number + 1}"))
            self.path.rename(self.path.with_name(f"{self.path.name}.1"))


def _moment(now: datetime) -> str:
    return now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
