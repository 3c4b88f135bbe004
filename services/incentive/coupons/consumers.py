"""What coupons do about facts of orders: an order of distribution's that has coupons is paid, delivered and refunded.

An order is meant by its id or its number, the latter only with the same buyer or in the store whose key made it:
numbers are unique in one shop, not in all.
"""

from collections.abc import Sequence

from bowen.distribution.v1.events_pb2 import OrderDelivered, OrderPaid, OrderRefunded

from chassis.consumer import Delivery
from chassis.db import Tx
from chassis.stamps import moment
from services.incentive.coupons.convert import orders as convert
from services.incentive.coupons.operations import facts


async def on_order_paid(tx: Tx, batch: Sequence[Delivery[OrderPaid]]) -> None:
    """Use what was set aside for orders."""
    await facts.redeem_known(tx, [convert.known_order(item.event.order, item.now) for item in batch])


async def on_order_delivered(tx: Tx, batch: Sequence[Delivery[OrderDelivered]]) -> None:
    """Remember it: what comes back of an order depends on it."""
    known = [convert.known_order(item.event.order, moment(item.event.deliver_time)) for item in batch]
    await facts.deliver_known(tx, known)


async def on_order_refunded(tx: Tx, batch: Sequence[Delivery[OrderRefunded]]) -> None:
    """Give coupons back of orders of which nothing remains. Parts have no effect on coupons."""
    full = [item for item in batch if convert.is_refunded(item.event.order)]
    await facts.refund_known(tx, [convert.known_order(item.event.order, item.now) for item in full])
