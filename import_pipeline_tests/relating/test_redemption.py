"""Redemptions against a row-by-row oracle: what is consumed of which reward, and what is refused (acceptance A-7)."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from import_pipeline_tests.referral_bench import FRACTIONS, bench


@dataclass(frozen=True)
class Reward:
    """One stored reward of the one user."""

    unit: str
    value: Decimal
    available: bool
    given: int | None
    expires: int | None


@dataclass(frozen=True)
class Asked:
    """One row of the file."""

    unit: str
    value: Decimal | None


def oracle(rewards: Sequence[Reward], rows: Sequence[Asked]) -> list[dict[str, Decimal] | None]:
    """Row by row: what each consumes; None for a refused row, nothing for one that asks for nothing."""
    left = {f"r{i}": reward.value for i, reward in enumerate(rewards) if reward.available}
    order = sorted(
        left,
        key=lambda name: (
            (r := rewards[int(name[1:])]).expires is None,
            r.expires or 0,
            r.given is None,
            r.given or 0,
            int(name[1:]),
        ),
    )
    told: list[dict[str, Decimal] | None] = []
    for row in rows:
        if row.value is None:
            told.append({})
            continue
        asked = row.value.quantize(Decimal(1).scaleb(-FRACTIONS[row.unit]), ROUND_DOWN)
        own = [name for name in order if rewards[int(name[1:])].unit == row.unit]
        if asked <= 0 or asked > sum((left[name] for name in own), Decimal()):
            told.append(None)
            continue
        consumed: dict[str, Decimal] = {}
        for name in own:
            part = min(asked, left[name])
            if part > 0:
                consumed[name] = part
                left[name] -= part
                asked -= part
        told.append(consumed)
    return told


units = st.sampled_from(sorted(FRACTIONS))
amounts = st.integers(-3_000, 30_000).map(lambda n: Decimal(n).scaleb(-3))
moments = st.one_of(st.none(), st.integers(0, 3))
a_reward = st.builds(Reward, units, st.integers(0, 15).map(Decimal), st.booleans(), moments, moments)
a_row = st.builds(Asked, units, st.one_of(st.none(), amounts))


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(st.lists(a_reward, max_size=6), st.lists(a_row, min_size=1, max_size=8), st.integers(0, 8))
def test_rewards_are_consumed_as_row_by_row_whatever_the_deliveries(rewards: list[Reward], rows: list[Asked], cut: int) -> None:
    """Order dateExpires, dateGiven; AVAILABLE only; the same unit; cut at the unit's decimals; never beyond what is available."""
    owner = {"userKey": "a/u", "accountId": "a", "userId": "u"}
    with bench() as made:
        stored = [
            {
                **owner, "rewardId": f"r{i}", "unit": r.unit, "value": r.value, "status": "AVAILABLE" if r.available else "PENDING",
                "dateGiven": r.given, "dateExpires": r.expires,
            }
            for i, r in enumerate(rewards)
        ]  # fmt: skip
        if stored:
            made.run("Reward", stored, format_name="rewards", number=1)
        for number, part in enumerate((rows[:cut], rows[cut:]), 2):
            sent = [{**owner, "unit": row.unit, "valueToRedeem": row.value} for row in part]
            if sent:
                made.run("Redemption", sent, format_name="redeemableRewardBalances", number=number)
        found = made.session.run('SELECT consumed, "redeemedValue" FROM store.redemption ORDER BY _id')
    told = [{name: Decimal(text) for name, text in json.loads(consumed).items()} for consumed, _ in found]
    assert told == [consumed for consumed in oracle(rewards, rows) if consumed]
    assert [value for _, value in found] == [sum(one.values()) for one in told]
    for i, reward in enumerate(rewards):
        assert sum((one.get(f"r{i}", Decimal()) for one in told), Decimal()) <= (reward.value if reward.available else 0)


def test_a_key_of_its_own_redeems_once() -> None:
    """The same idempotencyKey, in one file and in a later one, makes one redemption."""
    owner = {"userKey": "a/u", "accountId": "a", "userId": "u", "unit": "USD"}
    with bench() as made:
        reward = {**owner, "rewardId": "r", "value": Decimal(10), "status": "AVAILABLE"}
        made.run("Reward", [reward], format_name="rewards", number=1)
        row = {**owner, "valueToRedeem": Decimal(2), "idempotencyKey": "k"}
        for number in (2, 3):
            made.run("Redemption", [row, row], format_name="redeemableRewardBalances", number=number)
        assert made.session.one("SELECT count(*) FROM store.redemption") == 1
