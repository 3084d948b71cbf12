"""What people have accepted before: which column a header cell was imported as.

Belongs here: the accepted mapping as a value. Does not belong here: where it is remembered (ledger/headers.py), what is made of it
(suggesting/).
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class AcceptedMapping:
    """The header cell `header` was imported `times` times as the column `key`, or with None deliberately left out by a format."""

    header: str
    key: str | None
    times: int = 1
