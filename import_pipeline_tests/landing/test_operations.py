"""Which files go into one delivery, by what their rows do (model/format.py), and what their names tell (acceptance A-10)."""

import pytest

from import_pipeline.catalog import load_account
from import_pipeline.landing.names import object_type_of
from import_pipeline.landing.operations import grouped, of_one_each
from import_pipeline.ledger.jobs import NewJob
from import_pipeline.model.account import Account
from import_pipeline.settings import PACKAGE


@pytest.fixture(scope="module")
def account() -> Account:
    """The shipped account `referrals`."""
    loaded = load_account(PACKAGE / "defs" / "referrals").account
    assert loaded is not None
    return loaded


def test_files_that_do_different_things_with_one_type_and_redemptions_stand_apart(account: Account) -> None:
    """The order of the files is kept."""
    names = [
        "users_1.csv",
        "userEvents_1.csv",
        "rewards_1.csv",
        "deleteUsers_1.csv",
        "userEvents_2.csv",
        "redeemableRewardBalances_1.csv",
        "users_2.csv",
    ]
    assert grouped(account, names, None) == [[0, 1, 2], [3, 4], [5], [6]]
    assert grouped(account, names, "users") == [[0, 1, 2, 3, 4, 5, 6]]


def test_members_of_an_archive_that_do_not_go_together_are_refused_but_for_the_first(account: Account) -> None:
    """Nothing is done half: the refused member says what to do."""
    jobs = [
        NewJob(file_id="f", object_type=kind, format=form, name=f"{form}.csv", archive="a.zip", member="m", sha256="", size=0, kind="csv")
        for kind, form in (("User", "users"), ("User", "deleteUsers"), ("User Event", "userEvents"))
    ]
    faults = [job.fault.code if job.fault else None for job in of_one_each(account, jobs)]
    assert faults == [None, "several_operations", None]


@pytest.mark.parametrize(("name", "told"), [("users_a.csv", "User"), ("deleteUsers_a.csv", "User"), ("userEvents_a.csv", "User Event")])
def test_the_longest_prefix_tells_the_type(account: Account, name: str, told: str) -> None:
    """`users_` is no prefix of `userEvents_`, and case counts."""
    assert object_type_of(account, name) == told
    assert object_type_of(account, name.upper()) != told
