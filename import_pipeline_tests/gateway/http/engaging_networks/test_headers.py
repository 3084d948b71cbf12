"""Which header fits which format (acceptance E-3, E-4), as pure functions."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from import_pipeline.catalog import load_account
from import_pipeline.gateway.http.engaging_networks.receiving import fits, formats_named, header_of
from import_pipeline.model.account import Account
from import_pipeline.model.columns import REASON_COLUMNS
from import_pipeline.model.format import Format
from import_pipeline.settings import PACKAGE

cells = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=8)


@pytest.fixture(scope="module")
def account() -> Account:
    """The shipped account."""
    made = load_account(PACKAGE / "defs" / "giving").account
    assert made is not None
    return made


@settings(max_examples=60, deadline=None)
@given(st.lists(cells, min_size=1, max_size=6, unique=True), st.booleans(), st.data())
def test_only_the_same_cells_in_the_same_order_fit(names: list[str], strict: bool, data: st.DataObject) -> None:
    """Quotes and commas in names included; reason columns at the end do not count."""
    known = Format(name="f", object_type="Supporter", columns=dict.fromkeys(names), exact_header=True)
    line = ",".join('"' + name.replace('"', '""') + '"' for name in names)
    header = header_of(f"{line}\r\nrow\r\n".encode(), strict=strict)
    assert header == tuple(names) and fits(known, header, strict=strict)
    assert fits(known, (*header, *REASON_COLUMNS), strict=strict)
    other = tuple(data.draw(st.permutations(names)))
    assert fits(known, other, strict=strict) is (other == header)
    assert not fits(known, header[:-1], strict=strict) and not fits(known, (*header, "one more"), strict=strict)


def test_a_byte_order_mark_is_part_of_the_first_cell_when_strict() -> None:
    """As the documents have it."""
    assert header_of(b"\xef\xbb\xbfName\n", strict=False) == ("Name",) and header_of(b"\xef\xbb\xbfName\n", strict=True) == ("\ufeffName",)
    assert header_of(b"", strict=False) == () and header_of(b'"open\n' * 3, strict=False)


def test_a_format_is_named_to_the_letter(account: Account) -> None:
    """And importTransactions has two layouts, whatever else is saved."""
    assert [f.name for f in formats_named(account, " crm ")] == ["crm"] and formats_named(account, "CRM") == []
    assert [f.name for f in formats_named(account, "importTransactions")] == ["importTransactions", "importTransactions payments"]
    assert formats_named(account, "") == []


def test_layouts_of_transactions_may_be_shortened_but_not_mixed(account: Account) -> None:
    """Unless strict; what a layout requires has to be there, and no column twice."""
    export, payments = formats_named(account, "importTransactions")
    short = ("Campaign ID", "Supporter Email", "Campaign Type")
    assert fits(export, short, strict=False) and not fits(export, short, strict=True) and not fits(payments, short, strict=False)
    assert fits(export, tuple(export.columns), strict=True)
    assert not fits(export, (*short, "Donation Amount"), strict=False) and not fits(export, (*short, "Campaign ID"), strict=False)
    assert not fits(export, short[:2], strict=False) and not fits(export, (), strict=False)
