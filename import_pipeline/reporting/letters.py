"""What a letter about a job says: a subject and a few plain lines.

Belongs here: the words. Does not belong here: booking and sending letters, receipts (receipt.py).
A letter has counts and names of files, never values of rows: it leaves the house.
"""

from import_pipeline.ledger.jobs import JobRow
from import_pipeline.model.job import Counts
from import_pipeline.reporting.names import readable, safe_name

_OUTCOMES = (
    ("created", "created"),
    ("updated", "changed"),
    ("unchanged", "unchanged"),
    ("deleted", "deleted"),
    ("parked", "waiting for their parent"),
    ("refused", "refused"),
)
_STATES = {
    "applied": "was imported",
    "duplicate": "was imported before",
    "planned": "was planned; nothing was written",
    "failed": "was not imported",
    "held": "waits for approval",
}
SUBJECT_CHARS = 150


def letter(row: JobRow, account_title: str) -> tuple[str, str]:
    """Subject, in one line, and text of the letter about a job's answer."""
    name = _one_line(row.name)
    what = _STATES.get(row.state, row.state)
    numbers = _numbers(row.counts)
    subject = f"{account_title}: {name} {what}"
    if numbers and row.state in ("applied", "planned", "held"):
        subject = f"{subject} ({', '.join(numbers)})"
    lines = [f"{name} ({row.object_type or 'of no known type'}) {what}."]
    if row.reason:
        lines += ["", _one_line(row.reason)]
    if row.counts.rows:
        lines += ["", f"{row.counts.rows:,} rows: {', '.join(numbers) or 'nothing to do'}."]
    files = (("Refused rows, ready to be mended and sent again", row.failed_file), ("Errors", row.errors_file), ("Receipt", row.receipt))
    lines += ["", *(f"{told}: {_one_line(path.rsplit('/', 1)[-1])}" for told, path in files if path)]
    lines += ["", f"Account {row.account}, job {row.id}, delivery {row.delivery}."]
    return _cut(subject), "\n".join(lines) + "\n"


def numbered_letter(row: JobRow, account_title: str, number: str, name: str) -> tuple[str, str]:
    """Subject and text for who asked for a job by its number and name (acceptance E-10)."""
    _, text = letter(row, account_title)
    told = f"Your import job # {number}, {_one_line(name)}, is complete."
    return _cut(f"{account_title}: your import job # {number} ({_one_line(name)}) {_STATES.get(row.state, row.state)}"), f"{told}\n\n{text}"


def _numbers(counts: Counts) -> list[str]:
    return [f"{value:,} {word}" for key, word in _OUTCOMES if (value := getattr(counts, key))]


def _one_line(text: str) -> str:
    """A sender chooses file names: what could begin another header, or turn the reading direction, is replaced."""
    return safe_name(readable(text).replace("/", "\N{DIVISION SLASH}")).replace("\N{DIVISION SLASH}", "/")


def _cut(subject: str) -> str:
    return subject if len(subject) <= SUBJECT_CHARS else subject[: SUBJECT_CHARS - 1] + "…"
