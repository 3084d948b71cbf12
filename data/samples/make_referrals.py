"""Makes the sample files of the account `referrals`, byte for byte the same every time: `python data/samples/make_referrals.py [FOLDER]`.

Belongs here: users, events, rewards, deletions and redemptions, and what is wrong in them. Does not belong here: names of people
(invented.py), the samples of other accounts.

What an importer must find is written to `expected_referral_errors.csv`: file, line, column (empty for the row as a whole) and code.
"""

import csv
import io
import json
import random
import sys
from collections.abc import Sequence
from pathlib import Path

from invented import FIRST, LAST

Cells = dict[str, str]
Finding = tuple[int, str, str]
GIVEN = 1_790_000_000_000
"""The first dateGiven, in milliseconds."""
DAY = 86_400_000
PROGRAMS = ("spring-2026", "vip")
REPORT = (
    "firstName", "lastName", "email", "dateBlocked", "unitName", "currency", "availableValue", "valueToRedeem",
    "totalRedeemedValue", "userId", "accountId", "unit", "segments",
)  # fmt: skip
"""The columns of the exported report of balances (acceptance A-7)."""


def csv_text(rows: Sequence[Cells], columns: Sequence[str]) -> str:
    """Rows as CSV; what a row does not have is blank."""
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, restval="", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def user(rng: random.Random, number: int) -> Cells:
    """One user; ten share an account, every tenth is alone."""
    first, last = rng.choice(FIRST), rng.choice(LAST)
    account = f"team-{number // 10:02d}" if number % 10 else f"single-{number:03d}"
    code = f"{first[:3].upper()}{number:04d}"
    return {
        "accountId": account,
        "id": f"u-{number:04d}",
        "firstName": first,
        "lastName": last,
        "email": f"u{number:04d}@members.example",
        "referable": rng.choice(("true", "false")),
        "locale": rng.choice(("en_US", "fr_CA", "de_DE", "")),
        "countryCode": rng.choice(("US", "CA", "DE", "")),
        "referredBy.code": f"FRIEND{number % 7}" if number % 3 == 0 else "",
        f"referralCodes.{PROGRAMS[0]}": code,
        f"sharelinks.{PROGRAMS[0]}": f"https://share.example/{code}",
        "customFields.province": rng.choice(("BC", "ON", "QC", "")),
        "customFields.tier": rng.choice(("gold", "silver", "")),
    }


def nested(cells: Cells) -> dict[str, object]:
    """The row as the interface's JSON has it: dotted names nested, blanks left out, share links under their other spelling."""
    found: dict[str, object] = {}
    for name, text in cells.items():
        outer, dot, inner = name.partition(".")
        if text and dot:
            holder = found.setdefault("shareLinks" if outer == "sharelinks" else outer, {})
            assert isinstance(holder, dict)
            holder[inner] = text
        elif text:
            found[name] = text == "true" if text in ("true", "false") else text
    return found


