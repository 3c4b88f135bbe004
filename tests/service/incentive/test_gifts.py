"""Coupons and what matures: effects whose inverse is somebody else's matter. Spec value §2.3, PL-02."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from bowen.distribution.v1 import events_pb2 as distribution
from bowen.incentive.v1 import campaign_pb2, coupon_pb2, programme_pb2
from bowen.incentive.v1 import programme_service_pb2 as programmes_pb

from chassis.db import Tx, driver
from chassis.errors import InvalidArgument
from chassis.stamps import stamp
from services.incentive.campaigns.consumers import on_order_delivered
from tests.service.incentive.campaigning import draft, gives, of_orders, publish, refusals, running
from tests.service.incentive.couponing import Till, a_cart
from tests.service.incentive.rewarding import NOON, Incentive, a_paid_order, a_refund, new
from tests.waiting import eventually

Maturity = campaign_pb2.Maturity
WAITING = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


def coupon(template_id: str, **fields: Any) -> campaign_pb2.Effect:
    return campaign_pb2.Effect(coupon=campaign_pb2.CouponEffect(template_id=template_id), **fields)


def delivery(paid: Any, at: timedelta = timedelta()) -> Any:
    return distribution.OrderDelivered(
        order_id=paid.order_id, profile_id=paid.profile_id, order=paid.order, deliver_time=stamp(NOON + at)
    )


async def a_programme(incentive: Incentive) -> None:
    programme = programme_pb2.Programme(asset="points", name="Points", expiry=programme_pb2.Programme.EXPIRY_NEVER)
    await incentive.programmes.CreateProgramme(  # type: ignore[misc]
        programmes_pb.CreateProgrammeRequest(request_id=new(), programme=programme)
    )


async def lots(incentive: Incentive) -> list[tuple[int, Any]]:
    return await incentive.rows("SELECT amount, mature_time FROM lot ORDER BY lot_id")


async def test_a_coupon_is_issued_and_revoked_when_the_order_is_returned(incentive: Incentive) -> None:
    template_id = await incentive.a_template()
    await running(incentive, of_orders(coupon(template_id)))
    await incentive.happen(paid := a_paid_order(profile_id := new()))
    (grant,) = await incentive.grants(profile_id)
    (issued,) = await incentive.coupons_of(profile_id)

    await incentive.happen(a_refund(paid, 9_999))
    kept = (await incentive.coupons_of(profile_id))[0].state
    await incentive.happen(a_refund(paid, 10_000))

    assert (grant.coupon_id, grant.amount) == (issued.coupon_id, 1)
    assert kept == issued.state
    assert [each.state for each in await incentive.coupons_of(profile_id)] == [coupon_pb2.Coupon.STATE_REVOKED]


@pytest.mark.parametrize("is_paid", [True, False])
async def test_who_uses_the_coupon_and_returns_the_order_that_gave_it_gets_no_second_one(
    incentive: Incentive, is_paid: bool
) -> None:
    limits = [campaign_pb2.Limit(entity=campaign_pb2.Limit.ENTITY_PERSON, cap=1)]
    effect = coupon(await incentive.a_template(), budget_cost=1_000)
    campaign_id, till = await running(incentive, of_orders(effect, limits=limits), budget=5_000), Till(incentive)
    await incentive.happen(paid := a_paid_order(profile_id := new()))
    (issued,) = await incentive.coupons_of(profile_id)
    await till.lock(issued.code, cart=a_cart(profile_id=profile_id))
    if is_paid:
        await till.pay()

    await incentive.happen(a_refund(paid, 10_000))
    await till.pay()
    await incentive.happen(again := a_paid_order(profile_id))
    await till.refund()
    await incentive.happen(a_refund(again, 10_000))

    assert [await till.state(each) for each in await incentive.coupons_of(profile_id)] == ["REDEEMED"]
    assert await incentive.spent(campaign_id) == 1_000
    assert await refusals(incentive, profile_id=profile_id) == [("PERSON_LIMIT", 1)]


async def test_what_the_template_refuses_is_refused_and_takes_nothing_of_the_budget(incentive: Incentive) -> None:
    template_id = await incentive.a_template(stock=1)
    limits = [campaign_pb2.Limit(entity=campaign_pb2.Limit.ENTITY_PERSON, cap=1)]
    campaign_id = await running(incentive, of_orders(coupon(template_id, budget_cost=100), limits=limits))

    await incentive.happen(a_paid_order(new()), a_paid_order(late := new()))

    assert await incentive.spent(campaign_id) == 100
    assert await refusals(incentive, profile_id=late) == [("COUPON_REFUSED", 1)]
    assert await incentive.grants(late) == []
    assert await incentive.rows("SELECT sum(rewards)::bigint FROM claimant") == [(1,)]


async def test_a_template_that_is_not_there_cannot_be_published(incentive: Incentive) -> None:
    campaign_id = await draft(incentive, of_orders(coupon(new())))

    with pytest.raises(InvalidArgument) as refused:
        await publish(incentive, campaign_id)

    assert [field for field, _ in refused.value.violations] == ["terms.effects[0].coupon.template_id"]


async def test_what_is_promised_for_delivery_reaches_the_account_then_and_matures_from_there(
    incentive: Incentive,
) -> None:
    await a_programme(incentive)
    maturity = Maturity(base=Maturity.BASE_DELIVERED, days=15)
    campaign_id = await running(incentive, of_orders(gives(rate=1_000, maturity=maturity)))
    await incentive.happen(paid := a_paid_order(profile_id := new(), 10_000))
    (promised,) = await incentive.grants(profile_id)
    before = await lots(incentive)

    await incentive.happen(a_refund(paid, 4_000))
    await incentive.happen(delivery(paid, timedelta(days=2)), delivery(paid, timedelta(days=2)))
    await incentive.happen(delivery(paid, timedelta(days=9)))

    assert (promised.amount, promised.awaits_delivery, before) == (1_000, True, [])
    assert await lots(incentive) == [(600, NOON + timedelta(days=17))]
    assert await incentive.spent(campaign_id) == 600
    await incentive.happen(a_refund(paid, 10_000))
    assert (await incentive.has(profile_id), await incentive.spent(campaign_id)) == ((0, 0), 0)
    await incentive.ledger.check()


async def test_a_delivery_holds_budgets_before_accounts_so_that_nobody_is_caught_in_a_circle(
    incentive: Incentive,
) -> None:
    await running(incentive, of_orders(gives(fixed=50, maturity=Maturity(base=Maturity.BASE_DELIVERED))))
    on_delivery = campaign_pb2.Trigger(order_delivered=campaign_pb2.OrderDeliveredTrigger())
    await running(incentive, of_orders(gives(fixed=5), trigger=on_delivery))
    await incentive.happen(paid := a_paid_order(profile_id := new()))
    await incentive.ledger.fund(f"member/{profile_id}/available", 1)
    tries: list[str] = []
    delivering: list[asyncio.Task[None]] = []

    async def deliver(tx: Tx, batch: Any) -> None:
        tries.append("delivery")
        await on_order_delivered(tx, batch)

    async def spend(tx: Tx) -> None:
        tries.append("spending")
        connection = await driver(tx)
        await connection.execute("SELECT FROM budget ORDER BY budget_id FOR UPDATE")
        if not delivering:
            delivering.append(asyncio.create_task(incentive.happen(delivery(paid), handler=deliver)))
            await eventually(waiting)
        own = f"member/{profile_id}/available"
        await connection.execute("SELECT FROM account WHERE account = $1 FOR UPDATE", own)

    async def waiting() -> bool:
        return bool(await incentive.rows(WAITING))

    await incentive.db.transact(spend)
    await delivering[0]

    assert tries == ["spending", "delivery"]
    assert await incentive.has(profile_id) == (56, 0)


async def test_a_delivery_that_is_known_before_the_payment_counts_all_the_same(incentive: Incentive) -> None:
    maturity = Maturity(base=Maturity.BASE_VERIFIED)
    await running(incentive, of_orders(gives(fixed=50, maturity=maturity)))
    paid = a_paid_order(profile_id := new())

    await incentive.happen(delivery(paid))
    await incentive.happen(paid)

    assert await incentive.has(profile_id) == (50, 0)
    (grant,) = await incentive.grants(profile_id)
    assert not grant.awaits_delivery


async def test_an_order_that_is_returned_before_it_is_delivered_earns_nothing(incentive: Incentive) -> None:
    maturity = Maturity(base=Maturity.BASE_DELIVERED)
    await running(incentive, of_orders(gives(fixed=50, maturity=maturity)))
    await incentive.happen(paid := a_paid_order(profile_id := new()))

    await incentive.happen(a_refund(paid, 10_000))
    await incentive.happen(delivery(paid))

    assert await incentive.has(profile_id) == (0, 0)
    await incentive.ledger.check()


async def test_each_side_has_its_own_maturity(incentive: Incentive) -> None:
    await a_programme(incentive)
    own = gives(fixed=10, maturity=Maturity(base=Maturity.BASE_PAID, days=1))
    other = gives(
        fixed=20,
        maturity=Maturity(base=Maturity.BASE_PAID, days=30),
        beneficiary=campaign_pb2.Effect.BENEFICIARY_SHARER,
    )
    await running(incentive, of_orders(own, other))
    paid = a_paid_order(new())
    paid.order.attribution.sharer_profile_id = new()

    await incentive.happen(paid)

    assert await lots(incentive) == [(10, NOON + timedelta(days=1)), (20, NOON + timedelta(days=30))]


async def test_nothing_can_be_promised_to_mature_that_has_no_programme(incentive: Incentive) -> None:
    campaign_id = await draft(incentive, of_orders(gives(fixed=10, maturity=Maturity(days=15))))

    with pytest.raises(InvalidArgument) as refused:
        await publish(incentive, campaign_id)

    assert refused.value.violations[0][1].startswith("MATURITY_PROGRAMME")


def packet(**fields: Any) -> campaign_pb2.Effect:
    said = campaign_pb2.PacketEffect(**{"currency_code": "CNY", "wishing": "Thank you"} | fields)
    return campaign_pb2.Effect(packet=said)


async def packets(incentive: Incentive) -> list[tuple[str, str, int, str]]:
    return await incentive.rows(
        "SELECT packet_id::text, profile_id::text, amount_minor, state FROM packet ORDER BY packet_id"
    )


async def test_a_packet_is_on_its_way_under_the_grant_s_id_and_is_not_sent_when_the_order_is_returned(
    incentive: Incentive,
) -> None:
    campaign_id = await running(incentive, of_orders(packet(order_rate_bp=500)), budget=1_000)
    await incentive.happen(paid := a_paid_order(profile_id := new(), 10_000))
    (grant,) = await incentive.grants(profile_id)
    on_its_way, spent = await packets(incentive), await incentive.spent(campaign_id)

    await incentive.happen(a_refund(paid, 10_000))

    assert (grant.packet_id, grant.amount, grant.asset) == (grant.grant_id, 500, "")
    assert on_its_way == [(grant.grant_id, profile_id, 500, "reserved")]
    assert spent == 500
    ((_, _, _, state),) = await packets(incentive)
    assert state != "reserved"
    assert await incentive.spent(campaign_id) == 0
    await incentive.ledger.check()


async def test_a_packet_that_no_provider_carries_is_not_given(incentive: Incentive) -> None:
    await running(incentive, of_orders(packet(order_rate_bp=100)))

    await incentive.happen(a_paid_order(new(), 9_999), a_paid_order(large := new(), 9_000_000))

    assert [(profile_id, amount) for _, profile_id, amount, _ in await packets(incentive)] == [(large, 20_000)]


async def test_a_packet_of_less_than_a_yuan_is_refused(incentive: Incentive) -> None:
    with pytest.raises(InvalidArgument) as refused:
        await draft(incentive, of_orders(packet(fixed=99)))

    assert [field for field, _ in refused.value.violations] == ["terms.effects[0].packet.fixed"]


async def test_who_takes_a_gift_back_holds_templates_before_accounts(incentive: Incentive) -> None:
    template_id = await incentive.a_template()
    await running(incentive, of_orders(gives(fixed=10), coupon(template_id)))
    await incentive.happen(paid := a_paid_order(profile_id := new()))

    async def give(tx: Tx) -> None:
        connection = await driver(tx)
        await connection.execute("SELECT FROM coupon_template WHERE template_id = $1 FOR UPDATE", template_id)
        other = asyncio.create_task(incentive.happen(a_refund(paid, 10_000)))
        await eventually(lambda: incentive.rows(WAITING))
        await connection.execute(
            "SELECT FROM account WHERE account LIKE $1 FOR UPDATE NOWAIT", f"member/{profile_id}/%"
        )
        returned.append(other)

    returned: list[asyncio.Task[None]] = []
    await incentive.db.transact(give)
    await returned[0]

    assert await incentive.has(profile_id) == (0, 0)
