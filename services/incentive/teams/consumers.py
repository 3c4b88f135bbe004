"""What teams do about facts of others."""

from collections.abc import Sequence

from bowen.distribution.v1.events_pb2 import OrderRefunded

from chassis.consumer import Delivery
from chassis.db import Tx
from services.incentive.teams import convert, operations


async def on_order_refunded(tx: Tx, batch: Sequence[Delivery[OrderRefunded]]) -> None:
    """Take back what teams got those who kept nothing of their orders."""
    if refunds := [refund for item in batch if (refund := convert.refund_of(item.event))]:
        await operations.refund_orders(tx, refunds, batch[-1].now)
