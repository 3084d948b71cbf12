"""How often somebody may ask: token buckets in memory, by account and by address.

Belongs here: counting requests. Does not belong here: how much an account may send (model/http_door.py, uploads.py).

The counts are this process's own: they begin anew when it is started again, and hold for one process.
"""

from collections import OrderedDict
from collections.abc import Callable

MOST_NAMES = 10_000
"""Names remembered at once; the one asked for longest ago is forgotten first."""
FAILURES_PER_MINUTE = 30
"""Wrong keys that one address may try."""


class Buckets:
    """One bucket per name. It holds a quarter of a minute's requests and fills at an even pace."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str, per_minute: int) -> float:
        """Takes one; 0 when it was there, else the seconds until the next one is."""
        level, now = self._level(name, per_minute)
        if level >= 1:
            self._set(name, level - 1, now)
            return 0.0
        self._set(name, level, now)
        return (1 - level) * 60 / per_minute

    def _level(self, name: str, per_minute: int) -> tuple[float, float]:
        now, size = self._monotonic(), max(1.0, per_minute / 4)
        level, at = self._levels.get(name, (size, now))
        return min(size, level + (now - at) * per_minute / 60), now

    def _set(self, name: str, level: float, now: float) -> None:
        self._levels[name] = (level, now)
        self._levels.move_to_end(name)
        while len(self._levels) > MOST_NAMES:
            self._levels.popitem(last=False)
