"""Seeded files with a known truth: which rows are bad and how, which change, whose child a contact is.

Belongs here: making files and telling what an import of them must count and report. Does not belong here: running an import.
The same arguments give the same bytes. Rows are made a block at a time by column expressions, so that 5 million take a minute.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, cast

import numpy as np
import polars as pl

Kind = Literal["accounts", "changed", "clean", "contacts"]
"""`changed` is `accounts` with other values in every tenth row, `clean` is `accounts` without bad rows."""
SEED = 20261121
BLOCK = 250_000
ACCOUNT_BAD: tuple[tuple[str, str | None, str], ...] = (
    ("field_count", None, ""),
    ("not_a_number", "Employees", "about twelve"),
    ("unknown_stage", "Stage", "Prospct"),
    ("not_a_date", "Customer Since", "2021-02-30"),
    ("not_an_email", "Email", "info(at)company.example"),
    ("unknown_owner", "Owner Email", "nobody@sales.example"),
    ("too_many_decimals", "Annual Revenue", "1234.567"),
    ("quote_unclosed", "Name", '"Company without end'),
)
"""The eight kinds of bad row: the error's code, its column, and what stands there."""
CONTACT_BAD = (
    ("field_count", None, ""),
    ("not_an_email", "Email", "ana(at)company.example"),
    ("not_a_date", "Birthday", "1980-13-01"),
    ("not_a_boolean", "Decision Maker", "maybe"),
)
_WHOLE_ROW = ("field_count", "quote_unclosed")
"""Errors that are of the row and not of a column."""
BAD_EVERY = 100
"""One row of so many is bad; never the first or last of its hundred, so that two bad rows are never neighbours."""
CHANGE_EVERY = 10
ACCOUNT_COLUMNS = (
    "ExternalDataObjectId", "Name", "Email", "Phone", "Stage", "Owner Email", "Street", "City", "Zip", "State", "Industry", "Employees",
    "Annual Revenue", "Customer Since", "Next Visit", "Notes",
)  # fmt: skip
CONTACT_COLUMNS = ("ExternalDataObjectId", "RelatedTo", "Name", "Email", "Phone", "Job Title", "Birthday", "Decision Maker")

_STAGES = ("Prospect", "Qualified", "Proposal Sent", "Customer", "Lost", "Do Not Contact")
_OWNERS = (
    "ana", "ben", "chloe", "daniel", "emma", "farid", "grace", "hugo", "ines", "jonas", "kira", "liam", "mona", "nils", "olga", "paul",
    "quinn", "rosa", "sven", "tara",
)  # fmt: skip
_STREETS = ("Main Street", "Washington Avenue", "Oak Boulevard", "Mill Road", "Sunset Drive", "Old County Highway")
_CITIES = ("Phoenix", "Los Angeles", "Denver", "Jacksonville", "Atlanta", "Albuquerque", "Las Vegas", "Portland", "El Paso", "Seattle")
_STATES = ("AZ", "CA", "CO", "FL", "GA", "NM", "NV", "NY", "OR", "TX", "UT", "WA")
_INDUSTRIES = ("Roofing", "Solar", "HVAC", "Retail", "Restaurant", "Office", "Medical", "Education")
_TRADES = ("Builders", "Engineering", "Logistics", "Partners", "Services", "Supplies")
_NOTES = (
    "Asked for an offer and a call before it",
    '"Two buildings, one roof; ask the manager"',
    "Wants three offers to compare and calls us then",
    '"Said: ""call me in spring"", and means it"',
)
_TITLES = ("Owner", "Office Manager", "Facility Manager", "Purchasing", "Chief Engineer")


@dataclass(frozen=True)
class Truth:
    """What importing a file must give. `refused` are its bad rows."""

    rows: int
    refused: int
    good: int
    changed: int = 0
    """Of the good rows, how many differ from those of `accounts`."""


