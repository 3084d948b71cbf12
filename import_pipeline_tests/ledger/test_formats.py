"""Saved formats in the ledger, and an account together with them (acceptance E-3)."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from import_pipeline.ledger import Ledger, formats
from import_pipeline.ledger.desk_schema import formats as table
from import_pipeline.model.account import Account
from import_pipeline.model.field import FieldSpec
from import_pipeline.model.format import Format
from import_pipeline.model.object_type import ObjectType
from import_pipeline_tests.ledgers import ledger_url

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TYPE = ObjectType(name="Case", fields=(FieldSpec(name="Name"), FieldSpec(name="City")))
WEEKLY = Format(name="weekly", object_type="Case", columns={"X": None, "N": "Name"}, fixed={"City": "Denver"})
ACCOUNT = Account(name="acme", object_types=(TYPE,), formats=(Format(name="yaml", object_type="Case"),))


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A new ledger."""
    with Ledger(ledger_url(tmp_path)) as made:
        made.upgrade()
        yield made


def save(ledger: Ledger, made: Format, *, listed: bool = True, account: str = "acme", later: int = 0) -> None:
    """Books it."""
    with ledger.begin() as conn:
        formats.save(conn, account, made, listed=listed, by="ana", now=NOW + timedelta(days=later))


def names(ledger: Ledger, *, listed: bool = False) -> list[str]:
    """The formats that the account knows."""
    with ledger.read() as conn:
        return [one.name for one in formats.with_saved(conn, ACCOUNT, listed=listed).formats]


def test_a_saved_format_is_known_at_once_and_only_in_its_account(ledger: Ledger) -> None:
    """Behind those of the YAML, which are known first; what is not listed may be used, and is not shown."""
    save(ledger, WEEKLY)
    save(ledger, WEEKLY.model_copy(update={"name": "hidden"}), listed=False)
    save(ledger, WEEKLY.model_copy(update={"name": "theirs"}), account="other")
    assert names(ledger) == ["yaml", "hidden", "weekly"] and names(ledger, listed=True) == ["yaml", "weekly"]
    with ledger.read() as conn:
        known = formats.with_saved(conn, ACCOUNT).format("weekly")
        assert known == WEEKLY and list(known.columns) == ["X", "N"]
        assert [(one.name, one.made_by, one.made_at) for one in formats.listing(conn, "acme")] == [("weekly", "ana", NOW)]
        assert formats.with_saved(conn, ACCOUNT.model_copy(update={"name": "third"})) == ACCOUNT.model_copy(update={"name": "third"})


def test_the_yaml_wins_on_the_same_name_and_a_foreign_type_is_left_out(ledger: Ledger) -> None:
    """The account's settings are reviewed; the ledger is not. A type that was taken out takes its formats along."""
    save(ledger, Format(name="yaml", object_type="Case", columns={"A": "Name"}))
    save(ledger, Format(name="odd", object_type="Person"))
    with ledger.read() as conn:
        assert formats.with_saved(conn, ACCOUNT).formats == ACCOUNT.formats


def test_saving_again_replaces_and_a_listed_one_stays_listed(ledger: Ledger) -> None:
    """Who made it, and when, stays; a single import of the same mapping does not hide it."""
    save(ledger, WEEKLY)
    other = WEEKLY.model_copy(update={"fixed": {"City": "Boulder"}})
    save(ledger, other, listed=False, later=1)
    with ledger.read() as conn:
        found = formats.get(conn, "acme", "weekly")
    assert found is not None and (found.format, found.listed, found.made_at, found.changed_at) == (
        other,
        True,
        NOW,
        NOW + timedelta(days=1),
    )


def test_a_renamed_or_removed_format_still_answers_to_those_who_had_it(ledger: Ledger) -> None:
    """Jobs name their format: a replay must find it. People do not see it any more, and the name is free again."""
    save(ledger, WEEKLY)
    save(ledger, WEEKLY.model_copy(update={"name": "taken"}))
    with ledger.begin() as conn:
        assert not formats.rename(conn, "acme", "weekly", "taken", now=NOW) and not formats.rename(conn, "acme", "no", "new", now=NOW)
        assert formats.rename(conn, "acme", "weekly", "monthly", now=NOW) and not formats.rename(conn, "acme", "weekly", "again", now=NOW)
        assert formats.remove(conn, "acme", "taken", now=NOW) and not formats.remove(conn, "acme", "taken", now=NOW)
    assert names(ledger, listed=True) == ["yaml", "monthly"] and names(ledger) == ["yaml", "monthly", "taken", "weekly"]
    with ledger.read() as conn:
        renamed = formats.with_saved(conn, ACCOUNT).format("monthly")
    assert renamed == WEEKLY.model_copy(update={"name": "monthly"})
    save(ledger, WEEKLY.model_copy(update={"title": "new"}))
    assert names(ledger, listed=True) == ["yaml", "monthly", "weekly"]
    with ledger.begin() as conn:
        assert formats.rename(conn, "acme", "weekly", "taken", now=NOW)
        found = formats.get(conn, "acme", "taken")
    assert found is not None and found.format == WEEKLY.model_copy(update={"name": "taken", "title": "new"}) and found.listed


def test_a_body_that_this_version_cannot_read_is_no_format(ledger: Ledger) -> None:
    """One broken row must not take the account's others away."""
    save(ledger, WEEKLY)
    save(ledger, WEEKLY.model_copy(update={"name": "broken"}))
    with ledger.begin() as conn:
        conn.execute(update(table).where(table.c.name == "broken").values(body={"object_type": "Case", "unheard_of": 1}))
    assert names(ledger) == ["yaml", "weekly"]


policies = st.sampled_from(["skip", "halt", {"halt_above": 3}, {"halt_above": "7%"}, None])
holds = st.sampled_from([None, {"changed_above": "20%"}, {"deleted_above": "3.5%", "wait": "36h", "then": "approve"}])
texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=8)


@settings(max_examples=50)
@given(policies, holds, st.dictionaries(texts, st.sampled_from(["Name", "City", None]), max_size=4), texts, st.booleans())
def test_every_format_comes_back_from_its_body(
    on_error: object, hold: object, columns: dict[str, str | None], city: str, exact: bool
) -> None:
    """What a YAML file may state survives the ledger: durations, shares and policies too."""
    said = {"name": "f", "object_type": "Case", "on_error": on_error, "hold": hold, "columns": columns, "exact_header": exact}
    made = Format.model_validate(said | {"defaults": {"City": city}, "accepts": {"Name": ["a", "b"]}})
    saved = formats.SavedFormat("acme", "f", "Case", formats.body_of(made), True, "ana", NOW, NOW)
    assert saved.format == made and list(saved.format.columns) == list(columns)
