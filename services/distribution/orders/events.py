"""What orders tell others."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from bowen.distribution.v1 import events_pb2
from google.protobuf.message import Message

from chassis import outbox
from chassis.db import Tx
from chassis.outbox import Fact
from chassis.stamps import stamp
from services.distribution.orders.convert import order_to_proto
from services.distribution.orders.domain.order import Change, Delivered, Order, Paid, Recredited


async def orders_changed(tx: Tx, changes: Sequence[Change]) -> None:
    """Orders were paid, delivered and refunded, and credits were voided and restored."""
    await outbox.append(tx, [Fact(_message(change), change.time) for change in changes])


async def order_reassigned(tx: Tx, order: Order, profile_id: UUID, from_profile_id: UUID, *, now: datetime) -> None:
    """An order is another person's."""
    message = events_pb2.OrderReassigned(
        order_id=str(order.order_id),
        profile_id=str(profile_id),
        from_profile_id=str(from_profile_id),
        order=order_to_proto(order),
        reassign_time=stamp(now),
    )
    await outbox.append(tx, [Fact(message, now)])


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
    if isinstance(change, Recredited):
        return events_pb2.OrderRecredited(
            order_id=order.order_id, profile_id=order.profile_id, order=order, recredit_time=stamp(change.time)
        )
    return events_pb2.OrderRefunded(
        refund_id=str(change.refund.refund_id),
        order_id=order.order_id,
        profile_id=order.profile_id,
        amount_minor=change.refund.amount_minor,
        order=order,
        refund_time=stamp(change.time),
    )
