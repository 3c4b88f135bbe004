"""How far somebody has come: laws of the fold, and the calendar of occurrences (spec value §2.6)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logic.calendar import Period, is_zone, later, midnight, periods_between, window_of
from services.incentive.missions.domain import (
    Activation,
    Completion,
    CompletionState,
    Gain,
    Loss,
    Measure,
    Metric,
    Mission,
    Recurrence,
    State,
    Step,
    changes,
    fold,
)

START = datetime(2026, 6, 1, tzinfo=UTC) - timedelta(hours=8)  # midnight of the first of June in Shanghai
MISSION = Mission(
    mission_id=uuid4(),
    name="seven drinks",
    state=State.RUNNING,
    metric=Metric(Measure.NET_MINOR),
    target=7,
    period=None,
    activation=Activation.USER_ACTION,
    recurrence=Recurrence.ON_COMPLETION,
    rollback=False,
    when="",
    asset="points",
    amount=10,
    budget_id=uuid4(),
    time_zone="Asia/Shanghai",
    start_time=START,
    end_time=START + timedelta(days=365),
    create_time=START,
)


def a_step(minutes: float, value: int = 1, withdrawn: int = 0, item: str = "") -> Step:
    at = START + timedelta(minutes=minutes)
    return Step(MISSION.mission_id, UUID(int=int(minutes * 1000)), 0, "p", item, value, withdrawn, at)


def completed(mission: Mission, steps: list[Step], kept: tuple[int, ...] = ()) -> list[int]:
    return [each.number for each in fold(mission, steps, kept) if each.complete_time]


values = st.lists(st.integers(0, 30), min_size=1, max_size=20)


@given(values=values, target=st.integers(1, 25), shuffle=st.randoms(use_true_random=False))
def test_of_a_recurring_sum_nothing_is_lost_and_no_order_of_arrival_matters(values, target, shuffle):
    steps = [a_step(minute, value) for minute, value in enumerate(values)]
    shuffled = shuffle.sample(steps, len(steps))
    mission = replace(MISSION, target=target)

    occurrences = fold(mission, shuffled)

    assert len(completed(mission, shuffled)) == sum(values) // target
    assert sum(each.progress for each in occurrences) == sum(values)
    assert occurrences == fold(mission, steps)


@given(data=st.data(), target=st.integers(1, 10), bought=st.lists(st.integers(1, 12), min_size=1, max_size=12))
def test_what_refunds_take_of_kept_completions_is_missing_from_the_next(data, target, bought):
    mission = replace(MISSION, target=target)
    before = [a_step(minute, value) for minute, value in enumerate(bought)]
    kept = tuple(completed(mission, before))
    after = [step._replace(withdrawn=data.draw(st.integers(0, step.value))) for step in before]
    more = a_step(1000, data.draw(st.integers(0, 100)))
    total = sum(step.standing for step in [*after, more])

    numbers = completed(mission, [*after, more], kept)

    assert numbers == list(range(1, max(len(kept), total // target) + 1))


def test_with_rollback_a_refund_takes_the_completion_back_and_what_is_bought_again_is_paid_again():
    mission = replace(MISSION, rollback=True)
    steps = [a_step(minute) for minute in range(7)]
    paid = Completion("p", 1, 1, CompletionState.REWARDED, START)
    refunded = [*steps[:-1], steps[-1]._replace(withdrawn=1)]

    (loss,) = changes(mission, "p", refunded, [paid])
    (gain,) = changes(mission, "p", [*refunded, a_step(9)], [paid._replace(state=CompletionState.REVERSED)])

    assert isinstance(loss, Loss)
    assert isinstance(gain, Gain)
    assert gain.before is not None
    assert changes(mission, "p", steps, [paid]) == []
    assert changes(replace(mission, rollback=False), "p", refunded, [paid]) == []


def test_different_things_count_once_in_each_occurrence():
    mission = replace(MISSION, metric=Metric(Measure.EVENTS, "Drink Shared", "sku"), target=2)
    steps = [a_step(minute, item=item) for minute, item in enumerate("aabbbac")]

    occurrences = fold(mission, steps)

    # a a b | b b a | c
    assert [(each.number, each.progress) for each in occurrences] == [(1, 2), (2, 2), (3, 1)]


def test_on_a_fixed_schedule_each_local_day_is_an_occurrence_of_its_own():
    mission = replace(
        MISSION,
        target=2,
        period=Period.DAY,
        activation=Activation.FIXED_SCHEDULE,
        recurrence=Recurrence.ON_EXPIRATION,
    )
    day = 24 * 60
    steps = [a_step(day - 2), a_step(day - 1), a_step(day), a_step(3 * day), a_step(3 * day + 1), a_step(3 * day + 2)]

    occurrences = fold(mission, steps)

    assert [(each.number, each.progress) for each in occurrences] == [(1, 2), (2, 1), (4, 3)]
    assert completed(mission, steps) == [1, 4]


def test_once_means_the_first_period_only():
    day = 24 * 60
    scheduled = replace(
        MISSION, target=1, period=Period.DAY, activation=Activation.FIXED_SCHEDULE, recurrence=Recurrence.NONE
    )
    by_action = replace(scheduled, activation=Activation.USER_ACTION)

    assert completed(scheduled, [a_step(1.5 * day)]) == []
    assert completed(by_action, [a_step(1.5 * day), a_step(5 * day)]) == [1]


def test_an_occurrence_that_a_member_began_lasts_whole_local_days():
    weekly = replace(MISSION, period=Period.WEEK, recurrence=Recurrence.ON_EXPIRATION)

    (occurrence,) = fold(weekly, [a_step(90)])

    assert occurrence.start_time == START + timedelta(minutes=90)
    assert occurrence.end_time == START + timedelta(days=7)


@pytest.mark.parametrize(
    ("day", "period", "expected"),
    [
        ("2024-02-29", Period.YEAR, "2025-02-28"),
        ("2026-01-31", Period.MONTH, "2026-02-28"),
        ("2026-12-15", Period.MONTH, "2027-01-15"),
        ("2026-06-20", Period.WEEK, "2026-06-27"),
    ],
)
def test_periods_later_is_the_same_day_or_the_last_there_is(day, period, expected):
    assert later(datetime.fromisoformat(day).date(), period).isoformat() == expected


@given(
    moment=st.integers(946684800, 4102444800).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    period=st.sampled_from(Period),
    zone=st.sampled_from(["Asia/Shanghai", "America/New_York", "Pacific/Apia", "Europe/London"]),
)
def test_every_instant_lies_in_one_window_of_the_calendar(moment, period, zone):
    start, end = window_of(moment, period, zone)

    assert start <= moment < end
    assert window_of(end, period, zone)[0] == end
    assert window_of(start - timedelta(microseconds=1), period, zone)[1] == start


def test_a_day_of_a_changing_clock_is_as_long_as_it_is():
    long_day = window_of(datetime(2026, 11, 1, 12, tzinfo=UTC), Period.DAY, "America/New_York")

    assert long_day[1] - long_day[0] == timedelta(hours=25)
    assert midnight(long_day[0].date(), "America/New_York") == long_day[0]
    assert periods_between(long_day[0].date(), long_day[1].date(), Period.DAY) == 1
    assert not is_zone("localtime")
