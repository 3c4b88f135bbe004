"""Pacing, the board and alarms over the service, in a sandbox's time: cases of spec value §3.5."""

import random
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from bowen.incentive.v1 import budget_pb2, events_pb2

from chassis.clock import SandboxClock
from chassis.db import Tx, driver
from chassis.errors import FailedPrecondition, InvalidArgument
from chassis.stamps import stamp
from services.incentive.budgets import operations
from services.incentive.budgets.domain import Outcome, Want
from services.incentive.budgets.domain.pacing import STEP
from tests.service.incentive.budgeting import PROGRAMME, STORE, Period, Replica, a_budget, new, replicas

MIDNIGHT = datetime(2026, 6, 19, 16, 0, tzinfo=UTC)  # in Shanghai
SPENT, PACE = events_pb2.BudgetAlarmRaised.KIND_SPENT, events_pb2.BudgetAlarmRaised.KIND_PACE
Stage = budget_pb2.BudgetLine.Stage


@pytest.fixture
def sandbox() -> SandboxClock:
    return SandboxClock(MIDNIGHT)


@pytest.fixture
async def pods(fresh_database: Callable[[str], str], sandbox: SandboxClock) -> AsyncIterator[Sequence[Replica]]:
    """Two replicas on an empty database, in one sandbox."""
    async with replicas(fresh_database("incentive"), sandbox, sandbox) as pods:
        yield pods


@pytest.fixture
def pod(pods: Sequence[Replica]) -> Replica:
    return pods[0]


def a_plan(hours: float) -> budget_pb2.Pacing:
    return budget_pb2.Pacing(start_time=stamp(MIDNIGHT), end_time=stamp(MIDNIGHT + timedelta(hours=hours)))


async def charged(pod: Replica, wants: Sequence[Want]) -> list[Outcome]:
    async def work(tx: Tx) -> list[Outcome]:
        purse = await operations.open_purse(tx, wants=wants)
        outcomes = [purse.charge(want) for want in wants]
        await operations.save_purse(tx, purse)
        return outcomes

    return await pod.db.transact(work)


async def ask(pod: Replica, budget: str, members: Sequence[str]) -> list[Outcome]:
    """Ten units for each of them."""
    return await charged(pod, [Want(UUID(budget), 10, member=member) for member in members])


async def test_bud_07_a_threefold_load_leaves_the_spend_on_plan_and_nobody_is_dealt_anew(
    pods: Sequence[Replica], sandbox: SandboxClock
) -> None:
    """Two hours stand for the day: a step of the load for three minutes, the spend looked at after ninety."""
    rng, cap, verdicts, now = random.Random(7), 30_000, dict[str, set[Outcome]](), MIDNIGHT
    with sandbox.use(now):
        budget = await pods[0].create(cap, pacing=a_plan(2))
    while now < MIDNIGHT + timedelta(minutes=90):
        now += STEP
        with sandbox.use(now):
            load = 10 * (3 if timedelta(hours=1) <= now - MIDNIGHT < timedelta(minutes=63) else 1)
            members = [f"m{rng.randrange(500)}" for _ in range(load)]
            outcomes = await ask(pods[load % 2], budget, members)
            again = await ask(pods[1 - load % 2], budget, members[:3])
            assert again == outcomes[:3]
            await pods[0].servicer.look()
            await pods[1].servicer.look()
        for member, outcome in zip(members, outcomes, strict=True):
            verdicts.setdefault(member, set()).add(outcome)
    with sandbox.use(now):
        line = (await pods[1].board(budget)).total

    assert line.pace_ratio_bp == pytest.approx(10_000, rel=0.05)
    assert line.planned == pytest.approx(cap * 90 / 110, abs=1)
    assert line.budget.committed <= cap
    assert 0 < line.pass_through_bp < 10_000
    assert {Outcome.PAID, Outcome.PACED} == set().union(*verdicts.values())


async def test_bud_08_an_hour_without_traffic_leaves_the_pass_through_as_it_was(
    pod: Replica, sandbox: SandboxClock
) -> None:
    now = MIDNIGHT
    with sandbox.use(now):
        budget = await pod.create(100_000, pacing=a_plan(10))
    for _ in range(30):
        now += STEP
        with sandbox.use(now):
            await ask(pod, budget, [f"m{number}" for number in range(20)])
            await pod.servicer.look()
            before = (await pod.board(budget)).total.pass_through_bp
    for _ in range(6):
        now += timedelta(minutes=10)
        with sandbox.use(now):
            await pod.servicer.look()
            assert (await pod.board(budget)).total.pass_through_bp == before