def jsonl(rows: Sequence[dict[str, object]]) -> str:
    """One object a line."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def events(rng: random.Random, users: Sequence[Cells]) -> tuple[list[dict[str, object]], list[Finding]]:
    """Purchases with a key each; some keys come twice, and four rows are refused."""
    rows: list[dict[str, object]] = []
    for number in range(80):
        who = users[rng.randrange(len(users))]
        fields = {"order": f"O-{number:05d}", "total": f"{rng.randrange(500, 90_000) / 100:.2f}"}
        event = {"key": "purchase", "dateTriggered": GIVEN + number * 3_600_000, "fields": fields}
        rows.append({"accountId": who["accountId"], "userId": who["id"], "event": event, "idempotencyKey": f"order-{number:05d}"})
    rows += [dict(rows[number]) for number in (3, 17, 42)]
    who = {"accountId": users[0]["accountId"], "userId": users[0]["id"]}
    rows += [
        {**who, "event": {"key": "purchase", "dateTriggered": "2026-11-01T10:00:00Z"}},
        {**who, "event": {"key": "purchase", "colour": "red"}},
        {"userId": users[0]["id"], "event": {"key": "purchase"}},
        {**who, "event": {"key": "purchase"}, "comment": "a key that may not be sent"},
    ]
    wrong = [
        (84, "event.dateTriggered", "not_a_number"),
        (85, "event.colour", "unknown_key"),
        (86, "accountId", "required"),
        (87, "comment", "unknown_key"),
    ]
    return rows, wrong


def rewards(rng: random.Random, users: Sequence[Cells]) -> list[Cells]:
    """Two rewards for each of the first forty users, in dollars or points; the second is not available for every fourth."""
    return [_reward(rng, who, number, turn) for number, who in enumerate(users[:40]) for turn in (1, 2)]


def _reward(rng: random.Random, who: Cells, number: int, turn: int) -> Cells:
    unit = "POINT" if number % 5 == 4 else "USD"
    return {
        "rewardId": f"r-{number:03d}-{turn}",
        "accountId": who["accountId"],
        "userId": who["id"],
        "unit": unit,
        "value": str(rng.randrange(10, 60)) if unit == "POINT" else f"{rng.randrange(1000, 6000) / 100:.2f}",
        "status": "PENDING" if turn == 2 and number % 4 == 3 else "AVAILABLE",
        "dateGiven": str(GIVEN + number * DAY + turn),
        "dateExpires": str(GIVEN + (400 - number * turn) * DAY) if turn == 1 else "",
        "programId": PROGRAMS[turn - 1],
    }


def redemptions(given: Sequence[Cells], users: Sequence[Cells]) -> tuple[list[Cells], list[Finding]]:
    """The report of balances: half of what each of thirty users has, with a third decimal; five rows are refused."""
    rows: list[Cells] = []
    for number, who in enumerate(users[:30]):
        own = [r for r in given if r["userId"] == who["id"] and r["status"] == "AVAILABLE"]
        total = sum(float(r["value"]) for r in own)
        rows.append(_balance(who, own[0]["unit"], total, f"{total / 2:.2f}7" if number % 3 else ""))
    rows += [
        _balance(users[1], "USD", 9999, "9999.00"),
        _balance(users[2], "USD", 1, "-1"),
        _balance(users[3], "EUR", 1, "1"),
        _balance({**users[5], "id": "u-9999"}, "USD", 1, "1"),
        _balance(users[6], "USD", 1, "ten"),
    ]
    wrong = [
        (32, "valueToRedeem", "not_enough"),
        (33, "valueToRedeem", "not_positive"),
        (34, "valueToRedeem", "nothing_available"),
        (35, "userKey", "parent_not_found"),
        (36, "valueToRedeem", "not_a_number"),
    ]
    return rows, wrong


def _balance(who: Cells, unit: str, available: float, asked: str) -> Cells:
    return {
        "firstName": who["firstName"],
        "lastName": who["lastName"],
        "email": who["email"],
        "availableValue": f"{available:.2f}",
        "valueToRedeem": asked,
        "totalRedeemedValue": "0",
        "userId": who["id"],
        "accountId": who["accountId"],
        "unit": unit,
    }


def make(folder: Path) -> None:
    """Writes both waves below `folder` and the expected errors into it."""
    rng = random.Random(20261101)
    users = [user(rng, number) for number in range(150)]
    columns = list(users[0])
    tabled, sent = users[:120], users[120:]
    dirty = [
        {"accountId": "", "id": "u-0900", "firstName": "Nobody"},
        {"accountId": "team-90", "id": "", "firstName": "Nobody"},
        {"accountId": "team-90", "id": "u-0902", "email": "not an address"},
        {"accountId": "team-90", "id": "u-0903", "locale": "english"},
    ]
    found = {"1_first/users_2026-11-01.csv": [(122, "accountId", "required"), (123, "id", "required"), (124, "email", "not_an_email")]}
    found["1_first/users_2026-11-01.csv"].append((125, "locale", "wrong_pattern"))
    sent_events, found["1_first/userEvents_2026-11-01.jsonl"] = events(rng, users)
    given = rewards(rng, users)
    asked, found["2_later/redeemableRewardBalances_2026-11-02.csv"] = redemptions(given, users)
    gone = [{"accountId": users[n]["accountId"], "id": users[n]["id"]} for n in (60, 70, 80, 81, 82)]
    gone[0]["doNotTrack"] = gone[1]["preserveEmptyAccount"] = "true"
    gone.append({"accountId": "team-99", "id": "u-9999"})
    found["2_later/deleteUsers_2026-11-02.csv"] = [(7, "id", "no_such_record")]
    back = [{"accountId": users[n]["accountId"], "id": users[n]["id"], "firstName": "Back"} for n in (60, 81)]
    updates = [{"accountId": u["accountId"], "id": u["id"], "customFields.tier": "platinum"} for u in users[1:11]]
    found["2_later/users_2026-11-02_update.csv"] = [(2, "id", "do_not_track")]
    files = {
        "1_first/users_2026-11-01.csv": csv_text([*tabled, *dirty], columns),
        "1_first/users_web_2026-11-01.jsonl": jsonl([nested(u) for u in sent]),
        "1_first/userEvents_2026-11-01.jsonl": jsonl(sent_events),
        "1_first/rewards_2026-11-01.csv": csv_text(given, list(given[0])),
        "2_later/deleteUsers_2026-11-02.csv": csv_text(gone, ("accountId", "id", "doNotTrack", "preserveEmptyAccount")),
        "2_later/redeemableRewardBalances_2026-11-02.csv": csv_text(asked, REPORT),
        "2_later/userEvents_2026-11-02_again.jsonl": jsonl(sent_events[:20]),
        "2_later/users_2026-11-02_update.csv": csv_text([*back, *updates], ("accountId", "id", "firstName", "customFields.tier")),
    }
    for name, text in files.items():
        target = folder / "referrals" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text.encode())
    with (folder / "expected_referral_errors.csv").open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(("file", "line", "column", "code"))
        writer.writerows((f"referrals/{name}", *finding) for name, findings in sorted(found.items()) for finding in findings)


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
