"""What facts of others score."""

from datetime import datetime
from functools import cache
from uuid import UUID

from bowen.distribution.v1.events_pb2 import OrderPaid, OrderRefunded
from bowen.distribution.v1.order_pb2 import Order, OrderLine
from bowen.profile.v1.event_pb2 import TRUST_SERVER
from bowen.profile.v1.events_pb2 import EventRecorded

from chassis.stamps import moment
from logic.conditions import read_properties
from services.incentive.pots.domain.points import Facts, OrderPoints, Point


def point_of_event(event: EventRecorded) -> Point | None:
    """What may score. None for events without a name, and for those of public keys, which anybody can claim."""
    if not event.name or event.trust != TRUST_SERVER:
        return None
    return Point(UUID(event.event_id), event.name, event.profile_id, moment(event.timestamp), _event_facts(event))


def _event_facts(event: EventRecorded) -> Facts:
    return cache(lambda: {"source_id": event.source_id or None, "properties": read_properties(event.properties)})


def points_of_payment(event: OrderPaid) -> OrderPoints | None:
    """What a paid order scores. None if nobody knows who bought."""
    return _points(event.profile_id, event.order_id, event.order, moment(event.pay_time)) if event.profile_id else None


def points_of_refund(event: OrderRefunded) -> OrderPoints | None:
    """What a refunded order still scores. None if nobody knows who bought, or when."""
    if not event.profile_id or not event.order.HasField("pay_time"):
        return None
    return _points(event.profile_id, event.order_id, event.order, moment(event.order.pay_time))


def _points(profile_id: str, order_id: str, order: Order, pay_time: datetime) -> OrderPoints:
    net = max(order.net_minor - order.refunded_minor, 0)
    kept = order.state != Order.STATE_REFUNDED and (net > 0 or not order.refunded_minor)
    items = sum(map(_kept_pieces, order.lines)) if kept else 0
    facts = cache(lambda: _order_facts(order))
    return OrderPoints(UUID(order_id), profile_id, pay_time, int(kept), items, net, order.currency_code, facts)


def _order_facts(order: Order) -> dict[str, object]:
    """An order as it was paid, whatever was refunded since."""
    return {
        "net_minor": order.net_minor,
        "currency_code": order.currency_code,
        "source": order.source or None,
        "store_id": order.store_id or None,
        "order_number": order.order_number,
        "quantity": sum(line.quantity for line in order.lines),
        "skus": [line.sku for line in order.lines],
        "categories": [line.category for line in order.lines if line.category],
    }


def _kept_pieces(line: OrderLine) -> int:
    """Pieces that are kept: of a line that is refunded in part, as many as are still paid in full."""
    if not line.refunded_minor:
        return line.quantity
    return line.quantity * (line.net_minor - line.refunded_minor) // line.net_minor
