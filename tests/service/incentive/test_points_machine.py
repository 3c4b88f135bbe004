"""A machine that does anything at any time, against a bag of single points: they must agree after every step."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from bowen.incentive.v1 import hold_service_pb2 as holds_pb
from bowen.incentive.v1 import ledger_service_pb2 as pb
from google.protobuf.message import Message
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from chassis.clock import FixedClock
from chassis.errors import Refusal
from chassis.stamps import stamp
from tests.service.incentive.ledgering import a_transfer
from tests.service.incentive.lotting import SHANGHAI, Lots, a_lots, days, local, new

POLICIES = {
    "unlimited": {"clawback": "CLAWBACK_UNLIMITED", "debt_max": 30},
    "within": {"clawback": "CLAWBACK_WITHIN_BALANCE", "grace_on_void": True},
    "pending": {"clawback": "CLAWBACK_ONLY_PENDING"},
}
WEEK = timedelta(days=7)
NEVER = datetime.max.replace(tzinfo=SHANGHAI)


@dataclass(eq=False)
class Point:
    """One point: where it is, and the lot that it belongs to."""

    lot: int
    source: str
    earned: datetime
    expires: datetime
    matures: datetime | None
    place: str

    @property
    def order(self) -> tuple[datetime, datetime, int]:
        return self.expires, self.earned, self.lot


@dataclass
class Spending:
    """Points that were spent, in the order in which they were."""

    points: list[Point]
    amount: int
    returned: int = 0


@dataclass
class Hold:
    """Points that are set aside, in the order in which they would be spent."""

    points: list[Point]
    expires: datetime
    spending: Spending | None = None
    is_open: bool = True


@dataclass
class Bag:
    """What a person has, point by point. Everything is sorting a list and taking its head."""

    policy: str
    points: list[Point] = field(default_factory=list)
    debt: int = 0
    holds: dict[str, Hold] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=count)

    def at(self, place: str) -> list[Point]:
        return sorted((point for point in self.points if point.place == place), key=lambda point: point.order)

    def settle(self, now: datetime) -> None:
        due = [point for point in self.at("pending") if point.matures and point.matures <= now]
        for point in sorted(due, key=lambda point: (point.matures, point.order)):
            self._come(point)
        for point in self.at("available") + self.at("pending"):
            if point.expires <= now:
                point.place = "expired"
        for point in self.at("available")[: self.debt]:
            self._come(point)

    def _come(self, point: Point) -> None:
        point.place = "gone" if self.debt else "available"
        self.debt -= point.place == "gone"

    def why_not(self, amount: int, now: datetime) -> str:
        left = len(self.at("available"))
        lately = sum(point.expires > now - timedelta(days=90) for point in self.at("expired"))
        return "" if left >= amount else "POINTS_EXPIRED" if left + lately >= amount else "INSUFFICIENT"

    def take(self, amount: int, place: str) -> list[Point]:
        taken = self.at("available")[:amount]
        for point in taken:
            point.place = place
        return taken

    def give_back(self, spending: Spending, amount: int, now: datetime) -> None:
        spending.returned += amount
        last = [spending.points.pop() for _ in range(amount)]
        self._restore(last, now, graceful=True)

    def release(self, points: list[Point], now: datetime) -> None:
        self._restore(points, now, graceful=self.policy == "within")

    def _restore(self, points: list[Point], now: datetime, *, graceful: bool) -> None:
        lots: dict[int, int] = {}
        for point in points:
            point.place = "available"
            if graceful and point.expires <= now:
                if point.lot not in lots:
                    lots[point.lot] = next(self.numbers)
                point.lot, point.expires = lots[point.lot], end_of(now + WEEK)

    def claw_back(self, source: str, amount: int) -> dict[str, int]:
        mine = {place: [p for p in self.at(place) if p.source == source] for place in ("pending", "available")}
        others = [point for point in self.at("available") if point.source != source]
        others.sort(key=lambda point: (point.earned, point.lot))
        reach = {
            "pending": mine["pending"],
            "earning": [] if self.policy == "pending" else mine["available"],
            "available": [] if self.policy == "pending" else others,
        }
        lines: dict[str, int] = {}
        for name, points in reach.items():
            for point in points[:amount]:
                point.place = "gone"
            if part := min(amount, len(points)):
                lines[name], amount = part, amount - part
        owes = min(amount, 30 - self.debt) if self.policy == "unlimited" else 0
        self.debt += owes
        rest = {"debt": owes, "writeoff": amount - owes}
        return lines | {name: part for name, part in rest.items() if part}


def end_of(moment: datetime) -> datetime:
    return local(f"{days(moment, 1)} 00:00:00")


@dataclass
class World:
    """One service with a programme per policy, that all runs of the machine share; each has a person of its own."""

    lots: Lots
    clock: FixedClock
    runner: asyncio.Runner

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)


AMOUNTS, FEW = st.integers(1, 12), st.integers(1, 5)
DAYS, HOURS = st.none() | st.integers(0, 9), st.none() | st.none() | st.integers(1, 100)


class Machine(RuleBasedStateMachine):
    """Does it to the service, and to the bag."""

    earnings, spendings, holds = Bundle("earnings"), Bundle("spendings"), Bundle("holds")

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world, self.lots, self.who, self.bag = world, world.lots, new(), Bag("")
        self.earned: dict[str, list[int]] = {}
        self.spent: dict[str, Spending] = {}
        self.answers: list[tuple[Any, Message, Message]] = []
        self.lots.set(end_of(self.now) + timedelta(hours=12))  # every run begins at noon: the same run is the same

    @initialize(policy=st.sampled_from(sorted(POLICIES)))
    def begin(self, policy: str) -> None:
        self.bag = Bag(policy)

    @property
    def now(self) -> datetime:
        return self.world.clock.now()

    def tick(self) -> None:
        """No two things happen at one instant, and all that is due is done."""
        self.world.clock.advance(1)
        self.bag.settle(self.now)

    def ask(self, method: Any, request: Message) -> tuple[str, Any]:
        """Why not, and the answer."""
        try:
            response = self.world.run(_called(method, request))
        except Refusal as refusal:
            return refusal.reason, None
        self.answers.append((method, request, response))
        return "", response

    def post(self, debit: str, credit: str, amount: int, **fields: Any) -> tuple[str, str]:
        """The transfer's id, and why it was refused."""
        item = a_transfer(self._named(debit), self._named(credit), amount, asset=self.bag.policy, **fields)
        _, response = self.ask(self.lots.ledger.stub.PostTransfers, pb.PostTransfersRequest(transfers=[item]))
        return item.transfer_id, response.outcomes[0].reason

    def _named(self, account: str) -> str:
        return account if "/" in account else f"member/{self.who}/{account}"

    @rule(target=earnings, lots=st.lists(st.tuples(FEW, DAYS, HOURS), min_size=1, max_size=3))
    def earn(self, lots: list[tuple[int, int | None, int | None]]) -> Any:
        return multiple(*(self._earn(*lot) for lot in lots))

    def _earn(self, amount: int, last: int | None, wait: int | None) -> str:
        self.tick()
        matures = self.now + timedelta(hours=wait) if wait else None
        fields: dict[str, Any] = {"mature_time": stamp(matures)} if matures else {}
        if last is not None:
            fields["last_day"] = days(self.now, last).isoformat()
        place = "pending" if matures else "available"
        source, reason = self.post("issuer/shop", place, amount, **fields)
        assert reason == ""
        expires, lot = NEVER if last is None else end_of(self.now + timedelta(days=last)), next(self.bag.numbers)
        self.bag.points += [Point(lot, source, self.now, expires, matures, place) for _ in range(amount)]
        self.bag.settle(self.now)
        self.earned[source] = [amount, 0]
        return source

    @rule(target=spendings, amount=AMOUNTS)
    def spend(self, amount: int) -> Any:
        self.tick()
        spending, reason = self.post("available", "sys/redeemed", amount)
        assert reason == self.bag.why_not(amount, self.now)
        if reason:
            return multiple()
        self.spent[spending] = Spending(self.bag.take(amount, "gone"), amount)
        return spending

    @rule(spending=spendings, amount=FEW)
    def unspend(self, spending: str, amount: int) -> None:
        self.tick()
        spent = self.spent[spending]
        left = spent.amount - spent.returned
        _, reason = self.post("sys/redeemed", "available", amount, reverses_transfer_id=spending)
        assert reason == ("ALREADY_REVERSED" if not left else "REVERSAL_INVALID" if amount > left else "")
        if not reason:
            self.bag.give_back(spent, amount, self.now)
            self.bag.settle(self.now)

    @rule(earning=earnings, amount=st.integers(0, 12))
    def claw_back(self, earning: str, amount: int) -> None:
        self.tick()
        earned, taken = self.earned[earning]
        left = earned - taken
        request = pb.ReverseEarningRequest(request_id=new(), transfer_id=earning, amount=amount)
        reason, response = self.ask(self.lots.ledger.stub.ReverseEarning, request)
        assert reason == ("ALREADY_REVERSED" if not left else "REVERSAL_INVALID" if amount > left else "")
        if not reason:
            self.earned[earning][1] += amount or left
            lines = {pb.ClawbackLine.Source.Name(line.source)[7:].lower(): line.amount for line in response.lines}
            assert lines == self.bag.claw_back(earning, amount or left)

    @rule(target=holds, amount=AMOUNTS)
    def place(self, amount: int) -> Any:
        self.tick()
        request = holds_pb.PlaceHoldRequest(
            request_id=new(), profile_id=self.who, asset=self.bag.policy, amount=amount, ttl_seconds=604_800
        )
        reason, response = self.ask(self.lots.holds.PlaceHold, request)
        assert reason == self.bag.why_not(amount, self.now)
        if reason:
            return multiple()
        hold = Hold(self.bag.take(amount, "held"), self.now + WEEK)
        self.bag.holds[response.hold.hold_id] = hold
        return response.hold.hold_id

    @rule(hold_id=consumes(holds), amount=AMOUNTS)
    def capture(self, hold_id: str, amount: int) -> None:
        self.tick()
        hold = self.bag.holds[hold_id]
        if not hold.is_open:
            return
        amount = min(amount, len(hold.points))
        request = holds_pb.CaptureHoldRequest(request_id=new(), hold_id=hold_id, amount=amount)
        assert self.ask(self.lots.holds.CaptureHold, request)[0] == ""
        hold.is_open, hold.spending = False, Spending(hold.points[:amount], amount)
        for point in hold.spending.points:
            point.place = "gone"
        self.bag.release(hold.points[amount:], self.now)
        self.bag.settle(self.now)

    @rule(hold_id=consumes(holds))
    def void(self, hold_id: str) -> None:
        self.tick()
        hold = self.bag.holds[hold_id]
        if not hold.is_open:
            return
        request = holds_pb.VoidHoldRequest(request_id=new(), hold_id=hold_id)
        assert self.ask(self.lots.holds.VoidHold, request)[0] == ""
        hold.is_open = False
        self.bag.release(hold.points, self.now)
        self.bag.settle(self.now)

    @rule(data=st.data(), amount=FEW)
    def refund(self, data: st.DataObject, amount: int) -> None:
        self.tick()
        captured = {hold_id: hold.spending for hold_id, hold in self.bag.holds.items() if hold.spending}
        if not captured:
            return
        hold_id = data.draw(st.sampled_from(sorted(captured)))
        spent = captured[hold_id]
        request = holds_pb.RefundHoldRequest(request_id=new(), hold_id=hold_id, amount=amount)
        reason, _ = self.ask(self.lots.holds.RefundHold, request)
        assert reason == ("EXCEEDS_CAPTURE" if amount > spent.amount - spent.returned else "")
        if not reason:
            self.bag.give_back(spent, amount, self.now)
            self.bag.settle(self.now)

    @rule(hours=st.integers(1, 100), sweep=st.booleans())
    def wait(self, hours: int, sweep: bool) -> None:
        self.world.clock.advance(3600 * hours)
        if sweep:
            self.world.run(self.lots.programmes.settle())
        self.bag.settle(self.now)
        self.world.run(self.lots.hold_servicer.expire())
        over = [hold for hold in self.bag.holds.values() if hold.is_open and hold.expires <= self.now]
        for hold in sorted(over, key=lambda hold: hold.expires):
            hold.is_open = False
            self.bag.release(hold.points, self.now)
        self.bag.settle(self.now)

    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        """What was answered is answered again, to the byte, and changes nothing."""
        self.tick()
        if self.answers:
            method, request, response = data.draw(st.sampled_from(self.answers))
            again = self.world.run(_called(method, request))
            for outcome in getattr(again, "outcomes", ()):
                outcome.replayed = False
            assert again.SerializeToString(deterministic=True) == response.SerializeToString(deterministic=True)

    @invariant()
    def they_agree(self) -> None:
        places = {place: len(self.bag.at(place)) for place in ("available", "pending", "held")} | {
            "debt": self.bag.debt
        }
        assert self.world.run(self.lots.has(self.who)) == {place: amount for place, amount in places.items() if amount}

        days_of = Counter(point.expires for point in self.bag.at("available") if point.expires < NEVER)
        told = [((end - timedelta(days=1)).date().isoformat(), amount) for end, amount in sorted(days_of.items())]
        assert self.world.run(self.lots.expiring(self.who, within_days=365)) == told

    @invariant()
    def the_books_balance(self) -> None:
        self.world.run(self.lots.check())


async def _called(method: Any, request: Message) -> Any:
    return await method(request)


PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
"""A run takes a second: to look for a smaller one that fails would outlast the test's time."""


@pytest.fixture
def world(fresh_database: Callable[[str], str]) -> Iterator[World]:
    clock = FixedClock(local("2026-06-01 12:00:00"))
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        lots = runner.run(stack.enter_async_context(a_lots(fresh_database("incentive"), clock)))
        for asset, fields in POLICIES.items():
            runner.run(lots.programme(asset=asset, expiry="EXPIRY_NEVER", expiry_count=0, **fields))
        yield World(lots, clock, runner)
        runner.run(stack.aclose())


def test_the_ledger_agrees_with_a_bag_of_points_whatever_happens_when(world: World) -> None:
    run_state_machine_as_test(
        lambda: Machine(world),  # type: ignore[no-untyped-call]
        settings=settings(max_examples=25, stateful_step_count=40, phases=PHASES),
    )
