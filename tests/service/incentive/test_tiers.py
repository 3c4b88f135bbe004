"""Tiers over gRPC, with the orders and rewards that count: cases of spec value §3.3."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from bowen.distribution.v1 import events_pb2 as distribution
from bowen.distribution.v1 import order_pb2
from bowen.incentive.v1 import tier_pb2
from bowen.incentive.v1 import tier_service_pb2 as pb
from bowen.incentive.v1.events_pb2 import RewardGranted, TierChanged
from bowen.incentive.v1.tier_service_pb2_grpc import TierServiceStub, add_TierServiceServicer_to_server
from bowen.profile.v1.events_pb2 import ProfileUnmerged

from chassis.caller import Call, Caller, acting
from chassis.client import Client
from chassis.errors import InvalidArgument, NotFound, PermissionDenied
from chassis.server import Server
from chassis.stamps import stamp
from services.incentive.holds import consumers as hold_consumers
from services.incentive.tiers import consumers
from services.incentive.tiers.servicer import TierServicer
from tests.service.incentive.ledgering import a_transfer, member
from tests.service.incentive.rewarding import NOON, Incentive, a_merge, new
from tests.service.incentive.test_restrictions import restrict

YEAR = timedelta(days=367)
Level = tier_pb2.TierLevel
READ = frozenset({"incentive.tiers:read"})


@dataclass
class Tiers:
    """Talks to tiers, beside the service whose clock and ledger they have."""

    stub: TierServiceStub
    servicer: TierServicer
    incentive: Incentive

    async def create(self, **fields: Any) -> str:
        given = {
            "request_id": new(),
            "name": "club",
            "metric": tier_pb2.TierMetric(orders=tier_pb2.TierOrders(currency_code="CNY")),
            "levels": [
                Level(name="silver", threshold=1_000),
                Level(name="gold", threshold=5_000),
                Level(name="partner", by_application=True),
            ],
            "window": tier_pb2.TierWindow(rolling_months=12),
        }
        response = await self.stub.CreateTierProgramme(pb.CreateTierProgrammeRequest(**given | fields))  # type: ignore[misc]
        return str(response.programme.programme_id)

    async def paid(self, profile_id: str, net_minor: int, at: datetime = NOON, currency: str = "CNY") -> Any:
        order_id = new()
        order = order_pb2.Order(
            order_id=order_id,
            profile_id=profile_id,
            net_minor=net_minor,
            currency_code=currency,
            pay_time=stamp(at),
        )
        event = distribution.OrderPaid(order_id=order_id, profile_id=profile_id, order=order, pay_time=stamp(at))
        await self.incentive.happen(event, handler=consumers.on_order_paid)
        return event

    async def refunded(self, paid: Any, total: int) -> None:
        order = order_pb2.Order()
        order.CopyFrom(paid.order)
        order.refunded_minor = total
        event = distribution.OrderRefunded(
            refund_id=new(), order_id=paid.order_id, profile_id=paid.profile_id, order=order, refund_time=stamp(NOON)
        )
        await self.incentive.happen(event, handler=consumers.on_order_refunded)

    async def of(self, programme_id: str, profile_id: str, as_of: datetime | None = None) -> tier_pb2.MemberTier:
        request = pb.GetMemberTierRequest(
            programme_id=programme_id, profile_id=profile_id, as_of=stamp(as_of) if as_of else None
        )
        return (await self.stub.GetMemberTier(request)).member  # type: ignore[misc,no-any-return]

    async def all_of(self, profile_id: str) -> list[tier_pb2.MemberTier]:
        return list((await self.stub.ListProfileTiers(pb.ListProfileTiersRequest(profile_id=profile_id))).tiers)  # type: ignore[misc]

    async def place(self, programme_id: str, profile_id: str, level: int, **fields: str) -> tier_pb2.MemberTier:
        request = pb.PlaceInTierRequest(
            request_id=new(), programme_id=programme_id, profile_id=profile_id, level=level, note="accepted", **fields
        )
        return (await self.stub.PlaceInTier(request)).member  # type: ignore[misc,no-any-return]

    async def changes(self, programme_id: str, profile_id: str) -> list[tuple[int, int, str]]:
        request = pb.ListTierChangesRequest(programme_id=programme_id, profile_id=profile_id)
        changes = (await self.stub.ListTierChanges(request)).changes  # type: ignore[misc]
        name = tier_pb2.TierChange.Reason.Name
        return [(each.from_level, each.to_level, name(each.reason).removeprefix("REASON_")) for each in changes]


@pytest.fixture
async def tiers(incentive: Incentive) -> AsyncIterator[Tiers]:
    """Tiers of an empty service, over gRPC."""
    servicer = TierServicer(incentive.db, incentive.clock)
    server = Server(listen="127.0.0.1:0", service="incentive", clock=incentive.clock)
    server.add(add_TierServiceServicer_to_server, servicer)
    port = await server.start()
    async with Client.connect(f"127.0.0.1:{port}", name="test", timeout_s=30.0, forward_caller=True) as client:
        yield Tiers(TierServiceStub(client), servicer, incentive)
    await server.stop(0)


async def test_cmp_10_spending_points_leaves_the_tier_as_it_is(tiers: Tiers):
    programme_id, buyer = await tiers.create(), new()
    await tiers.incentive.ledger.fund(member(profile_id=buyer), 500)
    await tiers.paid(buyer, 5_000)
    before = await tiers.of(programme_id, buyer)

    await tiers.incentive.ledger.post(a_transfer(member(profile_id=buyer), "sys/redeemed", 500))

    assert before.level_name == "gold"
    assert await tiers.of(programme_id, buyer) == before


async def test_cmp_10_what_was_earned_of_growth_counts_and_not_what_is_left_of_it(tiers: Tiers):
    programme_id = await tiers.create(metric=tier_pb2.TierMetric(asset_earned="growth"))
    earner = new()
    available = member(profile_id=earner)
    earned = a_transfer("issuer/summer", available, 1_000, asset="growth")
    await tiers.incentive.ledger.post(earned)
    await tiers.incentive.ledger.post(a_transfer(available, "sys/redeemed", 900, asset="growth"))
    grant = RewardGranted(grant_id=new(), profile_id=earner, asset="growth", amount=1_000, grant_time=stamp(NOON))

    await tiers.incentive.happen(grant, handler=consumers.on_reward_granted)

    assert [each.to_level for each in await tiers.incentive.told(TierChanged)] == [1]
    standing = await tiers.of(programme_id, earner)
    assert (standing.level_name, standing.earned, standing.missing) == ("silver", 1_000, 4_000)
    back = a_transfer(available, "issuer/summer", 100, asset="growth", reverses_transfer_id=earned.transfer_id)
    await tiers.incentive.ledger.post(back)
    assert (await tiers.of(programme_id, earner)).earned == 900


async def test_a_level_is_kept_for_its_time_and_then_lost(tiers: Tiers):
    programme_id, buyer = await tiers.create(), new()
    paid = await tiers.paid(buyer, 5_000)
    await tiers.refunded(paid, 4_500)
    kept = await tiers.of(programme_id, buyer)

    tiers.incentive.clock.advance(YEAR.total_seconds())
    await tiers.servicer.evaluate_due()

    assert (kept.level_name, kept.earned) == ("gold", 500)
    assert (await tiers.of(programme_id, buyer)).level_name == "silver"
    assert await tiers.changes(programme_id, buyer) == [(2, 1, "EXPIRED"), (0, 2, "EARNED")]
    assert [each.level_name for each in await tiers.incentive.told(TierChanged)] == ["gold", "silver"]


async def test_nobody_is_shown_a_level_whose_time_is_over_though_nothing_ran(tiers: Tiers):
    programme_id, buyer = await tiers.create(), new()
    await tiers.paid(buyer, 1_000)

    tiers.incentive.clock.advance(YEAR.total_seconds())

    assert (await tiers.of(programme_id, buyer)).level == 0


async def test_an_order_has_the_level_of_its_payment(tiers: Tiers):
    programme_id, buyer = await tiers.create(), new()
    await tiers.paid(buyer, 1_000)
    tiers.incentive.clock.advance(3_600)
    between = tiers.incentive.clock.now() - timedelta(seconds=1)
    await tiers.paid(buyer, 4_000, at=between)

    assert (await tiers.of(programme_id, buyer, as_of=between)).level_name == "silver"
    assert (await tiers.of(programme_id, buyer)).level_name == "gold"
    assert (await tiers.of(programme_id, buyer, as_of=NOON - timedelta(days=1))).level == 0


async def test_a_refund_that_comes_first_counts_and_other_currencies_do_not(tiers: Tiers):
    programme_id, buyer = await tiers.create(), new()
    foreign = await tiers.paid(buyer, 9_000, currency="USD")
    paid = await tiers.paid(new(), 5_000)
    paid.order.order_id = paid.order_id = new()
    paid.order.profile_id = paid.profile_id = buyer

    await tiers.refunded(paid, 4_500)
    await tiers.incentive.happen(paid, handler=consumers.on_order_paid)

    assert foreign.order.currency_code == "USD"
    assert (await tiers.of(programme_id, buyer)).earned == 500


async def test_ten_orders_at_once_are_one_rise_per_level(tiers: Tiers):
    programme_id, buyer = await tiers.create(), new()

    await asyncio.gather(*(tiers.paid(buyer, 500) for _ in range(10)))

    assert (await tiers.of(programme_id, buyer)).earned == 5_000
    changes = await tiers.changes(programme_id, buyer)
    assert [change[:2] for change in reversed(changes)] in ([(0, 1), (1, 2)], [(0, 2)])


async def test_two_profiles_that_are_one_person_count_together(tiers: Tiers):
    programme_id, one, other = await tiers.create(), new(), new()
    await tiers.paid(one, 4_000)
    await tiers.paid(other, 900)
    await tiers.incentive.happen(a_merge(one, other))

    await tiers.paid(other, 100)

    assert (await tiers.of(programme_id, one)).level_name == "gold"
    assert (await tiers.of(programme_id, one)).profile_id == other
    [listed] = await tiers.all_of(one)
    assert (listed.programme_id, listed.level_name, listed.profile_id) == (programme_id, "gold", other)
    assert await tiers.all_of(new()) == []


async def test_who_was_taken_for_another_stands_where_their_own_steps_led_when_the_merge_is_undone(tiers: Tiers):
    programme_id, high, low = await tiers.create(), new(), new()
    await tiers.paid(high, 5_000)
    await tiers.paid(low, 1_000)
    merge = a_merge(high, low)
    await tiers.incentive.happen(merge)
    await tiers.paid(low, 100)
    assert (await tiers.of(programme_id, low)).level_name == "gold"

    undoing = ProfileUnmerged(merge_id=merge.merge_id, survivor_id=low, restored_id=high, remaining_id=low)
    for _ in range(2):
        for handler in (hold_consumers.on_profile_unmerged, consumers.on_profile_unmerged):
            await tiers.incentive.happen(undoing, handler=handler)

    assert (await tiers.of(programme_id, high)).level_name == "gold"
    assert (await tiers.of(programme_id, low)).level_name == "silver"


async def test_a_partner_is_made_by_a_document_and_not_by_purchases(tiers: Tiers):
    programme_id, buyer = await tiers.create(), new()
    await tiers.paid(buyer, 10**9)
    assert (await tiers.of(programme_id, buyer)).level_name == "gold"

    with pytest.raises(InvalidArgument) as refusal:
        await tiers.place(programme_id, buyer, 3)
    placed = await tiers.place(programme_id, buyer, 3, document_id="contract-17")
    tiers.incentive.clock.advance(10 * YEAR.total_seconds())

    assert [field for field, _ in refusal.value.violations] == ["document_id"]
    assert placed.level_name == "partner"
    assert (await tiers.of(programme_id, buyer)).level_name == "partner"
    assert (await tiers.changes(programme_id, buyer))[0] == (2, 3, "PLACED")
    with pytest.raises(InvalidArgument):
        await tiers.place(programme_id, buyer, 4)


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("metric", {"metric": tier_pb2.TierMetric()}),
        ("metric.orders.currency_code", {"metric": tier_pb2.TierMetric(orders=tier_pb2.TierOrders())}),
        ("levels", {"levels": [Level(name="a", threshold=5), Level(name="b", threshold=5)]}),
        ("levels", {"levels": [Level(name="a", by_application=True), Level(name="b", threshold=5)]}),
        ("levels[0].name", {"levels": [Level(threshold=5)]}),
        ("window", {"window": tier_pb2.TierWindow()}),
        ("window.cycle_start", {"window": tier_pb2.TierWindow(cycle_start="02-30")}),
        ("window.rolling_months", {"window": tier_pb2.TierWindow(rolling_months=61)}),
        ("time_zone", {"time_zone": "localtime"}),
    ],
)
async def test_what_does_not_fit_together_is_refused_by_field(tiers: Tiers, field, fields):
    with pytest.raises(InvalidArgument) as refusal:
        await tiers.create(**fields)

    assert [name for name, _ in refusal.value.violations] == [field]


async def test_who_may_see_and_do_what(tiers: Tiers):
    programme_id, me, other = await tiers.create(), new(), new()

    with acting(Call(Caller("shopper", READ, profile_id=me))):
        assert (await tiers.of(programme_id, me)).level == 0
        with pytest.raises(PermissionDenied):
            await tiers.of(programme_id, other)
    with acting(Call(Caller("store", READ | {"incentive.tiers:write"}, store_id=new()))):
        assert (await tiers.of(programme_id, me)).level == 0
        with pytest.raises(PermissionDenied):
            await tiers.place(programme_id, me, 1)
    with pytest.raises(NotFound):
        await tiers.of(new(), me)
    listed = await tiers.stub.ListTierProgrammes(pb.ListTierProgrammesRequest())  # type: ignore[misc]
    assert [each.programme_id for each in listed.programmes] == [programme_id]
    got = await tiers.stub.GetTierProgramme(pb.GetTierProgrammeRequest(programme_id=programme_id))  # type: ignore[misc]
    assert got.programme == listed.programmes[0]
    with pytest.raises(NotFound):
        await tiers.stub.GetTierProgramme(pb.GetTierProgrammeRequest(programme_id=new()))  # type: ignore[misc]


async def test_pipl_47_who_is_only_stored_neither_rises_nor_falls_and_all_of_it_counts_afterwards(
    tiers: Tiers,
):
    programme_id, falling, rising, loser, other = await tiers.create(), new(), new(), new(), new()
    for each in (falling, other):
        await tiers.paid(each, 1_000)
    await tiers.incentive.happen(a_merge(loser, rising))
    for each in (falling, loser):
        await restrict(tiers.incentive, each, 1)
    await tiers.paid(rising, 1_000)
    tiers.incentive.clock.advance(YEAR.total_seconds())
    await tiers.servicer.evaluate_due()
    assert [(await tiers.of(programme_id, each)).level for each in (falling, rising, other)] == [1, 0, 0]
    told = len(await tiers.incentive.told(TierChanged))

    for each in (falling, loser):
        await restrict(tiers.incentive, each, 2, is_restricted=False)
    await tiers.servicer.evaluate_due()
    await tiers.paid(rising, 4_000, at=NOON + YEAR)

    assert await tiers.changes(programme_id, falling) == [(1, 0, "EXPIRED"), (0, 1, "EARNED")]
    assert await tiers.changes(programme_id, rising) == [(0, 1, "EARNED")]
    assert (told, len(await tiers.incentive.told(TierChanged))) == (3, 5)
