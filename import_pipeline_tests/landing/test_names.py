"""Names: which wait, which are junk, which object type they tell, and how any name is kept (acceptance S-3, S-4).

Belongs here: pure functions on names and kinds. Does not belong here: files in folders (test_intake.py).
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from import_pipeline.landing import kinds, names
from import_pipeline.model.account import Account
from import_pipeline.model.base import fold_name
from import_pipeline.model.job import FileKind
from import_pipeline.model.row_error import FileFault

from .kit import account, object_type


def account_of(*types: str, mode: str = "flexible") -> Account:
    return account(object_types=tuple(object_type(name) for name in types), mode=mode)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Contact_spring.csv", "Contact"),
        ("contact_spring.CSV", "Contact"),
        ("CONTACT_spring", "Contact"),
        ("Contact.csv", "Contact"),
        ("Contact_", "Contact"),
        ("Contact_a_b.c.csv", "Contact"),
        ("Contact.ab12cd34.failed.csv", "Contact"),
        ("Sales Order_x.csv", "Sales Order"),
        ("Sales_Order_x.csv", "Sales Order"),
        ("SalesOrder_x.csv", "Sales Order"),
        ("sales_order.csv", "Sales Order"),
        ("Sales_x.csv", "Sales"),
        ("Sales_Ordering_x.csv", "Sales"),
        ("My_Type_x.csv", "My_Type"),
        ("My_Type_Long_x.csv", "My_Type_Long"),
        ("my type_x.csv", "My_Type"),
        ("Größe_x.csv", "Größe"),
    ],
)
def test_the_longest_configured_type_at_the_beginning_of_the_name_wins(name: str, expected: str) -> None:
    """acceptance S-3: type names may themselves hold `_`, case does not matter."""
    types = account_of("Contact", "Sales", "Sales Order", "My_Type", "My_Type_Long", "Größe")
    assert names.object_type_of(types, name) == expected


@pytest.mark.parametrize(
    ("name", "near"),
    [("Contcat_x.csv", "Contact"), ("Contacts_x.csv", "Contact"), ("ContactList_x.csv", "Contact"), ("zzz9.csv", None), ("_x.csv", None)],
)
def test_an_unknown_type_names_the_known_ones_and_the_nearest(name: str, near: str | None) -> None:
    """acceptance S-3: never guessed, but told."""
    fault = names.object_type_of(account_of("Contact", "Account"), name)
    assert isinstance(fault, FileFault)
    assert (fault.code, fault.suggestion) == ("unknown_object_type", near)
    assert "Known: Account, Contact." in fault.message


@given(st.text(min_size=0, max_size=80))
def test_a_classic_accounts_file_is_a_lead_whatever_its_name(name: str) -> None:
    """acceptance S-4."""
    assert names.object_type_of(account_of("Lead", mode="classic"), name) == "Lead"


TYPE = st.text(st.characters(categories=("L", "N"), include_characters="_ "), min_size=1, max_size=12).filter(
    lambda text: any(c.isalnum() for c in text) and text[-1] not in " _" and text[0] not in " _"
)


@given(st.lists(TYPE, min_size=1, max_size=5, unique_by=lambda t: t.casefold()), st.data())
def test_a_name_made_of_a_type_tells_that_type_or_a_longer_one(known: list[str], data: st.DataObject) -> None:
    """The longest wins: no configured type may be shadowed by a shorter one."""
    chosen = data.draw(st.sampled_from(known))
    rest = data.draw(st.text(max_size=20))
    found = names._same_type(chosen, known)
    told = names.object_type_of(_loose(known), f"{chosen}_{rest}.csv")
    assert isinstance(told, str) and found is not None
    assert len(fold_name(told)) >= len(fold_name(chosen))


def _loose(known: list[str]) -> Account:
    # Without the check for distinct slugs: two names of no ASCII letters have the same empty slug.
    return Account.model_construct(name="acme", mode="flexible", object_types=tuple(object_type(name) for name in known))


@given(st.text(max_size=120))
def test_any_name_gives_a_known_type_or_a_fault_and_never_raises(name: str) -> None:
    """Bad data never raises."""
    told = names.object_type_of(account_of("Contact", "Account"), name)
    assert told in ("Contact", "Account") or isinstance(told, FileFault)


@given(st.binary(max_size=300))
def test_any_bytes_are_kept_as_plain_text_and_come_back(raw: bytes) -> None:
    """The ledger's path column holds ASCII; PostgreSQL takes neither NUL nor lone surrogates."""
    packed = names.pack(raw)
    assert names.unpack(packed) == raw
    assert packed.isascii() and packed.isprintable()


@given(st.binary(max_size=100))
def test_a_displayed_name_is_printable_text(raw: bytes) -> None:
    """An escape sequence in a name must not reach a terminal or a mail."""
    shown = names.display(raw)
    shown.encode()
    assert not any(ord(c) < 32 or ord(c) == 127 for c in shown)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=300), st.sampled_from([b".csv", b".ab12cd34.csv", b".x.2.jsonl"]))
def test_a_fitted_name_has_at_most_255_bytes_and_ends_at_a_character(stem: str, tail: bytes) -> None:
    """A name cut inside a character would no longer be UTF-8."""
    fitted = names.fitting(stem.encode(), tail)
    assert len(fitted) <= 255 and fitted.endswith(tail)
    kept = fitted[: -len(tail)].decode()
    assert stem.startswith(kept)
    assert kept == stem or len(fitted) > 255 - 4


