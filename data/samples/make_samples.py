"""Makes the sample files, byte for byte the same every time: `.venv/bin/python data/samples/make_samples.py [FOLDER]`.

Belongs here: which files there are, their formats, and what is wrong in the dirty ones. Does not belong here: what a row says
(invented.py).

The files are committed; a test runs this script and compares the bytes. What an importer must find in the dirty files is written to
`expected_errors.csv` beside them: file, line, column (empty for the row as a whole) and code of every row error.
"""

import csv
import io
import json
import random
import sys
import zipfile
from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path

import xlsxwriter
from invented import Row, company, household, person, sale

MOMENT = (2026, 11, 1, 6, 0, 0)
"""The time stamp inside archives and workbooks; the time of the run would make each run's bytes differ."""
Finding = tuple[int, str, str]
"""Line, column and code of a row error."""


def csv_text(rows: Sequence[Row], *, columns: Sequence[str] | None = None, delimiter: str = ",", line_end: str = "\r\n") -> str:
    """Rows as CSV with a header, quoted where needed."""
    out = io.StringIO()
    writer = csv.DictWriter(out, columns or list(rows[0]), delimiter=delimiter, lineterminator=line_end, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def jsonl_text(rows: Sequence[Row]) -> str:
    """Rows as one JSON object a line, without the blank values."""
    return "".join(json.dumps({k: v for k, v in row.items() if v}, ensure_ascii=False) + "\n" for row in rows)


def archive(members: dict[str, bytes]) -> bytes:
    """A ZIP whose bytes depend on its members only: stored, since compressed bytes differ between versions of zlib."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as target:
        for name, content in members.items():
            info = zipfile.ZipInfo(name, MOMENT)
            info.external_attr = 0o644 << 16
            info.create_system = 3
            target.writestr(info, content)
    return out.getvalue()


def workbook(rows: Sequence[Row], dates: tuple[str, ...], numbers: tuple[str, ...]) -> bytes:
    """Rows as the first sheet of an XLSX file, with real dates and numbers as a spreadsheet keeps them."""
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    book.set_properties({"created": datetime(*MOMENT)})
    sheet = book.add_worksheet("Opportunities")
    day_format = book.add_format({"num_format": "yyyy-mm-dd"})
    for column, name in enumerate(rows[0]):
        sheet.write_string(0, column, name)
        for line, row in enumerate(rows, start=1):
            if row[name] and name in dates:
                sheet.write_datetime(line, column, datetime.combine(date.fromisoformat(row[name]), datetime.min.time()), day_format)
            elif row[name] and name in numbers:
                sheet.write_number(line, column, float(row[name]))
            elif row[name]:
                sheet.write_string(line, column, row[name])
    book.close()
    with zipfile.ZipFile(out) as made:
        return archive({name: made.read(name) for name in made.namelist()})


Change = Callable[[str], str]
"""A row's line as it should be to the line as it is sent."""


def dirty(
    rows: Sequence[Row], values: Sequence[Sequence[tuple[str, str, str]]], lines: Sequence[tuple[Change, str]]
) -> tuple[str, list[Finding]]:
    """CSV in which each second row is damaged, and what is wrong in it.

    `values` are for one row each: (column, bad value, code). `lines` are for one row each: a change of the whole line, and the code.
    """
    rest = iter(rows)
    header, *_ = csv_text(rows).split("\r\n")
    sent, findings = [header], []

    def send(row: Row, change: Change | None = None) -> None:
        line = csv_text([row]).split("\r\n")[1]
        sent.append(change(line) if change else line)

    for damage in values:
        send(next(rest))
        row = next(rest) | {column: bad for column, bad, _ in damage}
        findings += [(len(sent) + 1, column, code) for column, _, code in damage]
        send(row)
    for change, code in lines:
        send(next(rest))
        findings.append((len(sent) + 1, "", code))
        send(next(rest), change)
    for row in rest:
        send(row)
    return "\r\n".join(sent) + "\r\n", findings


ACCOUNT_DAMAGE: tuple[tuple[tuple[str, str, str], ...], ...] = (
    (("Stage", "Prospct", "unknown_stage"),),
    (("Employees", "about 40", "not_a_number"),),
    (("Customer Since", "2024-02-30", "not_a_date"),),
    (("Email", "info(at)keller.example", "not_an_email"),),
    (("Owner Email", "ana.sliva@acme.example", "unknown_owner"),),
    (("Name", "", "required"),),
    (("Industry", "Restaurnt", "unknown_choice"),),
    (("Services", "Solar;Rooff", "unknown_choice"),),
    (("Annual Revenue", "1250000.555", "too_many_decimals"),),
    (("Employees", "-5", "out_of_range"),),
    (("Next Visit", "tomorrow morning", "not_a_datetime"),),
    (("Phone", "call the office", "not_a_phone"),),
    (("Stage", "Lost", ""), ("Loss Reason", "Prise", "unknown_loss_reason")),
    (("Preferred Partner", "maybe", "not_a_boolean"),),
    (("Unit", "second floor, the door behind the stairs that nobody uses", "too_long"),),
    (("Stage", "Prospct", "unknown_stage"),),
    (("Stage", "Qualifed", "unknown_stage"), ("Employees", "12.5", "too_many_decimals"), ("Email", "nobody", "not_an_email")),
)
LEAD_DAMAGE: tuple[tuple[tuple[str, str, str], ...], ...] = (
    (("Stage", "Apointment Set", "unknown_stage"),),
    (("Roof Age", "old", "not_a_number"),),
    (("Monthly Bill", "1,2,3", "not_a_number"),),
    (("Owner Email", "grace.miller@acme.exmple", "unknown_owner"),),
    (("First Name", "", "required"),),
    (("Best Time", "Mornings", "unknown_choice"),),
)


def bad_lines(header: str) -> tuple[tuple[Change, str], ...]:
    """Rows whose line as a whole is damaged."""
    return (
        (lambda line: line.rsplit(",", 3)[0], "field_count"),
        (lambda line: line + ",,", "field_count"),
        (lambda line: line.replace(",PIN", ',"PIN', 1), "quote_unclosed"),
        (lambda line: header, "header_repeated"),
    )


def field_sales() -> tuple[dict[str, bytes], list[Finding]]:
    """The files of the account field_sales, and what is wrong in its dirty one."""
    rng = random.Random(20261101)
    accounts = [company(rng, n) for n in range(1, 201)]
    later = [company(rng, n, "B") for n in range(1, 41)]
    zipped = [company(rng, n, "Z") for n in range(1, 13)]
    clean = csv_text(accounts).encode()
    plain = [_without_commas(company(rng, n, "D")) | {"Notes": "", "Unit": ""} for n in range(1, 61)]
    text, findings = dirty(plain, ACCOUNT_DAMAGE, bad_lines(csv_text(plain).split("\r\n")[0]))
    contacts = [person(rng, n, later[n % len(later)]) for n in range(1, 61)]
    web = [person(rng, n, accounts[n * 3 % len(accounts)], "W") for n in range(1, 26)]
    pair = [person(rng, n, zipped[n % len(zipped)], "Z") for n in range(1, 19)]
    sales = [sale(rng, n, accounts[n * 5 % len(accounts)]) for n in range(1, 41)]
    changes = [_change(rng, row) for row in accounts[:60]]
    book = workbook(sales, ("Close Date",), ("Amount", "Probability"))
    members = {"Account_partner.csv": csv_text(zipped).encode(), "Contact_partner.csv": csv_text(pair).encode()}
    files = {
        "1_first/Account_2026-11-01.csv": clean,
        "1_first/Account_2026-11-01_dirty.csv": text.encode(),
        "1_first/Account_customer_file.csv": legacy([company(rng, n, "S") for n in range(1, 31)]).encode("cp1252"),
        "1_first/Contact_2026-11-01.csv": csv_text(contacts, line_end="\n").encode("utf-8-sig"),
        "1_first/Contact_web_2026-11-01.jsonl": jsonl_text(web).encode(),
        "1_first/Opportunity_2026-11-01.xlsx": book,
        "1_first/partner_2026-11-01.zip": archive(members),
        "2_later/Account_2026-11-01_again.csv": clean,
        "2_later/Account_2026-11-02.csv": csv_text(later).encode(),
        "2_later/Account_2026-11-02_update.csv": csv_text(changes, line_end="\n").encode(),
    }
    return files, findings


def _without_commas(row: Row) -> Row:
    """No cell needs quotes, so that a quote which opens and never closes runs to the end of the file."""
    return {column: value.replace(",", "") for column, value in row.items()}


def _change(rng: random.Random, row: Row) -> Row:
    """An update: the external id, two custom fields (some blank), and a column that no update may change."""
    employees = "" if rng.random() < 0.25 else str(int(row["Employees"]) + rng.randrange(3))
    services = row["Services"] or rng.choice(("Solar", "Roof", ""))
    return {"ExternalDataObjectId": row["ExternalDataObjectId"], "Employees": employees, "Services": services, "Last Visit Result": "Home"}


def legacy(rows: Sequence[Row]) -> str:
    """The header style of a real sender (systems.md 1.1): `Field X`, `{TYPE} OWNER EMAIL`, system columns present and empty.

    Semicolons, US dates, and Windows-1252 once it is encoded.
    """
    sent = [
        {
            "ID": "",
            "External Account Id": row["ExternalDataObjectId"],
            "Address (house # & street name)": "",
            "House #": row["House Number"],
            "Street": row["Street"],
            "City": row["City"],
            "ZIP": row["Zip"],
            "State": row["State"],
            "Country": row["Country"],
            "Longitude": row["Lng"],
            "Latitude": row["Lat"],
            "Creation date": "",
            "ACCOUNT OWNER EMAIL": row["Owner Email"],
            "Last Visit Result": "",
            "Last Visit Date": "",
            "Visit Count": "",
            "Field Company": row["Name"],
            "Field Customer ID": row["Customer ID"],
            "Field Unit": "",
            "Field Late A/R 0-30": f"{len(row['Name']) * 10}.50",
            "Field Customer Since": _us_date(row["Customer Since"]),
            "Field Preferred Partner": row["Preferred Partner"],
            "Stage": row["Stage"],
            "Field Account Market": row["Account Market"],
        }
        for row in rows
    ]
    return csv_text(sent, delimiter=";")


def _us_date(iso: str) -> str:
    return f"{iso[5:7]}/{iso[8:]}/{iso[:4]}" if iso else ""


def door_to_door() -> tuple[dict[str, bytes], list[Finding]]:
    """The files of the account door_to_door, and what is wrong in its dirty one."""
    rng = random.Random(20261102)
    leads = [household(rng, n) for n in range(1, 151)]
    plain = [household(rng, n) | {"Notes": ""} for n in range(501, 541)]
    text, findings = dirty(plain, LEAD_DAMAGE, bad_lines(csv_text(plain).split("\r\n")[0])[:2])
    updates = [_visit(rng, row) for row in leads[:50]]
    files = {
        "1_first/leads_2026-11-01.csv": csv_text(leads).encode(),
        "1_first/leads_2026-11-01_dirty.csv": text.encode(),
        "2_later/leads_2026-11-02_update.csv": csv_text(updates).encode(),
    }
    return files, findings


def _visit(rng: random.Random, row: Row) -> Row:
    """What a canvasser sends in the evening: the external id and what changed, all else blank."""
    changes = {
        "Stage": rng.choice(("Follow Up", "Appointment Set", "Sold")),
        "Owner Email": row["Owner Email"],
        "Roof Age": str(int(row["Roof Age"]) + 1),
        "Monthly Bill": f"{float(row['Monthly Bill']) + 12.5:.2f}",
        "Best Time": rng.choice(("Morning", "Evening", "Weekend")),
    }
    return {"ExternalLeadId": row["ExternalLeadId"]} | {k: v if rng.random() < 0.3 else "" for k, v in changes.items()}


def make(target: Path) -> None:
    """Writes all sample files and expected_errors.csv below `target`."""
    expected: list[Row] = []
    for account, (files, findings) in (("field_sales", field_sales()), ("door_to_door", door_to_door())):
        for name, content in files.items():
            path = target / account / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        bad = next(name for name in files if name.endswith("_dirty.csv"))
        expected += [{"file": f"{account}/{bad}", "line": str(n), "column": c, "code": code} for n, c, code in findings if code]
    (target / "expected_errors.csv").write_text(csv_text(expected, line_end="\n"))


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent)
