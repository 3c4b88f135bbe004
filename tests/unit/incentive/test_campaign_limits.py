"""Laws of caps, arms and intervals."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.incentive.campaigns.domain import limits
from services.incentive.campaigns.domain.experiments import (
    HOLDOUT,
    Arm,
    ArmTotals,
    Experiment,
    arm_of,
    difference,
    read_out,
)
from services.incentive.campaigns.domain.limits import Action, Counters, Entity, Limit, Period

CAMPAIGN = UUID(int=7)
NOON = datetime(2026, 6, 20, 4, 0, tzinfo=UTC)
ZONE = "Asia/Shanghai"


@given(st.lists(st.integers(0, 40), max_size=40), st.integers(1, 7), st.integers(1, 4))
def test_no_days_in_a_row_hold_more_than_the_cap_in_whatever_order_facts_come(
    days: list[int], rolling_days: int, cap: int
) -> None:
    limit = Limit(Action.GRANTS, Entity.PERSON, Period.ROLLING, cap, rolling_days)
    counters: Counters = {}
    given_on: list[int] = []
    for day in days:
        at = limits.meter(limit, "p", ["p"], NOON + timedelta(days=day), ZONE)
        fits = all(
            sum(first <= each < first + rolling_days for each in given_on) < cap
            for first in range(day - rolling_days + 1, day + 1)
        )
        assert limits.holds(limit, at, CAMPAIGN, counters, 1) == fits
        if fits:
            limits.count(counters, CAMPAIGN, [(at.own, 1)])
            given_on.append(day)


@given(st.sampled_from(Period), st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1)))  # noqa: DTZ001 (UTC below)
def test_two_facts_that_could_exceed_a_cap_together_hold_a_row_together(period: Period, naive: datetime) -> None:
    limit = Limit(Action.GRANTS, Entity.DEVICE, period, 1, 3 if period == Period.ROLLING else 0)
    time = naive.replace(tzinfo=UTC)
    one = limits.meter(limit, "d", ["d"], time, ZONE)

    for hours in (0, 1, 30, 60):
        other = limits.meter(limit, "d", ["d"], time + timedelta(hours=hours), ZONE)
        if one.own in {key for window in other.windows for key in window}:
            assert set(one.held) & set(other.held)


def test_a_person_s_rewards_for_ever_are_counted_under_the_profile_itself() -> None:
    profile_id = str(UUID(int=5))

    at = limits.meter(limits.per_person(3), profile_id, [profile_id], NOON, "UTC")

    assert at.own == UUID(profile_id)


def test_arms_are_as_large_as_their_weights_and_the_holdout_as_large_as_it_is_told() -> None:
    experiment = Experiment(1_000, (Arm("a", 1), Arm("b", 3)))

    arms = [arm_of(experiment, CAMPAIGN, str(UUID(int=number)), NOON, ZONE) for number in range(10_000)]

    assert abs(arms.count(HOLDOUT) - 1_000) < 120
    assert abs(arms.count("a") - 2_250) < 180
    assert abs(arms.count("b") - 6_750) < 200


def test_the_holdout_changes_with_the_local_quarter_and_not_before() -> None:
    people = [str(UUID(int=number)) for number in range(2_000)]
    experiment = Experiment(1_000)

    def held(time: datetime) -> set[str]:
        return {each for each in people if arm_of(experiment, CAMPAIGN, each, time, ZONE) == HOLDOUT}

    last = datetime(2026, 6, 30, 15, 59, 59, tzinfo=UTC)
    assert held(NOON) == held(last)
    assert held(last) != held(last + timedelta(seconds=1))


def test_the_interval_is_the_published_one() -> None:
    """R. G. Newcombe, Statistics in Medicine 17 (1998), table II, method 10: 56/70 and 48/80."""
    assert difference(56, 70, 48, 80) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    assert difference(9, 10, 3, 10) == pytest.approx((0.1705, 0.8090), abs=5e-5)
    assert difference(10, 10, 0, 10) == pytest.approx((0.6075, 1.0000), abs=5e-5)


@given(st.integers(1, 500), st.integers(1, 500), st.data())
def test_an_interval_holds_its_middle_and_stays_between_minus_one_and_one(
    of: int, other: int, data: st.DataObject
) -> None:
    hits, other_hits = data.draw(st.integers(0, of)), data.draw(st.integers(0, other))

    low, high = difference(hits, of, other_hits, other)

    assert -1 - 1e-9 <= low <= hits / of - other_hits / other <= high <= 1 + 1e-9


def test_what_one_more_buyer_costs() -> None:
    held, (arm,) = read_out([ArmTotals(HOLDOUT, 100, 10, 0, 0), ArmTotals("", 1_000, 200, 0, 5_000)])

    assert held.people == 100
    assert arm.incremental_buyers == pytest.approx(100)
    assert arm.cost_per(arm.uplift) == pytest.approx(50)
    assert arm.cost_per(-0.1) is None


def test_with_nobody_held_out_nothing_can_be_told() -> None:
    _, (arm,) = read_out([ArmTotals("", 10, 5, 0, 0)])

    assert (arm.uplift_low, arm.uplift_high, arm.is_told_apart) == (-1.0, 1.0, False)
