"""The small value types that all models share."""

from datetime import timedelta

import pytest

from import_pipeline.model.base import fold_name, parse_duration, parse_size, slug


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("Account", "account"),
        ("Account_Plan", "account_plan"),
        ("DataObject Type", "data_object_type"),
        ("Größe", "groe"),
        ("A/B #1", "a_b_1"),
    ],
)
def test_a_slug_is_letters_digits_and_underscores(name: str, made: str) -> None:
    """It becomes a table, a folder and an asset key."""
    assert slug(name) == made


def test_a_name_without_latin_letters_has_a_slug_of_its_own() -> None:
    """Two such types must not share a table without a name."""
    assert slug("顧客") and slug("顧客") == slug("顧客") != slug("連絡先")
    assert slug("顧客").isascii() and not slug("顧客").startswith("_")


@pytest.mark.parametrize(
    ("text", "folded"), [("House #", "house"), ("E-Mail", "email"), ("ZIP", "zip"), ("Straße", "strasse"), ("№ 5", "no5")]
)
def test_names_are_compared_without_case_blanks_and_punctuation(text: str, folded: str) -> None:
    """Acceptance S-11."""
    assert fold_name(text) == folded


def test_durations_and_sizes_are_written_with_their_unit() -> None:
    """A bare number would leave the unit to a guess."""
    assert parse_duration("90m") == timedelta(minutes=90) and parse_duration("2w") == timedelta(days=14)
    assert parse_size("1.5MB") == 1_500_000
    for wrong in ("5", "5 parsecs", "-1s"):
        with pytest.raises(ValueError, match="duration"):
            parse_duration(wrong)
