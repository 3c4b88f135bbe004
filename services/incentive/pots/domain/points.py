"""What scores in pots."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID


class Point(NamedTuple):
    """A recorded event that may score."""

    event_id: UUID
    name: str
    profile_id: str
    time: datetime


class OrderPoints(NamedTuple):
    """What an order that was paid at `time` scores by each metric: less after every refund, never more."""

    order_id: UUID
    profile_id: str
    time: datetime
    orders: int
    items: int
    net: int
    currency_code: str


def least(points: Iterable[OrderPoints]) -> list[OrderPoints]:
    """Of each order the points after all that is known of its refunds, in whatever order that arrived."""
    found: dict[UUID, OrderPoints] = {}
    for each in points:
        known = found.setdefault(each.order_id, each)
        found[each.order_id] = known._replace(
            orders=min(known.orders, each.orders), items=min(known.items, each.items), net=min(known.net, each.net)
        )
    return [found[order_id] for order_id in sorted(found)]
