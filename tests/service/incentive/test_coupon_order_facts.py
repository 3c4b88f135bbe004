"""What coupons make of orders of distribution's."""

from bowen.distribution.v1 import events_pb2 as distribution
from bowen.distribution.v1 import order_pb2
from bowen.incentive.v1.events_pb2 import CouponRedeemed, CouponReturned

from chassis.stamps import stamp
from services.incentive.coupons import consumers
from tests.service.incentive.couponing import Policies, Till, a_cart
from tests.service.incentive.rewarding import NOON, a_merge, new


def an_order(reference: str, profile_id: str, **fields: str) -> order_pb2.Order:
    return order_pb2.Order(order_id=new(), order_number=reference, profile_id=profile_id, **fields)


async def test_an_order_of_distributions_is_paid_delivered_and_refunded_as_its_coupons_know_it(till: Till) -> None:
    coupon = await till.a_coupon(policies=Policies(is_compensation=True))
    await till.lock(coupon.code, cart=a_cart(profile_id=coupon.profile_id))
    order = an_order("A-17", coupon.profile_id)
    happen = till.incentive.happen

    for _ in range(2):
        paid = distribution.OrderPaid(order_id=order.order_id, order=order, pay_time=stamp(NOON))
        await happen(paid, paid, handler=consumers.on_order_paid)
    assert await till.state(coupon) == "REDEEMED"
    delivered = distribution.OrderDelivered(order=order, deliver_time=stamp(NOON))
    await happen(delivered, handler=consumers.on_order_delivered)

    part = distribution.OrderRefunded(refund_id=new(), order=order, refund_time=stamp(NOON))
    await happen(part, handler=consumers.on_order_refunded)
    assert await till.state(coupon) == "REDEEMED"
    order.state = order_pb2.Order.STATE_REFUNDED
    whole = distribution.OrderRefunded(refund_id=new(), order=order, refund_time=stamp(NOON))
    for _ in range(2):
        await happen(whole, whole, handler=consumers.on_order_refunded)

    assert await till.state(coupon) == "ISSUED"
    assert len(await till.incentive.told(CouponRedeemed)) == len(await till.incentive.told(CouponReturned)) == 1


async def test_what_distribution_delivered_is_known_at_the_till(till: Till) -> None:
    coupon = await till.a_coupon()
    await till.lock(coupon.code, cart=a_cart(profile_id=coupon.profile_id))
    await till.pay()
    order = an_order("A-17", coupon.profile_id)
    delivered = distribution.OrderDelivered(order=order, deliver_time=stamp(NOON))
    await till.incentive.happen(delivered, handler=consumers.on_order_delivered)

    await till.refund()

    assert await till.state(coupon) == "REDEEMED"


async def test_another_shops_order_of_the_same_number_is_another_order(till: Till) -> None:
    coupon = await till.a_coupon()
    await till.lock(coupon.code, cart=a_cart(profile_id=coupon.profile_id))

    for order in (an_order("A-17", new()), an_order("A-17", ""), an_order("A-17", new(), store_id=new())):
        await till.incentive.happen(distribution.OrderPaid(order=order), handler=consumers.on_order_paid)
    assert await till.state(coupon) == "LOCKED"

    survivor = new()
    await till.incentive.happen(a_merge(coupon.profile_id, survivor))
    paid = distribution.OrderPaid(order=an_order("A-17", survivor))
    await till.incentive.happen(paid, handler=consumers.on_order_paid)
    assert await till.state(coupon) == "REDEEMED"