async def test_a_new_plan_starts_with_a_tenth_of_the_members(pod: Replica, sandbox: SandboxClock) -> None:
    with sandbox.use(MIDNIGHT):
        budget = await pod.create(10**9, pacing=a_plan(10))
        outcomes = await ask(pod, budget, [new() for _ in range(2_000)])

    assert outcomes.count(Outcome.PAID) / 2_000 == pytest.approx(0.1, abs=0.03)
    assert set(outcomes) == {Outcome.PAID, Outcome.PACED}


async def test_a_paced_parent_holds_back_what_is_below_it_and_a_saga_is_told_so(
    pod: Replica, sandbox: SandboxClock
) -> None:
    with sandbox.use(MIDNIGHT):
        parent = await pod.create(10**9, kind=PROGRAMME, pacing=a_plan(10))
        budget = await pod.create(10**9, parent)
        members = [new() for _ in range(50)]
        outcomes = await ask(pod, budget, members)
        paced, paid = members[outcomes.index(Outcome.PACED)], members[outcomes.index(Outcome.PAID)]

        await pod.reserve(budget, 10, profile_id=paid)
        await pod.reserve(budget, 10)
        with pytest.raises(FailedPrecondition) as refused:
            await pod.reserve(budget, 10, profile_id=paced)

    assert refused.value.reason == "BUDGET_PACED"


async def test_alarms_of_the_cap_are_raised_once_each_in_a_period(
    pods: Sequence[Replica], sandbox: SandboxClock
) -> None:
    with sandbox.use(MIDNIGHT):
        budget = await pods[0].create(1_000, period=Period.PERIOD_DAY)
    now = MIDNIGHT
    for spent in (499, 1, 350, -200, 200, 150):
        now += timedelta(seconds=5)
        with sandbox.use(now):
            await (pods[0].spend(budget, spent) if spent > 0 else pods[0].put_back(budget, -spent))
            for pod in pods:
                await pod.servicer.look()
    with sandbox.use(MIDNIGHT + timedelta(days=1)):
        await pods[1].spend(budget, 600)
        await pods[1].servicer.look()
        line = (await pods[1].board(budget)).total

    alarms = await pods[0].alarms()
    assert [(alarm.kind, alarm.threshold_bp) for alarm in alarms] == [
        (SPENT, 5_000), (SPENT, 8_000), (SPENT, 9_500), (SPENT, 10_000), (SPENT, 5_000),
    ]  # fmt: skip
    assert (alarms[0].budget_id, alarms[0].committed, alarms[0].cap, alarms[0].name) == (budget, 500, 1_000, "Spring")
    assert line.alarm_bp == 5_000


async def test_too_fast_for_a_minute_is_shaded_then_restricted_then_paused_and_undone(
    pod: Replica, sandbox: SandboxClock
) -> None:
    now = MIDNIGHT + timedelta(minutes=30)
    with sandbox.use(MIDNIGHT):
        budget = await pod.create(1_100, pacing=a_plan(2))
    with sandbox.use(now):
        await pod.spend(budget, 500)
    stages = []
    for _ in range(20):
        now += STEP
        with sandbox.use(now):
            await pod.servicer.look()
            stages.append((await pod.board(budget)).total.stage)
    with sandbox.use(now):
        wants = [Want(UUID(budget), 1), Want(UUID(budget), 1, planned=False)]
        assert await charged(pod, wants) == [Outcome.PACED] * 2
    with sandbox.use(MIDNIGHT + timedelta(minutes=55)):
        await pod.servicer.look()
        calm = (await pod.board(budget)).total.stage
        assert await charged(pod, wants) == [Outcome.PAID] * 2

    assert stages[0] == stages[5] == Stage.STAGE_NONE
    assert list(dict.fromkeys(stages)) == [
        Stage.STAGE_NONE, Stage.STAGE_SHADE, Stage.STAGE_RESTRICT, Stage.STAGE_PAUSE,
    ]  # fmt: skip
    assert calm == Stage.STAGE_NONE
    alarms = [alarm for alarm in await pod.alarms() if alarm.kind == PACE]
    assert [alarm.stage for alarm in alarms] == ["shade", "restrict", "pause"]
    assert alarms[0].pace_ratio_bp > 12_500


