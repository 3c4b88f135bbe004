"""What a purse may pay from a tree of budgets, as laws."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import example, given
from hypothesis import strategies as st

from services.incentive.budgets.domain import (
    Bucket,
    Budget,
    Kind,
    Lease,
    Move,
    Need,
    Outcome,
    Period,
    Purse,
    Want,
    bucket_of,
    chunk,
    merged,
)

NOON = datetime(2026, 6, 20, 4, 0, tzinfo=UTC)
ROOT, LEFT, RIGHT, STORE = (UUID(int=number) for number in range(1, 5))
AT_STORE = ((Kind.STORE, "s-1"),)
CAPS = st.lists(st.integers(0, 100), min_size=4, max_size=4)
WANTS = st.lists(st.tuples(st.sampled_from([LEFT, RIGHT]), st.integers(1, 40), st.sampled_from([(), AT_STORE])))


def a_tree(caps: Sequence[int]) -> list[Budget]:
    """A root with two campaigns, the first of which has a part for a store."""
    root, left, right, store = caps
    return [
        Budget(ROOT, root, kind=Kind.PROGRAMME),
        Budget(LEFT, left, ancestors=(ROOT,)),
        Budget(RIGHT, right, ancestors=(ROOT,)),
        Budget(STORE, store, ancestors=(LEFT, ROOT), kind=Kind.STORE, scope="s-1"),
    ]


@given(CAPS, WANTS)
def test_no_node_pays_more_than_its_cap_and_a_parent_pays_what_its_children_do(
    caps: list[int], asked: list[tuple[UUID, int, tuple[tuple[Kind, str], ...]]]
) -> None:
    purse = Purse(a_tree(caps))

    paid = [Want(*each) for each in asked if purse.charge(Want(*each)) is Outcome.PAID]

    spent = {move.budget_id: move.committed for move in purse.moved}
    assert all(spent.get(node.budget_id, 0) <= node.cap for node in a_tree(caps))
    assert spent.get(ROOT, 0) == sum(want.amount for want in paid)
    assert spent.get(STORE, 0) == sum(want.amount for want in paid if want.budget_id == LEFT and want.scope)


@given(CAPS, WANTS)
def test_what_was_paid_and_put_back_leaves_nothing_moved(
    caps: list[int], asked: list[tuple[UUID, int, tuple[tuple[Kind, str], ...]]]
) -> None:
    purse = Purse(a_tree(caps))
    paid = [Want(*each) for each in asked if purse.reserve(Want(*each))]

    for want in paid:
        purse.release(want)

    assert purse.moved == []


@given(st.integers(0, 10**9), st.integers(1, 10**6), st.integers(1, 50), st.floats(0, 10**7))
def test_a_lease_pays_its_need_and_is_a_half_percent_of_what_is_left_at_most(
    cap: int, largest: int, wants: int, rate: float
) -> None:
    size = chunk([Budget(LEFT, cap)], Need(largest * wants, largest), rate)

    assert size == 0 or largest * wants <= size <= cap // 200
    if cap < 200 * largest:
        assert size == 0


def test_a_purse_pays_from_a_lease_what_it_was_opened_for() -> None:
    lease = Lease(UUID(int=9), (ROOT, LEFT), 50, 20, 0, 0, (ROOT, LEFT), NOON)
    purse = Purse(a_tree([0, 0, 0, 0]), NOON, [lease])

    assert purse.charge(Want(LEFT, 30)) is Outcome.PAID
    assert purse.charge(Want(RIGHT, 1)) is Outcome.BUDGET_EXHAUSTED
    assert purse.moved == []
    assert purse.drawn[lease.lease_id].spent == 30


@given(st.sampled_from([Period.DAY, Period.WEEK, Period.MONTH]), st.integers(946_684_800, 4_102_444_800))
@example(Period.DAY, 1_662_868_800)  # the day of 2022 on which Santiago had no midnight
def test_periods_follow_each_other_without_a_gap(period: Period, second: int) -> None:
    now = datetime.fromtimestamp(second, UTC)
    for zone in ("Asia/Shanghai", "America/Santiago", "Africa/Cairo"):  # the latter two skip midnights
        bucket = bucket_of(period, zone, now)
        assert bucket is not None
        assert bucket.start <= now < bucket.end
        following = bucket_of(period, zone, bucket.end)
        assert following is not None
        assert following.start == bucket.end


def test_moves_of_a_period_that_is_over_stay_apart() -> None:
    day = Bucket(NOON, NOON + timedelta(days=1))
    node = Budget(LEFT, 100, period=Period.DAY, bucket=day)
    before = NOON - timedelta(seconds=1)

    moves = merged(
        [Move(LEFT, 5, time=NOON), Move(LEFT, 7, time=before), Move(LEFT, reserved=2), Move(LEFT, 1, time=before)],
        {LEFT: node},
    )

    assert moves == [Move(LEFT, 5, 2), Move(LEFT, 8, time=before)]