ENDINGS = ("filepart", "part", "partial", "tmp", "temp", "swp", "crdownload", "download", "writing", "lftp", "uploading", "upload")


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_name_under_which_programs_upload_waits(ending: str) -> None:
    """reference/readers/README.md «Landing folders»."""
    assert names.standing(f"Contact_a.csv.{ending}") == "wait"
    assert names.standing(f"Contact_a.csv.{ending.upper()}") == "wait"
    assert names.standing(".in.Contact_a.csv.") == "wait"


@pytest.mark.parametrize(
    "name", [".hidden", "~$Contact.xlsx", "Contact.csv~", ".DS_Store", "Thumbs.db", "desktop.ini", "__MACOSX", ".~lock.Contact.csv#"]
)
def test_what_systems_leave_behind_is_ignored(name: str) -> None:
    """reference/readers/README.md «Landing folders»."""
    assert names.standing(name) == "ignore"


@pytest.mark.parametrize("name", ["Contact_a.csv", "Contact_tmp.csv", "part.csv", "tmp", "Contact a~b.csv"])
def test_an_ordinary_name_is_taken(name: str) -> None:
    """Nothing that a person may have meant is ignored."""
    assert names.standing(name) == "take"


XLSX = ["[Content_Types].xml", "_rels/.rels", "xl/workbook.xml"]


@pytest.mark.parametrize(
    ("name", "head", "members", "kind", "refused"),
    [
        ("a.csv", b"Title\n", [], "csv", False),
        ("a.CSV", b"", [], "csv", False),
        ("a.txt", b"Title\tName\n", [], "csv", False),
        ("a.tsv", b"Title\tName\n", [], "csv", False),
        ("a.txt", b'{"Title": 1}\n', [], "jsonl", False),
        ("a.jsonl", b'{"Title": 1}\n', [], "jsonl", False),
        ("a.ndjson", b'{"Title": 1}\n', [], "jsonl", False),
        ("a.json-lines", b'{"Title": 1}\n', [], "jsonl", False),
        ("a.json", b'{"Title": 1}\n', [], "jsonl", False),
        ("a.json", b'[{"Title": 1}]', [], "other", True),
        ("a", b"Title\n", [], "csv", False),
        ("a", b"", [], "other", True),
        ("a.xlsx", b"PK\x03\x04....", XLSX, "xlsx", False),
        ("a.csv", b"PK\x03\x04....", XLSX, "xlsx", False),
        ("a.zip", b"PK\x03\x04....", ["Contact.csv"], "zip", False),
        ("a.docx", b"PK\x03\x04....", ["[Content_Types].xml", "word/document.xml"], "other", True),
        ("a.kmz", b"PK\x03\x04....", ["doc.kml"], "kml", False),
        ("a.kml", b"<?xml version='1.0'?><kml/>", [], "kml", False),
        ("a.xml", b"<?xml version='1.0'?><kml xmlns='x'/>", [], "kml", False),
        ("a.xml", b"<?xml version='1.0'?><rows/>", [], "other", True),
        ("a.csv", b"<html><body>Please log in", [], "other", True),
        ("a.csv", b"\xef\xbb\xbfTitle\n", [], "csv", False),
        ("a.csv", b"\xff\xfeT\x00i\x00", [], "csv", False),
        ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1", [], "other", True),
        ("a.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1", [], "other", True),
        ("a.csv.gz", b"\x1f\x8b\x08", [], "other", True),
        ("a.pdf", b"%PDF-1.7", [], "other", True),
        ("a.exe", b"MZ\x90\x00", [], "other", True),
        ("a.docm", b"whatever", [], "other", True),
    ],
)
def test_the_kind_is_told_by_the_first_bytes_before_the_extension(
    name: str, head: bytes, members: list[str], kind: str, refused: bool
) -> None:
    """A workbook saved as .csv is a workbook; a log-in page saved as .csv is no data."""
    found = kinds.kind_of(name, head, members)
    assert (found.kind, found.fault is not None) == (kind, refused)
    if found.fault is not None:
        assert found.fault.code == "unsupported_kind" and found.fault.expected


@given(st.text(max_size=30), st.binary(max_size=60))
def test_any_head_gives_a_kind_and_never_raises(name: str, head: bytes) -> None:
    """Bad data never raises; what is never parsed has a fault, but for an archive, which is opened first."""
    found = kinds.kind_of(name, head)
    assert found.kind in ("csv", "jsonl", "xlsx", "kml", "zip") or found.fault is not None


@pytest.mark.parametrize(
    ("kind", "mailbox", "territories", "refused"),
    [
        ("kml", True, True, False),
        ("kml", False, True, False),
        ("kml", True, False, True),
        ("kml", False, False, True),
        ("csv", True, True, True),
        ("csv", False, True, False),
        ("zip", True, True, False),
    ],
)
def test_shapes_are_taken_where_an_account_has_territories_and_rows_never_in_their_folder(
    kind: FileKind, mailbox: bool, territories: bool, refused: bool
) -> None:
    """Acceptance S-14: KML is told by what it is, whichever folder it lies in; the answer says what to do."""
    found = kinds.taken_here("1_a.kml", kinds.Kind(kind), mailbox=mailbox, territories=territories)
    assert (found.kind, found.fault is not None) == (kind, refused)
    assert found.fault is None or (found.fault.code == "unsupported_kind" and found.fault.expected)