async def test_the_board_shows_rates_and_when_all_will_be_spent(pod: Replica, sandbox: SandboxClock) -> None:
    now = MIDNIGHT
    with sandbox.use(now):
        budget = await pod.create(10_000)
        store = await pod.create(5_000, budget, kind=STORE, scope="s-1")
    for _ in range(20):
        now += timedelta(seconds=2)
        with sandbox.use(now):
            await pod.spend(budget, 10, 10)
            await pod.servicer.look()
    with sandbox.use(now):
        await pod.reserve(budget, 100)
        board = await pod.board(budget)

    total, (child,) = board.total, board.children
    assert (total.budget.committed, total.budget.reserved) == (400, 100)
    assert total.grants_per_kilosecond == pytest.approx(1_000, rel=0.05)
    assert total.spend_per_hour == pytest.approx(36_000, rel=0.05)
    assert total.exhaust_time.ToDatetime(UTC) - now == pytest.approx(timedelta(seconds=950), abs=timedelta(seconds=60))
    assert total.observe_time.ToDatetime(UTC) == now
    assert not total.HasField("pace_ratio_bp")
    assert (child.budget.budget_id, child.grants_per_kilosecond) == (store, 0)
    assert not child.HasField("exhaust_time")


async def test_what_does_not_move_is_not_looked_at(pod: Replica, sandbox: SandboxClock) -> None:
    """Campaigns of past years cost a look nothing: it reads what moved of late, what has a plan, and leases."""
    with sandbox.use(MIDNIGHT):
        quiet, moving, planned, over = [
            await pod.create(10_000, **fields) for fields in ({}, {}, {"pacing": a_plan(24)}, {"pacing": a_plan(1)})
        ]
    later = MIDNIGHT + timedelta(days=2) - timedelta(hours=1)
    await pod.db.transact(lambda tx: _execute(tx, "UPDATE budget SET moved_slot = moved_slot - 60"))
    with sandbox.use(MIDNIGHT):
        await pod.servicer.look()
        assert await _looked_at(pod) == {planned: MIDNIGHT, over: MIDNIGHT}
    with sandbox.use(later):
        await pod.spend(moving, 10)
        await pod.servicer.look()

    assert await _looked_at(pod) == {planned: later, over: MIDNIGHT, moving: later}
    assert quiet not in await _looked_at(pod)


async def _execute(tx: Tx, statement: str) -> None:
    await (await driver(tx)).execute(statement)


async def _looked_at(pod: Replica) -> dict[str, datetime]:
    return dict(await pod.rows("SELECT budget_id::text, meter_time FROM budget_meter"))


async def test_a_daily_budget_learns_when_its_traffic_comes(pod: Replica, sandbox: SandboxClock) -> None:
    with sandbox.use(MIDNIGHT):
        budget = await pod.create(10_000, period=Period.PERIOD_DAY, pacing=budget_pb2.Pacing())
    for hours in range(0, 24 * 8, 4):
        with sandbox.use(MIDNIGHT + timedelta(hours=hours)):
            await ask(pod, budget, [new()] * (9 if hours % 24 == 12 else 1))
            await pod.servicer.look()
    with sandbox.use(MIDNIGHT + timedelta(days=8, hours=11)):
        await pod.servicer.look()
        before_noon = (await pod.board(budget)).total.planned
    with sandbox.use(MIDNIGHT + timedelta(days=8, hours=13)):
        after_noon = (await pod.board(budget)).total.planned

    assert after_noon - before_noon > 10_000 * 2 / 22 * 2


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"pacing": budget_pb2.Pacing()}, "pacing"),
        ({"pacing": budget_pb2.Pacing(start_time=stamp(MIDNIGHT))}, "pacing"),
        ({"pacing": a_plan(0.1)}, "pacing.end_time"),
        ({"pacing": a_plan(5), "period": Period.PERIOD_DAY}, "pacing.start_time"),
    ],
)
async def test_a_plan_that_does_not_fit_is_refused(pod: Replica, fields: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        await pod.stub.CreateBudget(a_budget(10, **fields))  # type: ignore[misc]

    assert refused.value.violations[0][0] == field
