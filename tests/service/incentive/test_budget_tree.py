"""Budgets as a tree, over gRPC: cases of spec value §3.5."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from bowen.incentive.v1 import budget_service_pb2 as pb

from chassis.caller import Call, Caller, acting
from chassis.clock import FixedClock, SandboxClock, SystemClock
from chassis.db import Tx, driver
from chassis.errors import AlreadyExists, InvalidArgument, NotFound, PermissionDenied
from services.incentive.budgets.domain import Kind
from tests.service.incentive.budgeting import (
    CAMPAIGN,
    EXHAUSTED,
    KILLED,
    OPEN,
    OVER_CAP,
    PROGRAMME,
    REGION,
    STORE,
    TENANT,
    Period,
    Replica,
    a_budget,
    new,
    replicas,
)

SCOPES = frozenset({"incentive.budgets:read", "incentive.budgets:write"})
AT_S1 = ((Kind.STORE, "s-1"),)
AT_S2 = ((Kind.STORE, "s-2"),)


@pytest.fixture
async def pods(fresh_database: Callable[[str], str], clock: FixedClock) -> AsyncIterator[Sequence[Replica]]:
    """Four replicas on an empty database."""
    async with replicas(fresh_database("incentive"), *[clock] * 4) as pods:
        yield pods


@pytest.fixture
def pod(pods: Sequence[Replica]) -> Replica:
    return pods[0]


async def a_tree(pod: Replica, *caps: int) -> list[str]:
    """A tenant, a programme and a campaign below each other."""
    path = [""]
    for kind, cap in zip((TENANT, PROGRAMME, CAMPAIGN), caps, strict=True):
        path.append(await pod.create(cap, path[-1], kind=kind))
    return path[1:]


async def test_bud_03_children_with_more_than_the_parent_in_sum_get_no_more_than_the_parent(
    pods: Sequence[Replica],
) -> None:
    parent = await pods[0].create(1_000, kind=PROGRAMME)
    children = [await pods[0].create(600, parent) for _ in range(2)]

    paid = await asyncio.gather(*(pod.spend(child, *[10] * 5) for _ in range(10) for pod in pods for child in children))

    assert sum(map(sum, paid)) * 10 == await pods[0].committed(parent) == 1_000
    spent = [await pods[0].committed(child) for child in children]
    assert sum(spent) == 1_000
    assert max(spent) <= 600


async def test_what_is_spent_from_a_node_is_spent_from_all_above_and_put_back_to_all(pod: Replica) -> None:
    path = await a_tree(pod, 1_000, 500, 100)

    await pod.spend(path[-1], 60)
    await pod.put_back(path[-1], 20)

    assert [await pod.committed(each) for each in path] == [40, 40, 40]


async def test_a_store_pays_from_its_own_node_and_the_campaigns(pod: Replica) -> None:
    campaign = await pod.create(100)
    store = await pod.create(30, campaign, kind=STORE, scope="s-1")

    paid = [await pod.spend(campaign, 20, scope=scope) for scope in (AT_S1, AT_S1, AT_S2, ())]

    assert paid == [[True], [False], [True], [True]]
    assert [await pod.committed(each) for each in (campaign, store)] == [60, 20]


async def test_a_node_that_was_created_later_gets_nothing_back_that_it_never_paid(pod: Replica) -> None:
    campaign = await pod.create(100)
    await pod.spend(campaign, 50, scope=AT_S1)
    ((before,),) = await pod.rows("SELECT clock_timestamp()")
    store = await pod.create(30, campaign, kind=STORE, scope="s-1")
    await pod.spend(campaign, 10, scope=AT_S1)

    await pod.put_back(campaign, 50, scope=AT_S1, time=before)

    assert [await pod.committed(each) for each in (campaign, store)] == [10, 10]


async def test_a_soft_budget_refuses_nothing_and_counts(pod: Replica) -> None:
    campaign = await pod.create(100)
    region = await pod.create(10, campaign, kind=REGION, scope="south", soft=True)

    paid = await pod.spend(campaign, 40, 40, 40, scope=((Kind.REGION, "south"),))

    assert paid == [True, True, False]
    assert [await pod.committed(each) for each in (campaign, region)] == [80, 80]


async def test_bud_05_a_cap_below_what_is_spent_stops_new_grants_and_takes_nothing_back(
    pods: Sequence[Replica],
) -> None:
    budget = await pods[0].create(1_000)
    await pods[0].spend(budget, 600)

    lowered = await pods[0].cap(budget, 500)

    assert (lowered.status, lowered.committed, lowered.cap) == (OVER_CAP, 600, 500)
    assert [await pod.spend(budget, 1) for pod in pods] == [[False]] * 4
    await pods[0].put_back(budget, 100)
    assert (await pods[0].get(budget)).status == EXHAUSTED
    await pods[0].put_back(budget, 7)
    assert [await pod.spend(budget, 7) for pod in pods] == [[True], [False], [False], [False]]
    assert (await pods[0].cap(budget, 2_000)).status == OPEN


@pytest.mark.parametrize("level", [0, 1, 2])
async def test_bud_06_after_the_answer_to_a_kill_switch_nobody_grants(pods: Sequence[Replica], level: int) -> None:
    path = await a_tree(pods[0], 10**6, 10**6, 10**6)
    stop = asyncio.Event()

    async def spend(pod: Replica) -> int:
        while not stop.is_set():
            await pod.spend(path[-1], 1, 1, 1)
        return sum(await pod.spend(path[-1], 1))

    spenders = [asyncio.create_task(spend(pod)) for pod in pods for _ in range(2)]
    while await pods[0].committed(path[-1]) < 100:
        pass
    killed = await pods[3].kill(path[level])
    at_the_answer = await pods[0].committed(path[-1])
    for _ in range(20):
        assert await pods[0].committed(path[-1]) == at_the_answer
    stop.set()

    assert await asyncio.gather(*spenders) == [0] * 8
    assert killed.status == KILLED
    assert (await pods[0].get(path[-1])).status == KILLED
    assert (await pods[1].kill(path[level], killed=False)).status == OPEN
    assert await pods[2].spend(path[-1], 1) == [True]


async def test_bud_09_a_day_begins_at_the_local_midnight(fresh_database: Callable[[str], str]) -> None:
    midnight = datetime(2026, 6, 20, 16, 0, tzinfo=UTC)  # in Shanghai
    clock = SandboxClock(midnight - timedelta(hours=5))
    async with replicas(fresh_database("incentive"), clock) as (pod,):
        with clock.use(midnight - timedelta(hours=5)):
            month = await pod.create(150, kind=PROGRAMME, period=Period.PERIOD_MONTH)
            day = await pod.create(100, month, period=Period.PERIOD_DAY)
        last_moment = midnight - timedelta(microseconds=1)
        with clock.use(last_moment):
            assert await pod.spend(day, 80, 30) == [True, False]
        with clock.use(midnight):
            assert (await pod.get(day)).committed == 0
            assert await pod.spend(day, 60, 60) == [True, False]
            await pod.put_back(day, 50, time=last_moment)
            await pod.put_back(day, 10, time=midnight)
            stands = await pod.get(day)
            assert (stands.committed, stands.period_start_time.ToDatetime(UTC)) == (50, midnight)
            assert await pod.committed(month) == 80
        assert await _over(pod, day) == (midnight - timedelta(days=1), midnight, 30)


async def _over(pod: Replica, budget_id: str) -> tuple[datetime, datetime, int]:
    (row,) = await pod.rows(
        "SELECT start_time, end_time, committed FROM budget_bucket WHERE budget_id = $1::uuid", budget_id
    )
    return row  # type: ignore[no-any-return]


class Fast(SystemClock):
    """Ninety seconds ahead of everybody."""

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=90)


async def test_bud_10_a_fast_clock_makes_no_second_day(fresh_database: Callable[[str], str]) -> None:
    async with replicas(fresh_database("incentive"), SystemClock(), Fast()) as (right, fast):
        budget = await fast.create(100, period=Period.PERIOD_DAY)
        # The day ends in a minute: for the fast replica it would be over.
        await right.db.transact(lambda tx: _end_in_a_minute(tx, budget))

        paid = await asyncio.gather(*(pod.spend(budget, 10) for pod in (right, fast) * 10))

        assert sum(map(sum, paid)) == 10
        assert (await fast.get(budget)).committed == (await right.get(budget)).committed == 100
        assert await right.rows("SELECT 1 FROM budget_bucket") == []


async def _end_in_a_minute(tx: Tx, budget_id: str) -> None:
    await (await driver(tx)).execute(
        "UPDATE budget SET bucket_end = clock_timestamp() + interval '1 minute' WHERE budget_id = $1::uuid", budget_id
    )


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"asset": ""}, "asset"),
        ({"scope": "s-1"}, "scope"),
        ({"kind": STORE, "scope": "s-1"}, "parent_id"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"kind": 99}, "kind"),
        ({"period": 99}, "period"),
        ({"cap": 0}, "cap"),
    ],
)
async def test_a_budget_that_does_not_fit_is_refused_by_field(
    pod: Replica, fields: dict[str, object], field: str
) -> None:
    with pytest.raises(InvalidArgument) as refused:
        await pod.stub.CreateBudget(a_budget(**{"cap": 10} | fields))  # type: ignore[misc,arg-type]

    assert field in [name for name, _ in refused.value.violations]


async def test_a_node_stands_below_one_of_an_earlier_kind_and_of_its_asset(pod: Replica) -> None:
    campaign = await pod.create(100)
    await pod.create(10, campaign, kind=STORE, scope="s-1")

    for fields in ({"kind": CAMPAIGN}, {"kind": STORE, "scope": "s-2", "asset": "cash.CNY"}):
        with pytest.raises(InvalidArgument, match=r"kind|asset"):
            await pod.create(10, campaign, **fields)
    with pytest.raises(AlreadyExists):
        await pod.create(10, campaign, kind=STORE, scope="s-1")
    with pytest.raises(NotFound):
        await pod.create(10, new())


async def test_a_stores_key_reads_its_own_store_and_changes_nothing(pod: Replica) -> None:
    campaign = await pod.create(100)
    own, other = [await pod.create(10, campaign, kind=STORE, scope=scope) for scope in ("s-1", "s-2")]

    with acting(Call(Caller("key:till", SCOPES, store_id="s-1"))):
        assert (await pod.get(own)).scope == "s-1"
        listed = await pod.stub.ListBudgets(pb.ListBudgetsRequest())  # type: ignore[misc]
        for budget in (campaign, other):
            with pytest.raises(NotFound):
                await pod.get(budget)
        for change in (pod.cap(own, 5), pod.kill(own), pod.create(5, campaign, kind=STORE, scope="s-3")):
            with pytest.raises(PermissionDenied):
                await change

    assert [budget.budget_id for budget in listed.budgets] == [own]


async def test_children_are_listed_page_by_page(pod: Replica) -> None:
    root = await pod.create(100, kind=TENANT)
    children = [await pod.create(10, root) for _ in range(3)]

    first = await pod.stub.ListBudgets(pb.ListBudgetsRequest(parent_id=root, page_size=2))  # type: ignore[misc]
    second = await pod.stub.ListBudgets(  # type: ignore[misc]
        pb.ListBudgetsRequest(parent_id=root, page_size=2, page_token=first.next_page_token)
    )

    assert [each.budget_id for page in (first, second) for each in page.budgets] == children
    assert second.next_page_token == ""
