"""Makes the sample files of the account `giving`, byte for byte the same every time: `python data/samples/make_giving.py [FOLDER]`.

Belongs here: supporters, transactions and payments as programs send them to import.service, and what is wrong in them. Does not belong
here: names of people (invented.py), the samples of other accounts.

What an importer must find is written to `expected_giving_errors.csv`: file, line, column and code.
"""

import csv
import io
import random
import sys
from collections.abc import Sequence
from pathlib import Path

from invented import FIRST, LAST

Rows = list[Sequence[str]]
SUPPORTERS = ("First Name", "Last Name", "Email Address", "PostCode", "OPT-IN #1", "Campaign ABC")
CRM = (
    "CRM Id", "Email", "Title", "First Name", "Last Name", "Phone Number", "Country", "OPT-IN #1", "Phone Opt-In", "Winter Survey", "Notes",
)  # fmt: skip
SIGNED = ("Supporter Email", "Campaign Type", "Campaign ID", "Campaign Date", "Campaign Time", "Campaign Status", "Campaign Data 1")
GIFTS = ("Donation Amount", "Payment Currency", "Payment Type", "Supporter Email", "Gateway Transaction ID", "Transaction Date")
PEOPLE = 120


def email(number: int) -> str:
    """The address of a supporter."""
    return f"supporter{number}@example.org"


def supporters(rng: random.Random) -> Rows:
    """Sound ones; every tenth has no address."""
    return [
        (
            rng.choice(FIRST),
            rng.choice(LAST),
            "" if n % 10 == 9 else email(n),
            f"{rng.randrange(100, 1000)}AB",
            rng.choice("YN"),
            "P" if n % 3 == 0 else "",
        )
        for n in range(PEOPLE)
    ]


def changed(rng: random.Random) -> tuple[Rows, dict[int, tuple[str, str]]]:
    """Updates and new ones; five rows are refused."""
    rows: Rows = [(rng.choice(FIRST), "", email(n), "", "", "P" if n == 1 else "") for n in range(PEOPLE - 5, PEOPLE + 10)]
    wrong = {
        0: (("Ann", "Bad", "ann.example.org", "1", "Y", ""), ("Email Address", "not_an_email")),
        4: (("Ann", "Bad", email(1), "1", "maybe", ""), ("OPT-IN #1", "unknown_choice")),
        5: (("Ann", "Bad", email(1), "1", "P", ""), ("OPT-IN #1", "unknown_choice")),
        8: (("Ann", "Bad", email(1), "1", "Y", "yes"), ("Campaign ABC", "unknown_choice")),
        11: (("x" * 300, "Bad", email(1), "1", "N", ""), ("First Name", "too_long")),
    }
    for at, (row, _) in wrong.items():
        rows.insert(at, row)
    return rows, {at + 2: told for at, (_, told) in wrong.items()}


def crm(rng: random.Random) -> Rows:
    """With columns that are not imported."""
    return [
        (
            f"C-{n}",
            email(n),
            "",
            rng.choice(FIRST),
            rng.choice(LAST),
            f"+1 212 555 {n:04d}",
            "US",
            "",
            rng.choice("YN"),
            "P",
            "not imported",
        )
        for n in range(0, PEOPLE, 4)
        if n % 10 != 9
    ]


def signed() -> tuple[Rows, dict[int, tuple[str, str]]]:
    """Signatures on paper; three rows are refused."""
    rows: Rows = [(email(n), "PET", "20345", "2026-11-02", f"09:{n:02d}:00", "P", "on paper") for n in range(0, 40, 2)]
    rows += [
        ("nobody@example.org", "PET", "20345", "2026-11-02", "", "P", ""),
        (email(1), "PTE", "20345", "2026-11-02", "", "P", ""),
        (email(1), "PET", "20345", "2026-11-02", "9:30", "P", ""),
    ]
    return rows, {
        22: ("Supporter Key", "parent_not_found"),
        23: ("Campaign Type", "unknown_choice"),
        24: ("Campaign Time", "wrong_pattern"),
    }


def gifts(rng: random.Random) -> Rows:
    """Single gifts, each with the gateway's id."""
    return [(f"{rng.randrange(5, 500)}.00", "USD", "VISA", email(n), f"GW-{n:05d}", "2026-11-03") for n in range(0, 30, 3) if n % 10 != 9]


def write(path: Path, header: Sequence[str], rows: Rows) -> None:
    """One CSV file, UTF-8 without byte order mark."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.getvalue(), encoding="utf-8", newline="")


def make(folder: Path) -> None:
    """All files below `folder`."""
    rng, home = random.Random(20261101), folder / "giving" / "http"
    write(home / "supporters.csv", SUPPORTERS, supporters(rng))
    changes, wrong_changes = changed(rng)
    write(home / "supporters_later.csv", SUPPORTERS, changes)
    write(home / "crm.csv", CRM, crm(rng))
    signatures, wrong_signatures = signed()
    write(home / "importTransactions.csv", SIGNED, signatures)
    write(home / "importTransactions_payments.csv", GIFTS, gifts(rng))
    expected: Rows = []
    for name, found in (("supporters_later.csv", wrong_changes), ("importTransactions.csv", wrong_signatures)):
        expected += [(f"giving/http/{name}", str(line), column, code) for line, (column, code) in sorted(found.items())]
    write(folder / "expected_giving_errors.csv", ("file", "line", "column", "code"), expected)


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
