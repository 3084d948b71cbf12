"""The two kinds of failure, and the error that lists what would have been right.

Belongs here: exception classes that every room may raise, and the words of their messages.
Does not belong here: row errors (bad data never raises, see model/row_error.py) and anything that catches.
"""

from collections.abc import Iterable

from rapidfuzz import fuzz, process


class PermanentFailure(Exception):
    """A retry cannot help: wrong configuration, an unknown name, a bug's precondition. Never retried."""


class TransientFailure(Exception):
    """The machine's fault of the moment: disk full, store locked, network gone. Retried with growing pauses."""


def nearest(value: str, known: Iterable[str], *, cutoff: float = 60.0) -> str | None:
    """The known value closest to `value` (case does not count), or None when nothing is near (similarity below `cutoff` of 100)."""
    found = process.extractOne(value, list(known), scorer=fuzz.WRatio, processor=lambda s: s.casefold(), score_cutoff=cutoff)
    return found[0] if found else None


def known_values(value: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown value: «known: A, B. Did you mean 'A'?», in the order given."""
    names = list(known)
    suggestion = nearest(value, names)
    return f"known: {', '.join(names) or 'none'}" + (f". Did you mean {suggestion!r}?" if suggestion else "")


class UnknownValue(PermanentFailure):
    """A name that is not one of the known ones; the message lists them and the nearest."""

    def __init__(self, what: str, value: str, known: Iterable[str], *, where: str = "") -> None:
        self.what, self.value, self.known = what, value, sorted(known)
        self.suggestion = nearest(value, self.known)
        hint = f" Did you mean {self.suggestion!r}?" if self.suggestion else ""
        listed = ", ".join(self.known) if self.known else "none are configured"
        super().__init__(f"{where + ': ' if where else ''}unknown {what} {value!r}. Known: {listed}.{hint}")
