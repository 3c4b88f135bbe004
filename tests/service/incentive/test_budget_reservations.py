"""Reserve, commit, release over gRPC: cases of spec value §3.5."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from bowen.incentive.v1 import budget_pb2

from chassis.clock import FixedClock, SandboxClock
from chassis.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, Refusal
from tests.service.incentive.budgeting import (
    CAMPAIGN,
    PROGRAMME,
    STORE,
    Period,
    Replica,
    Reservation,
    new,
    replicas,
)
from tests.waiting import eventually

RESERVED, COMMITTED = Reservation.STATE_RESERVED, Reservation.STATE_COMMITTED
RELEASED = Reservation.STATE_RELEASED


@pytest.fixture
async def pods(fresh_database: Callable[[str], str], clock: FixedClock) -> AsyncIterator[Sequence[Replica]]:
    """Eight replicas on an empty database."""
    async with replicas(fresh_database("incentive"), *[clock] * 8) as pods:
        yield pods


@pytest.fixture
def pod(pods: Sequence[Replica]) -> Replica:
    return pods[0]


def reasons(outcomes: Sequence[object]) -> Counter[str]:
    return Counter(outcome.reason if isinstance(outcome, Refusal) else "" for outcome in outcomes)


async def test_bud_01_of_five_thousand_parallel_requests_the_budget_pays_a_thousand(pods: Sequence[Replica]) -> None:
    budget = await pods[0].create(100_000)

    outcomes = await asyncio.gather(
        *(pods[number % 8].reserve(budget, 100, ttl_seconds=600) for number in range(5_000)), return_exceptions=True
    )

    assert reasons(outcomes) == {"": 1_000, "BUDGET_EXHAUSTED": 4_000}
    assert await pods[0].stands(budget) == (0, 100_000)
    reserved = [each.reservation_id for each in outcomes if isinstance(each, Reservation)]
    await asyncio.gather(*(pods[number % 8].commit(each) for number, each in enumerate(reserved)))
    assert await pods[0].stands(budget) == (100_000, 0)


async def test_bud_04_a_rollback_returns_the_amount_once(pods: Sequence[Replica]) -> None:
    parent = await pods[0].create(1_000, kind=PROGRAMME)
    budget = await pods[0].create(1_000, parent)
    kept, rolled_back = await pods[0].reserve(budget, 300), await pods[0].reserve(budget, 200)
    for reservation in (kept, rolled_back):
        assert (await pods[0].commit(reservation.reservation_id)).state == COMMITTED

    released = await asyncio.gather(*(pod.release(rolled_back.reservation_id) for pod in pods))

    assert {each.state for each in released} == {RELEASED}
    assert [await pods[0].stands(each) for each in (parent, budget)] == [(300, 0), (300, 0)]


async def test_what_is_reserved_can_be_released_and_not_committed_afterwards(pod: Replica) -> None:
    budget = await pod.create(100)
    reservation = await pod.reserve(budget, 100)

    assert (await pod.release(reservation.reservation_id)).state == RELEASED

    assert await pod.stands(budget) == (0, 0)
    with pytest.raises(AlreadyExists) as refused:
        await pod.commit(reservation.reservation_id)
    assert (refused.value.reason, refused.value.metadata["state"]) == ("RESERVATION_RESOLVED", "RELEASED")
    assert (await pod.reserve(budget, 100)).state == RESERVED


async def test_committing_twice_and_at_once_spends_once(pods: Sequence[Replica]) -> None:
    budget = await pods[0].create(100)
    reservation = await pods[0].reserve(budget, 40)

    committed = await asyncio.gather(*(pod.commit(reservation.reservation_id) for pod in pods))

    assert {each.state for each in committed} == {COMMITTED}
    assert await pods[0].stands(budget) == (40, 0)


async def test_what_nobody_commits_in_time_is_put_back_and_stays_so(pod: Replica) -> None:
    budget = await pod.create(100)
    reservation = await pod.reserve(budget, 60, ttl_seconds=1)
    kept = await pod.reserve(budget, 40)

    async def put_back() -> bool:
        await pod.servicer.tend()
        return await pod.stands(budget) == (0, 40)

    await eventually(put_back)
    with pytest.raises(AlreadyExists, match="expired"):
        await pod.commit(reservation.reservation_id)
    assert (await pod.commit(kept.reservation_id)).state == COMMITTED


async def test_a_saga_has_a_minute_unless_told_otherwise(pod: Replica) -> None:
    reservation = await pod.reserve(await pod.create(100), 1)

    lasts = reservation.expire_time.ToDatetime() - reservation.reserve_time.ToDatetime()

    assert timedelta(seconds=59) < lasts < timedelta(seconds=61)


@pytest.mark.parametrize("level", ["parent", "budget"])
async def test_bud_06_a_kill_switch_puts_back_what_is_under_way(pods: Sequence[Replica], level: str) -> None:
    parent = await pods[0].create(1_000, kind=PROGRAMME)
    budget = await pods[0].create(1_000, parent)
    done = await pods[0].reserve(budget, 100)
    await pods[0].commit(done.reservation_id)
    under_way = [await pod.reserve(budget, 50) for pod in pods]

    await pods[7].kill({"parent": parent, "budget": budget}[level])

    assert [await pods[0].stands(each) for each in (parent, budget)] == [(100, 0), (100, 0)]
    outcomes = await asyncio.gather(*(pods[0].commit(r.reservation_id) for r in under_way), return_exceptions=True)
    assert reasons(outcomes) == {"RESERVATION_RESOLVED": 8}
    assert reasons([await _refused(pod.reserve(budget, 1)) for pod in pods]) == {"BUDGET_KILLED": 8}
    assert (await pods[1].release(done.reservation_id)).state == RELEASED


async def _refused(call: object) -> object:
    return (await asyncio.gather(call, return_exceptions=True))[0]  # type: ignore[call-overload]


async def test_bud_06_under_load_nothing_is_committed_after_the_answer(pods: Sequence[Replica]) -> None:
    budget = await pods[0].create(10**9)
    stop = asyncio.Event()

    async def saga(pod: Replica) -> None:
        while not stop.is_set():
            reservation = await _refused(pod.reserve(budget, 1))
            if isinstance(reservation, budget_pb2.Reservation):
                await _refused(pod.commit(reservation.reservation_id))

    sagas = [asyncio.create_task(saga(pod)) for pod in pods for _ in range(2)]
    await eventually(lambda: _spent(pods[0], budget))
    await pods[3].kill(budget)
    at_the_answer = await pods[0].stands(budget)
    for _ in range(20):
        assert await pods[0].stands(budget) == at_the_answer == (at_the_answer[0], 0)
    stop.set()
    await asyncio.gather(*sagas)

    assert await pods[0].stands(budget) == at_the_answer


async def _spent(pod: Replica, budget: str) -> bool:
    return await pod.committed(budget) > 20


async def test_bud_09_a_reservation_belongs_to_the_day_it_was_reserved(fresh_database: Callable[[str], str]) -> None:
    midnight = datetime(2026, 6, 20, 16, 0, tzinfo=UTC)  # in Shanghai
    clock = SandboxClock(midnight - timedelta(seconds=30))
    async with replicas(fresh_database("incentive"), clock) as (pod,):
        with clock.use(midnight - timedelta(seconds=30)):
            month = await pod.create(1_000, kind=PROGRAMME, period=Period.PERIOD_MONTH)
            day = await pod.create(100, month, kind=CAMPAIGN, period=Period.PERIOD_DAY)
            committed, released = await pod.reserve(day, 70), await pod.reserve(day, 30)
        with clock.use(midnight + timedelta(seconds=10)):
            assert (await pod.reserve(day, 100)).state == RESERVED
            await pod.commit(committed.reservation_id)
            await pod.release(released.reservation_id)
            assert await pod.stands(day) == (0, 100)
            assert await pod.stands(month) == (70, 100)
        assert await pod.rows("SELECT start_time, committed, reserved FROM budget_bucket") == [
            (midnight - timedelta(days=1), 70, 0)
        ]


async def test_the_same_request_at_every_replica_at_once_reserves_once(pods: Sequence[Replica]) -> None:
    budget, request_id = await pods[0].create(100), new()

    reserved = await asyncio.gather(*(pod.reserve(budget, 30, request_id=request_id) for pod in pods for _ in range(3)))

    assert len({each.SerializeToString(deterministic=True) for each in reserved}) == 1
    assert await pods[0].stands(budget) == (0, 30)
    with pytest.raises(AlreadyExists) as refused:
        await pods[1].reserve(budget, 31, request_id=request_id)
    assert refused.value.reason == "REQUEST_ID_REUSED"


async def test_a_refusal_is_given_again_whatever_is_left_by_then(pod: Replica) -> None:
    budget, request_id = await pod.create(100), new()
    taken = await pod.reserve(budget, 100)
    first = await _refused(pod.reserve(budget, 1, request_id=request_id))
    await pod.release(taken.reservation_id)

    again = await _refused(pod.reserve(budget, 1, request_id=request_id))

    assert reasons([first, again]) == {"BUDGET_EXHAUSTED": 2}
    assert (await pod.reserve(budget, 1)).state == RESERVED


async def test_a_store_part_is_set_aside_with_the_whole(pod: Replica) -> None:
    campaign = await pod.create(100)
    store = await pod.create(30, campaign, kind=STORE, scope="s-1")
    parts = [budget_pb2.BudgetPart(kind=STORE, scope="s-1")]

    reservation = await pod.reserve(campaign, 20, parts=parts)
    assert reasons([await _refused(pod.reserve(campaign, 20, parts=parts))]) == {"BUDGET_EXHAUSTED": 1}
    await pod.commit(reservation.reservation_id)

    assert [await pod.stands(each) for each in (campaign, store)] == [(20, 0), (20, 0)]


async def test_what_cannot_be_is_refused_before_anything_is_done(pod: Replica) -> None:
    budget = await pod.create(100)

    for refused in (
        pod.reserve(budget, 0),
        pod.reserve(budget, 1, ttl_seconds=-1),
        pod.reserve(budget, 1, parts=[budget_pb2.BudgetPart(kind=CAMPAIGN, scope="x")]),
        pod.reserve(budget, 1, parts=[budget_pb2.BudgetPart(kind=STORE)]),
    ):
        with pytest.raises(InvalidArgument):
            await refused
    for missing in (pod.reserve(new(), 1), pod.commit(new()), pod.release(new())):
        with pytest.raises(NotFound):
            await missing
    with pytest.raises(FailedPrecondition, match="pay in full"):
        await pod.reserve(budget, 101)
