"""Limits on connections and on failed log-ins, with growing delays: what keeps guessing slow and one client from taking all.

Belongs here: counting and the rules. Does not belong here: checking passwords (passwords.py), ending connections (sftp/logins.py).
"""

import ipaddress
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

REMEMBERED = 10_000
"""Addresses and names that are kept in mind at most; the oldest are forgotten first."""


@dataclass(frozen=True)
class Limits:
    """What is allowed. A delay is `first_delay` seconds after `free` failures and doubles with each one, `longest_delay` at most."""

    connections: int = 200
    per_address: int = 100
    before_login: int = 100
    before_login_per_address: int = 64
    per_user: int = 64
    tries: int = 6
    """Passwords and signatures of one connection."""
    offers: int = 20
    """Keys that one connection may offer without using them: an agent offers all it has."""
    free: int = 2
    first_delay: float = 0.5
    longest_delay: float = 8.0
    barred_after: int = 12
    """Failures from one address until it is refused at once."""
    forgotten_after: float = 600.0
    """Seconds without a failure until an address or a name is as new."""
    login_seconds: float = 30.0


class Guard:
    """Counts for one server. Its clock is monotonic seconds."""

    def __init__(self, limits: Limits, monotonic: Callable[[], float]) -> None:
        self.limits, self._monotonic = limits, monotonic
        self._failures: dict[str, tuple[int, float]] = {}
        self._open: Counter[str] = Counter()
        self._new: Counter[str] = Counter()
        self._users: Counter[str] = Counter()

    def connect(self, address: str) -> str | None:
        """Books a connection that is not logged in; why it is refused, or None. A refused one is booked too, until `disconnect`."""
        net, limits = _net(address), self.limits
        self._open[net] += 1
        self._new[net] += 1
        if self.is_barred(address):
            return "too many failed log-ins from this address"
        if self._open.total() > limits.connections or self._open[net] > limits.per_address:
            return "too many connections"
        if self._new.total() > limits.before_login or self._new[net] > limits.before_login_per_address:
            return "too many connections that are not logged in"
        return None

    def log_in(self, address: str, user: str) -> str | None:
        """A connection is logged in now; why that is refused, or None. A refused one is booked too, until `disconnect`."""
        _less(self._new, _net(address))
        self._users[user] += 1
        return "this user has too many connections" if self._users[user] > self.limits.per_user else None

    def disconnect(self, address: str, user: str | None) -> None:
        """A connection ended; `user` when it was logged in."""
        _less(self._open, _net(address))
        if user is None:
            _less(self._new, _net(address))
        else:
            _less(self._users, user)

    def is_barred(self, address: str) -> bool:
        """Whether nobody may try from there for a while."""
        return self._count(f"address {_net(address)}") >= self.limits.barred_after

    def delay(self, address: str, user: str) -> float:
        """Seconds that a password waits before it is looked at: as long for a right one as for a wrong one."""
        failures = max(self._count(f"address {_net(address)}"), self._count(f"user {user}"))
        beyond = failures - self.limits.free
        return 0.0 if beyond < 0 else min(self.limits.first_delay * 2.0 ** min(beyond, 30), self.limits.longest_delay)

    def failed(self, address: str, user: str) -> None:
        """A try counts as failed from its beginning, so that many at once are not all the first."""
        for key in (f"address {_net(address)}", f"user {user}"):
            # Put in anew: the oldest stand in front.
            count = self._count(key) + 1
            self._failures.pop(key, None)
            self._failures[key] = (count, self._monotonic())
        while len(self._failures) > REMEMBERED:
            del self._failures[next(iter(self._failures))]

    def succeeded(self, address: str, user: str) -> None:
        """The try that `failed` was told of was right after all."""
        for key in (f"address {_net(address)}", f"user {user}"):
            if key in self._failures:
                count, at = self._failures[key]
                self._failures[key] = (max(0, count - 1), at)

    def _count(self, key: str) -> int:
        count, at = self._failures.get(key, (0, 0.0))
        return count if self._monotonic() - at < self.limits.forgotten_after else 0


def _net(address: str) -> str:
    """Who has one IPv6 address has a whole /64 of them."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    return str(ipaddress.ip_network(f"{ip}/64", strict=False)) if ip.version == 6 else str(ip)


def _less(counter: Counter[str], key: str) -> None:
    counter[key] -= 1
    if counter[key] <= 0:
        del counter[key]
