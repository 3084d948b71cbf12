"""Makes the sample files of the account `cases`, byte for byte the same every time: `python data/samples/make_cases.py [FOLDER]`.

Belongs here: case orders as clients send them, and what is wrong in them. Does not belong here: names and streets (invented.py), the
samples of other accounts.

What an importer must find is written to `expected_case_errors.csv`: file, line, column and code.
"""

import csv
import io
import random
import sys
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

from invented import FIRST, LAST, MIDWEST, STREETS

Rows = list[Sequence[str]]
ORDER = (
    "Client", "Case Type", "Claim Number", "Primary Contact", "Date Received", "Due Date", "Subject First Name", "Subject Last Name", "DOB",
    "Subject Address", "Location", "Services", "Flags", "Budget", "Budget Hours", "Scheduling Notes",
)  # fmt: skip
WEEKLY = (
    "Claim No", "Adjuster", "Ordered", "Due", "Claimant First", "Claimant Last", "Claimant Born", "Claimant Address", "Loss Location",
    "Hours", "Budget", "Rush", "Instructions",
)  # fmt: skip
SERVICES = ("Surveillance", "Surveillance;Activity Check", "Records Search", "Canvass;Recorded Statement", "")
NOTES = ("Two days, one of them a weekend", "Not before 6 a.m.", 'Ask for the "blue" truck', "")
FIRST_DAY = date(2026, 11, 2)


def address(rng: random.Random, *, whole: bool = True) -> str:
    """A whole address in one cell; now and then only what is known, with the commas in their places."""
    city, state, code, _, _ = rng.choice(MIDWEST)
    street = f"{rng.randrange(1, 9900)} {rng.choice(STREETS)}"
    known = (f"{street},{city},{state},{code},US", f"{street},{city},{state},{code}", f",{city},{state},{code}", f",,{state},{code}", "")
    return known[0] if whole else rng.choice(known)


def person(rng: random.Random) -> tuple[str, str, str]:
    """First name, last name, day of birth."""
    return rng.choice(FIRST), rng.choice(LAST), (date(1950, 1, 1) + timedelta(days=rng.randrange(18_000))).isoformat()


def order(rng: random.Random, number: int, client: str = "Blue Harbor Insurance") -> list[str]:
    """One case with all that a client knows."""
    first, last, born = person(rng)
    received = FIRST_DAY + timedelta(days=number % 5)
    return [
        client, "Claims Investigation", f"BH-{4000 + number}", f"{rng.choice(FIRST)} {rng.choice(LAST)}", received.isoformat(),
        (received + timedelta(days=14)).isoformat(), first, last, born, address(rng, whole=number % 3 == 0), address(rng, whole=False),
        rng.choice(SERVICES), rng.choice(("", "", "Rush", "Rush;Attorney Involved")), f"{rng.randrange(8, 40) * 50}.00",
        str(rng.choice((8, 12.5, 16))), rng.choice(NOTES),
    ]  # fmt: skip


def sound(rng: random.Random) -> Rows:
    """40 cases of one client and one case type."""
    return [order(rng, number) for number in range(40)]


def dirty(rng: random.Random) -> tuple[Rows, dict[int, tuple[str, str]]]:
    """18 cases, six of them with one cell that nobody can use."""
    rows: Rows = [order(rng, 100 + number) for number in range(18)]
    wrong = {
        2: ("Due Date", "in two weeks", "Due On", "not_a_date"),
        5: ("Services", "Surveilance", "Services", "unknown_choice"),
        7: ("Budget", "about 500", "Budget Money", "not_a_number"),
        11: ("Subject Last Name", "", "Subject Last Name", "required"),
        12: ("Budget Hours", "-4", "Budget Hours", "out_of_range"),
        16: ("DOB", "31.02.1980", "Subject Date of Birth", "not_a_date"),
    }
    for at, (column, value, _, _) in wrong.items():
        cells = list(rows[at])
        cells[ORDER.index(column)] = value
        rows[at] = cells
    return rows, {at + 2: (column, code) for at, (_, _, column, code) in wrong.items()}


def later(rng: random.Random) -> Rows:
    """10 of the sound cases again, three of them with a new due date, and 5 new ones."""
    again = [list(row) for row in sound(random.Random(41))[:10]]
    for row in again[:3]:
        row[ORDER.index("Due Date")] = "2026-12-24"
    return [*again, *(order(rng, 200 + number) for number in range(5))]


def weekly(rng: random.Random) -> Rows:
    """25 surveillance orders in the client's own words: client and case type stand in no column."""
    rows: Rows = []
    for number in range(25):
        first, last, born = person(rng)
        day = FIRST_DAY + timedelta(days=number % 5)
        due = f"{day + timedelta(days=10):%m/%d/%Y}"
        told = (f"NW{77000 + number}", f"{rng.choice(FIRST)} {rng.choice(LAST)}", f"{day:%m/%d/%Y}", due, first, last, born)
        rows.append(
            (*told, address(rng), address(rng, whole=False), rng.choice(("8", "16", "24")), "1500", rng.choice("YN"), rng.choice(NOTES))
        )
    return rows


def csv_bytes(header: Sequence[str], rows: Rows) -> bytes:
    """A file as a spreadsheet program saves it."""
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\r\n").writerows([header, *rows])
    return out.getvalue().encode()


def main(folder: Path) -> None:
    """Writes all files below `folder`."""
    bad, told = dirty(random.Random(42))
    made = {
        "1_first/Case_2026-11-02.csv": csv_bytes(ORDER, sound(random.Random(41))),
        "1_first/Case_2026-11-02_dirty.csv": csv_bytes(ORDER, bad),
        "2_later/Case_2026-11-09.csv": csv_bytes(ORDER, later(random.Random(43))),
        "desk/northwind_weekly.csv": csv_bytes(WEEKLY, weekly(random.Random(44))),
    }
    for name, content in made.items():
        path = folder / "cases" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    out = io.StringIO(newline="")
    expected = [("cases/1_first/Case_2026-11-02_dirty.csv", line, column, code) for line, (column, code) in sorted(told.items())]
    csv.writer(out, lineterminator="\n").writerows([("file", "line", "column", "code"), *expected])
    (folder / "expected_case_errors.csv").write_text(out.getvalue(), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