def bad_rows(rows: int, kinds: int, *, seed: int = SEED) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers (from 0) that are bad, and the number of each one's kind."""
    hundreds = np.arange(rows // BAD_EVERY)
    places = np.random.default_rng([seed, 0]).integers(1, BAD_EVERY - 1, size=hundreds.size)
    return hundreds * BAD_EVERY + places, hundreds % kinds


def errors_of(kind: Kind, rows: int, *, seed: int = SEED) -> set[tuple[int, str, str]]:
    """(line, code, column) of every error that an import of the file must report; the header is line 1."""
    if kind == "clean":
        return set()
    table = CONTACT_BAD if kind == "contacts" else ACCOUNT_BAD
    numbers, kinds = bad_rows(rows, len(table), seed=seed)
    named = [(code, "" if code in _WHOLE_ROW else column or "") for code, column, _ in table]
    return {(n + 2, *named[k]) for n, k in zip(numbers.tolist(), kinds.tolist(), strict=True)}


def truth_of(kind: Kind, rows: int, *, seed: int = SEED) -> Truth:
    """What importing the file must count."""
    bad = np.array([], dtype=np.int64) if kind == "clean" else bad_rows(rows, 8, seed=seed)[0]
    changed = np.setdiff1d(np.arange(0, rows, CHANGE_EVERY), bad).size if kind == "changed" else 0
    return Truth(rows, int(bad.size), rows - int(bad.size), int(changed))


def write_file(kind: Kind, rows: int, path: Path, *, seed: int = SEED) -> None:
    """Writes the CSV file (UTF-8, line feeds, one header row). Contacts name good accounts among as many `accounts` rows."""
    columns = CONTACT_COLUMNS if kind == "contacts" else ACCOUNT_COLUMNS
    temporary = path.with_name(f".{path.name}.writing")
    with temporary.open("wb") as file:
        file.write(",".join(columns).encode() + b"\n")
        for block in _blocks(kind, rows, seed):
            block.write_csv(file, include_header=False, quote_style="never")
    temporary.replace(path)


def write_small_files(count: int, folder: Path, *, rows: int = 5) -> list[Path]:
    """`count` files of a few good rows each, no two with the same content."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = pl.concat([_lines(_accounts(0, count * rows, SEED, changed=False))]).to_series().to_list()
    header = ",".join(ACCOUNT_COLUMNS)
    paths = []
    for number in range(count):
        path = folder / f"Account_{number:05d}.csv"
        path.write_text("\n".join([header, *lines[number * rows : (number + 1) * rows], ""]), encoding="utf-8")
        paths.append(path)
    return paths


def _blocks(kind: Kind, rows: int, seed: int) -> Iterator[pl.DataFrame]:
    """The file's lines, a block at a time, as frames of one column."""
    table = CONTACT_BAD if kind == "contacts" else ACCOUNT_BAD
    numbers, kinds = bad_rows(rows, len(table), seed=seed) if kind != "clean" else (np.array([], dtype=np.int64),) * 2
    for first in range(0, rows, BLOCK):
        size = min(BLOCK, rows - first)
        inside = (numbers >= first) & (numbers < first + size)
        cells = _contacts(first, size, rows, seed) if kind == "contacts" else _accounts(first, size, seed, changed=kind == "changed")
        yield _lines(cells, table, numbers[inside] - first, kinds[inside])


def _lines(
    cells: pl.DataFrame,
    table: Sequence[tuple[str, str | None, str]] = (),
    numbers: np.ndarray | None = None,
    kinds: np.ndarray | None = None,
) -> pl.DataFrame:
    """The cells joined to lines, with the bad ones put in. A row with a wrong field count has one cell more; one with an open quote
    has no other quotes, so that there is one way to read it."""
    bad = np.full(cells.height, -1)
    if numbers is not None:
        bad[numbers] = kinds
    cells = cells.with_columns(pl.Series("_bad", bad))
    for number, (code, column, value) in enumerate(table):
        if column:
            put = {column: value} | ({"Notes": _NOTES[0]} if code == "quote_unclosed" else {})
            cells = cells.with_columns(
                pl.when(pl.col("_bad") == number).then(pl.lit(v)).otherwise(pl.col(k)).alias(k) for k, v in put.items()
            )
    extra = [number for number, (_, column, _) in enumerate(table) if column is None]
    line = pl.concat_str(pl.exclude("_bad"), separator=",")
    return cells.select(pl.when(pl.col("_bad").is_in(extra)).then(line + ",and more").otherwise(line).alias("line"))


def _pick(rng: np.random.Generator, size: int, values: Sequence[str]) -> pl.Series:
    return pl.Series(list(values))[rng.integers(0, len(values), size=size)]


def _accounts(first: int, size: int, seed: int, *, changed: bool) -> pl.DataFrame:
    rng = np.random.default_rng([seed, 1, first])
    n = pl.int_range(first, first + size, dtype=pl.Int64)
    trade, street, house = _pick(rng, size, _TRADES), _pick(rng, size, _STREETS), pl.Series(rng.integers(1, 9999, size=size))
    revenue = pl.Series(rng.integers(10_000_00, 90_000_000_00, size=size))
    since, visit = (pl.Series(rng.integers(0, days, size=size)) for days in (9000, 500_000))
    drawn = pl.DataFrame(
        {
            "trade": trade, "street": street, "house": house, "revenue": revenue, "since": since, "visit": visit,
            "phone": rng.integers(2_000_000, 9_999_999, size=size), "zip": rng.integers(10_000, 99_999, size=size),
            "Stage": _pick(rng, size, _STAGES), "owner": _pick(rng, size, _OWNERS), "City": _pick(rng, size, _CITIES),
            "State": _pick(rng, size, _STATES), "Industry": _pick(rng, size, _INDUSTRIES), "Employees": rng.integers(1, 5000, size=size),
            "Notes": _pick(rng, size, _NOTES),
        }
    )  # fmt: skip
    cents = pl.col("revenue") + (pl.when(n % CHANGE_EVERY == 0).then(100).otherwise(0) if changed else 0)
    day, moment = pl.datetime(2000, 1, 1), pl.datetime(2026, 1, 1)
    made = {
        "ExternalDataObjectId": pl.format("A{}", n.cast(pl.String).str.zfill(9)),
        "Name": pl.format("Company {} {}", n.cast(pl.String).str.zfill(9), pl.col("trade")),
        "Email": pl.format("info@company-{}.example.com", n.cast(pl.String).str.zfill(9)),
        "Phone": pl.format("+1 480 {}", pl.col("phone")),
        "Owner Email": pl.format("{}@sales.example", pl.col("owner")),
        "Street": pl.format("{} {}", pl.col("house"), pl.col("street")),
        "Zip": pl.col("zip").cast(pl.String),
        "Employees": pl.col("Employees").cast(pl.String),
        "Annual Revenue": pl.format("{}.{}", cents // 100, (cents % 100).cast(pl.String).str.zfill(2)),
        "Customer Since": (day + pl.duration(days=pl.col("since"))).dt.strftime("%Y-%m-%d"),
        "Next Visit": (moment + pl.duration(minutes=pl.col("visit"))).dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    return drawn.select((made.get(c, pl.col(c)).alias(c)) for c in ACCOUNT_COLUMNS)


def _contacts(first: int, size: int, accounts: int, seed: int) -> pl.DataFrame:
    rng = np.random.default_rng([seed, 2, first])
    parent = rng.integers(0, accounts - 1, size=size)
    # Bad rows are never neighbours and never the last: the next account is good.
    parent = parent + np.isin(parent, bad_rows(accounts, len(ACCOUNT_BAD), seed=seed)[0])
    n = pl.int_range(first, first + size, dtype=pl.Int64).cast(pl.String).str.zfill(9)
    drawn = pl.DataFrame(
        {
            "parent": parent, "first": _pick(rng, size, _OWNERS), "phone": rng.integers(2_000_000, 9_999_999, size=size),
            "Job Title": _pick(rng, size, _TITLES), "born": rng.integers(0, 20_000, size=size),
            "Decision Maker": _pick(rng, size, ("true", "false", "yes", "no")),
        }
    )  # fmt: skip
    made = {
        "ExternalDataObjectId": pl.format("C{}", n),
        "RelatedTo": pl.format("A{}", pl.col("parent").cast(pl.String).str.zfill(9)),
        "Name": pl.format("{} Contact {}", pl.col("first").str.to_titlecase(), n),
        "Email": pl.format("{}.{}@company.example.com", pl.col("first"), n),
        "Phone": pl.format("+1 480 {}", pl.col("phone")),
        "Birthday": (pl.datetime(1945, 1, 1) + pl.duration(days=pl.col("born"))).dt.strftime("%Y-%m-%d"),
    }
    return drawn.select((made.get(c, pl.col(c)).alias(c)) for c in CONTACT_COLUMNS)


def main(arguments: Sequence[str]) -> None:
    """`python -m benchmarks.files KIND ROWS PATH` writes a file and prints its truth, `… small COUNT FOLDER` writes the small files,
    `… errors ROWS KIND` prints the errors that an import must report.

    In a process of its own: the memory that it takes would otherwise be counted as that of the processes measured later.
    """
    task, rows, last = arguments[0], int(arguments[1]), arguments[2]
    if task == "small":
        write_small_files(rows, Path(last))
    elif task == "errors":
        print(json.dumps(sorted(errors_of(cast(Kind, last), rows))))
    else:
        write_file(cast(Kind, task), rows, Path(last))
        print(json.dumps(asdict(truth_of(cast(Kind, task), rows))))


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
