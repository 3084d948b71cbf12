"""Record ids outside and inside, and quoting (acceptance, decision 9)."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from import_pipeline.store.names import ident, inward, inward_sql, literal, outward, outward_sql
from import_pipeline_tests.lab import Lab

TAG = "a1b2c3d4"


@pytest.fixture(scope="module")
def lab() -> Lab:
    """A store in memory."""
    lab = Lab(Path(tempfile.mkdtemp()), memory=True)
    lab.prepare()
    lab.query(f"UPDATE store._lock SET tag = {literal(TAG)}")
    return lab


@given(st.integers(1, 2**63 - 1))
def test_an_outward_id_leads_back_to_its_record_in_python_and_in_sql(lab: Lab, number: int) -> None:
    """Both forms are used: SQL for files, Python for requests."""
    text = outward(number, TAG)
    assert len(text) == 24 and text[0] in "abcdef"
    assert inward(text, TAG) == number
    assert lab.query(f"SELECT {outward_sql(str(number))}, {inward_sql(literal(text))}") == [(text, number)]


@given(
    st.one_of(st.text(max_size=30), st.from_regex(r"[a-f0-9]{24}", fullmatch=True), st.from_regex(TAG + r"[0-9a-f]{16}", fullmatch=True))
)
def test_python_and_sql_agree_on_what_is_no_record_id_of_this_store(lab: Lab, text: str) -> None:
    """An external id that happens to be hexadecimal is not taken for a record id, nor is one of another store."""
    text = text.replace("\0", "")
    expected = inward(text, TAG)
    assert lab.query(f"SELECT {inward_sql(literal(text))}") == [(expected,)]
    assert expected is None or text.startswith(TAG)


@given(st.text(min_size=1, max_size=20).filter(lambda s: "\0" not in s))
def test_any_text_is_one_identifier_and_one_string(lab: Lab, text: str) -> None:
    """The only two ways in which names and texts enter a statement."""
    assert lab.query(f"SELECT {ident(text)} FROM (SELECT {literal(text)} AS {ident(text)})") == [(text,)]


@pytest.mark.parametrize("quote", [ident, literal])
def test_nul_is_refused(quote: object) -> None:
    """DuckDB would end the statement there."""
    with pytest.raises(ValueError, match="NUL"):
        quote("a\0b")  # type: ignore[operator]
