"""The two clocks of intake, handed in so that tests can turn them.

Belongs here: telling the time. Does not belong here: deciding by it (decide.py).
"""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """`now` is what people read; `monotonic` measures how long a file has been still, whatever happens to the wall clock."""

    def now(self) -> datetime:
        """The moment, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds since some start, never going back while the machine runs; the same start for all processes."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now(self) -> datetime:
        """The moment, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since the machine was started."""
        return time.monotonic()
