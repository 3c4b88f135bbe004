"""When levels are reached and lost (spec value §2.6): boundaries of windows, cycles and soft landings."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.incentive.tiers.domain import (
    Change,
    Downgrade,
    Earning,
    Level,
    Metric,
    Programme,
    Reason,
    Standing,
    Window,
    evaluated,
    highest,
)


def at(text: str) -> datetime:
    """An instant given in Shanghai's time."""
    return datetime.fromisoformat(f"{text}+08:00").astimezone(UTC)


LEVELS = (Level("silver", 1_000), Level("gold", 5_000), Level("black", 20_000), Level("partner", 0, True))
ROLLING = Programme(
    uuid4(), "club", Metric("CNY"), LEVELS, Window(12), Downgrade.ONE_DOWN, 0, "Asia/Shanghai", at("2025-01-01T00:00")
)
CYCLE = replace(ROLLING, window=Window(0, (2, 29)))


def standing_at(programme: Programme, moment: datetime, *earnings: Earning, since: Standing | None = None) -> Standing:
    return evaluated(programme, since or Standing(), earnings, moment)[0]


def test_a_level_is_reached_at_once_and_may_skip_others():
    now = at("2026-06-20T12:00")

    standing, changes = evaluated(ROLLING, Standing(), [Earning(now, 5_000)], now)

    assert standing == Standing(2, now, at("2027-06-21T00:00"))
    assert changes == [Change(0, 2, Reason.EARNED, now)]


def test_nobody_falls_before_their_time_is_over():
    now = at("2026-06-20T12:00")
    gold = standing_at(ROLLING, now, Earning(now, 5_000))

    refunded = Earning(now, 5_000), Earning(now, -5_000)

    assert standing_at(ROLLING, now + timedelta(days=300), *refunded, since=gold) == gold


@pytest.mark.parametrize(
    ("downgrade", "again", "level"),
    [
        (Downgrade.ONE_DOWN, 0, 1),
        (Downgrade.BALANCE_BASED, 0, 0),
        (Downgrade.BALANCE_BASED, 1_000, 1),
        (Downgrade.ONE_DOWN, 5_000, 2),
    ],
)
def test_when_the_time_is_over_the_window_decides(downgrade, again, level):
    programme, now = replace(ROLLING, downgrade=downgrade), at("2026-06-20T12:00")
    gold = standing_at(programme, now, Earning(now, 5_000))
    earnings = Earning(now, 5_000), Earning(at("2027-05-01T00:00"), again)

    before = standing_at(programme, at("2027-06-20T23:59:59.999999"), *earnings, since=gold)
    after = standing_at(programme, at("2027-06-21T00:00"), *earnings, since=gold)

    assert before.level == 2
    assert after.level == level
    assert after.since_time == (now if level == 2 else at("2027-06-21T00:00"))


def test_who_looks_late_finds_what_was_due_on_time():
    now = at("2026-06-20T12:00")
    gold = standing_at(ROLLING, now, Earning(now, 5_000))

    standing, changes = evaluated(ROLLING, gold, [Earning(now, 5_000)], at("2030-01-01T00:00"))

    assert standing.level == 0
    assert [(each.from_level, each.to_level, each.time) for each in changes] == [
        (2, 1, at("2027-06-21T00:00")),
        (1, 0, at("2028-06-22T00:00")),
    ]


def test_a_soft_landing_keeps_the_level_and_what_is_earned_in_it_counts():
    programme = replace(ROLLING, grace_days=30)
    now, due, over = at("2026-06-20T12:00"), at("2027-06-21T00:00"), at("2027-07-21T00:00")
    gold = standing_at(programme, now, Earning(now, 5_000))
    saved = Earning(now, 5_000), Earning(at("2027-07-20T23:59"), 5_000)

    landing = standing_at(programme, due, *saved[:1], since=gold)

    assert landing == Standing(2, now, over, due)
    assert standing_at(programme, over, *saved[:1], since=landing).level == 1
    assert standing_at(programme, over, *saved, since=landing)[:1] == (2,)


def test_cmp_11_a_cycle_from_the_29th_of_february_begins_on_the_28th_where_there_is_none():
    spent = Earning(at("2025-06-01T00:00"), 5_000)
    gold = standing_at(CYCLE, at("2025-06-01T00:00"), spent)

    assert gold.keep_time == at("2026-02-28T00:00")
    assert standing_at(CYCLE, at("2026-02-28T00:00"), spent, since=gold).keep_time == at("2027-02-28T00:00")
    in_2027 = standing_at(CYCLE, at("2027-03-01T00:00"), Earning(at("2027-03-01T00:00"), 1_000))
    assert in_2027.keep_time == at("2028-02-29T00:00")


def test_cmp_11_a_cycle_that_ends_when_clocks_change_ends_at_local_midnight():
    programme = replace(CYCLE, window=Window(0, (11, 1)), time_zone="America/New_York")
    summer = datetime(2026, 7, 1, tzinfo=UTC)

    standing = standing_at(programme, summer, Earning(summer, 1_000))

    assert standing.keep_time == datetime(2026, 11, 1, 4, tzinfo=UTC)  # midnight in summer time, the last of it
    after = standing_at(programme, datetime(2026, 11, 2, tzinfo=UTC), Earning(summer, 1_000), since=standing)
    assert after.keep_time == datetime(2027, 11, 1, 4, tzinfo=UTC)


def test_a_cycle_counts_its_own_earnings_only():
    last, now = Earning(at("2026-02-27T23:59"), 4_000), at("2026-02-28T00:00")

    assert standing_at(CYCLE, now + timedelta(seconds=1), last, Earning(now, 1_000)).level == 1


def test_levels_by_application_are_never_earned_and_never_lost():
    now = at("2026-06-20T12:00")
    partner = Standing(4, now, ROLLING.keep_time(4, now))

    assert ROLLING.earned_level(10**12) == 3
    assert standing_at(ROLLING, at("2036-01-01T00:00"), since=partner) == partner


@given(
    amounts=st.lists(st.integers(0, 9_000), max_size=8),
    days=st.lists(st.integers(0, 1_500), min_size=1, max_size=12),
    programme=st.sampled_from([ROLLING, CYCLE, replace(ROLLING, grace_days=20, downgrade=Downgrade.BALANCE_BASED)]),
)
def test_how_often_somebody_is_looked_at_between_earnings_makes_no_difference_to_what_expires(amounts, days, programme):
    start = at("2026-01-01T10:00")
    earnings = [Earning(start + timedelta(days=90 * index), amount) for index, amount in enumerate(amounts)]
    moments = sorted({start + timedelta(days=day) for day in days} | {each.time for each in earnings})

    def known(moment: datetime) -> list[Earning]:
        return [each for each in earnings if each.time <= moment]

    often = seldom = Standing()
    for moment in moments:
        often = evaluated(programme, often, known(moment), moment)[0]
        again, changes = evaluated(programme, often, known(moment), moment)
        assert (again, changes) == (often, [])
    for moment in [each.time for each in earnings] + moments[-1:]:
        seldom = evaluated(programme, seldom, known(moment), moment)[0]
    assert often.level == seldom.level


def test_of_two_profiles_the_better_level_stays():
    kept = Standing(2, at("2026-01-01T00:00"), at("2027-01-02T00:00"))
    longer = kept._replace(keep_time=at("2027-03-02T00:00"))

    assert highest([kept, Standing(1), longer]) == longer
    assert highest([]) == Standing()
