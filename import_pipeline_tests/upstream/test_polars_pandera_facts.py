"""Facts of polars and pandera that parsing and validation build on."""

import io

import pandera.polars as pa
import polars as pl
import pytest


def test_polars_pads_short_rows_without_a_word() -> None:
    """Why a line is counted before polars reads it."""
    frame = pl.read_csv(io.BytesIO(b"a,b\n1\n"), has_header=True, infer_schema=False)
    assert frame.rows() == [("1", None)]


def test_polars_truncates_decimals_without_a_word() -> None:
    """Why decimals are counted before the cast."""
    assert str(pl.Series(["12.345"]).cast(pl.Decimal(18, 2))[0]) == "12.34"


def test_polars_takes_an_unpadded_date_for_iso() -> None:
    """Why a strict pattern stands beside the date cast."""
    assert str(pl.Series(["2021-2-3"]).str.to_date("%Y-%m-%d")[0]) == "2021-02-03"


def test_pandera_checks_no_data_of_a_lazy_frame() -> None:
    """Why parts are validated as eager frames."""
    schema = pa.DataFrameSchema({"a": pa.Column(pl.String, pa.Check.isin(["x"]))})
    bad = pl.DataFrame({"a": ["y"]})
    schema.validate(bad.lazy(), lazy=True).collect()
    with pytest.raises(pa.errors.SchemaErrors):
        schema.validate(bad, lazy=True)


def test_pandera_tells_the_row_the_column_and_the_name_of_a_failed_check() -> None:
    """The name is our error code, the index our row."""
    check = pa.Check(lambda data: data.lazyframe.select(pl.col(data.key).is_in(["x"])), name="unknown_choice")
    schema = pa.DataFrameSchema({"a": pa.Column(pl.String, check)})
    with pytest.raises(pa.errors.SchemaErrors) as caught:
        schema.validate(pl.DataFrame({"a": ["x", "y"]}), lazy=True)
    (row,) = caught.value.failure_cases.to_dicts()
    assert (row["index"], row["column"], row["failure_case"]) == (1, "a", "y")
    assert "unknown_choice" in row["check"]
