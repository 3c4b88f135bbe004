"""What orders tell others."""

from collections.abc import Sequence

from bowen.distribution.v1 import events_pb2
from google.protobuf.message import Message

from chassis import outbox
from chassis.db import Tx
from chassis.outbox import Fact
from chassis.stamps import stamp
from services.distribution.orders.convert import order_to_proto
from services.distribution.orders.domain.order import Change, Delivered, Paid


async def orders_changed(tx: Tx, changes: Sequence[Change]) -> None:
    """Orders were paid, delivered and refunded."""
    await outbox.append(tx, [Fact(_message(change), change.time) for change in changes])


def _message(change: Change) -> Message:
    order = order_to_proto(change.order)
    if isinstance(change, Paid):
        return events_pb2.OrderPaid(
            order_id=order.order_id, profile_id=order.profile_id, order=order, pay_time=stamp(change.time)
        )
    if isinstance(change, Delivered):
        return events_pb2.OrderDelivered(
            order_id=order.order_id, profile_id=order.profile_id, order=order, deliver_time=stamp(change.time)
        )
    return events_pb2.OrderRefunded(
        refund_id=str(change.refund.refund_id),
        order_id=order.order_id,
        profile_id=order.profile_id,
        amount_minor=change.refund.amount_minor,
        order=order,
        refund_time=stamp(change.time),
    )
