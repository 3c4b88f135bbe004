"""Pacing in virtual time: BUD-07 and BUD-08 of spec value §3.5 on the controller alone, and the laws of its parts."""

import math
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.pacing import CAP, DAY, MIDNIGHT, NODE, Simulation, at, tripled_at_noon
from services.incentive.budgets.domain import pacing
from services.incentive.budgets.domain.pacing import P_MIN, P_START, Pace, Seen


@pytest.mark.parametrize("level", [1.5, 2.0, 5.0])
@pytest.mark.parametrize("seed", [1, 2])
def test_bud_07_a_threefold_load_at_noon_leaves_the_spend_on_plan(level: float, seed: int) -> None:
    moments = list(Simulation(tripled_at_noon(level), seed=seed).run())

    assert at(moments, 18).ratio == pytest.approx(1.0, abs=0.05)
    assert max(moment.ratio for moment in moments if moment.hour > 1) < 1.25
    assert max(moment.spent for moment in moments) <= CAP
    assert at(moments, 22.5).spent > 0.95 * CAP


@pytest.mark.parametrize("hour_of_silence", [0.0, 1.0, 12.0])
@pytest.mark.parametrize("level", [2.0, 5.0, 20.0])
def test_bud_08_an_hour_without_traffic_winds_nothing_up(hour_of_silence: float, level: float) -> None:
    silence = Simulation(lambda hour: 0 if hour_of_silence <= hour < hour_of_silence + 1 else level)

    moments = list(silence.run())

    after = [moment for moment in moments if moment.hour >= hour_of_silence + 1 + 1 / 6]
    assert max(moment.ratio for moment in after) <= 1.25
    silent = [moment.p for moment in moments if hour_of_silence < moment.hour < hour_of_silence + 1]
    assert max(silent[2:]) == min(silent[2:])
    assert at(moments, hour_of_silence + 4).ratio > 0.9


def test_a_plan_follows_the_traffic_of_the_day() -> None:
    def busy(hour: float) -> float:
        return 2 + 1.5 * math.sin(math.pi * (hour - 8) / 12)

    history = {
        MIDNIGHT - timedelta(days=28) + number * pacing.SLOT: round(100 * busy(number % 288 / 12))
        for number in range(28 * 288)
    }
    plan = DAY._replace(weights=pacing.weights_of(history, "Asia/Shanghai"))

    moments = list(Simulation(busy, plan=plan).run())

    assert plan.share(MIDNIGHT + timedelta(hours=6)) < DAY.share(MIDNIGHT + timedelta(hours=6))
    assert max(abs(moment.ratio - 1) for moment in moments if moment.hour > 3) < 0.05
    swing = [moment.p for moment in moments if 4 < moment.hour < 20]
    assert 0.1 < sum(swing) / len(swing) < 0.9


@settings(max_examples=30)
@given(st.lists(st.integers(0, 1000), min_size=14, max_size=14), st.lists(st.floats(-1, 25), min_size=2))
def test_a_plan_only_grows_and_is_done_two_hours_before_the_end(traffic: list[int], hours: list[float]) -> None:
    plan = DAY._replace(weights=tuple(map(float, traffic)) * 144)

    shares = [plan.share(MIDNIGHT + timedelta(hours=hour)) for hour in sorted(hours)]

    assert shares == sorted(shares)
    assert all(0.0 <= share <= 1.0 for share in shares)
    assert plan.share(MIDNIGHT) == 0.0
    assert plan.share(MIDNIGHT + timedelta(hours=22)) == 1.0
    assert plan.share(MIDNIGHT + timedelta(hours=22) - timedelta(seconds=1)) == pytest.approx(1.0, abs=0.01)


def test_a_short_plan_is_done_a_twelfth_before_its_end() -> None:
    plan = DAY._replace(end=MIDNIGHT + timedelta(hours=1))

    assert plan.finish == MIDNIGHT + timedelta(minutes=55)


def test_less_than_a_week_of_history_is_none() -> None:
    days = {MIDNIGHT + number * pacing.SLOT: 5 for number in range(7 * 288)}

    assert pacing.weights_of({}, "Asia/Shanghai") == ()
    assert pacing.weights_of(dict(list(days.items())[:-1]), "Asia/Shanghai") == ()
    assert pacing.weights_of(days, "Asia/Shanghai") == (5.0,) * 2016


def test_five_minutes_of_the_week_are_local_ones() -> None:
    zone = ZoneInfo("Asia/Shanghai")

    assert pacing.slot_of_week(MIDNIGHT, zone) == 5 * 288  # a Saturday
    assert pacing.slot_of_week(MIDNIGHT - timedelta(seconds=1), zone) == 5 * 288 - 1
    assert pacing.slot_start(MIDNIGHT + timedelta(minutes=9)) == MIDNIGHT + timedelta(minutes=5)


@given(st.text(), st.floats(0, 1), st.floats(0, 1), st.integers(0, 3599))
def test_a_member_is_not_dealt_anew_within_an_hour(member: str, p: float, q: float, second: int) -> None:
    low, high = sorted((p, q))
    now = MIDNIGHT + timedelta(seconds=second)

    assert pacing.passes(member, NODE, now, low) == pacing.passes(member, NODE, MIDNIGHT, low)
    assert pacing.passes(member, NODE, now, low) <= pacing.passes(member, NODE, MIDNIGHT, high)
    assert pacing.passes(member, NODE, now, 1.0)
    assert not pacing.passes(member, NODE, now, 0.0)


def test_the_share_that_is_let_through_is_the_share_of_the_members() -> None:
    let_through = sum(pacing.passes(f"m{number}", NODE, MIDNIGHT, 0.3) for number in range(20_000))

    assert let_through / 20_000 == pytest.approx(0.3, abs=0.015)


def test_until_two_hundred_decisions_a_tenth_gets_through() -> None:
    late = MIDNIGHT + timedelta(hours=10)

    assert pacing.step(Pace(), DAY, CAP, Seen(0, 199, 100), late) == Pace(p=P_START)
    assert pacing.step(Pace(), DAY, CAP, Seen(0, 200, 1), late).p > P_START


@given(st.floats(P_MIN, 1), st.floats(-1, 1), st.floats(-5, 5), st.integers(0, CAP), st.floats(0, 24))
def test_the_state_stays_within_its_bounds(p: float, integral: float, smoothed: float, spent: int, hour: float) -> None:
    now = MIDNIGHT + timedelta(hours=hour)

    after = pacing.step(Pace(p, integral, smoothed), DAY, CAP, Seen(spent, 1_000, 1), now)

    assert P_MIN <= after.p <= 1
    assert -1 <= after.integral <= 1


def test_ahead_is_braked_twice_as_hard_as_behind_is_made_up() -> None:
    noon, plan_now = MIDNIGHT + timedelta(hours=11), CAP // 2
    behind = pacing.step(Pace(0.5), DAY, CAP, Seen(plan_now - 1_000, 1_000, 1), noon).p
    ahead = pacing.step(Pace(0.5), DAY, CAP, Seen(plan_now + 1_000, 1_000, 1), noon).p

    assert 0.5 - ahead == pytest.approx(2 * (behind - 0.5))
