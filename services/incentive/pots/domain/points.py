"""What scores in pots."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from logic.conditions import compile_condition

Facts = Callable[[], Mapping[str, Any]]


class Point(NamedTuple):
    """A recorded event that may score. `facts` tells what conditions may ask."""

    event_id: UUID
    name: str
    profile_id: str
    time: datetime
    facts: Facts = dict

    @property
    def fact_id(self) -> UUID:
        """What scores once."""
        return self.event_id


class OrderPoints(NamedTuple):
    """What an order that was paid at `time` scores by each metric: less after every refund, never more.

    `facts` tells what conditions may ask: the same before and after refunds, so that the order of arrival makes no
    difference.
    """

    order_id: UUID
    profile_id: str
    time: datetime
    orders: int
    items: int
    net: int
    currency_code: str
    facts: Facts = dict

    @property
    def fact_id(self) -> UUID:
        """What scores once."""
        return self.order_id

    @property
    def name(self) -> str:
        """Orders are no named events."""
        return ""


class Rule(NamedTuple):
    """What an open pot asks of events of a name; of orders when the name is empty."""

    pot_id: UUID
    event_name: str
    when: str


def meeting(rules: Iterable[Rule], points: Iterable[Point | OrderPoints]) -> list[tuple[UUID, UUID]]:
    """Pots and the facts that meet their conditions."""
    by_name: dict[str, list[Rule]] = {}
    for rule in rules:
        by_name.setdefault(rule.event_name, []).append(rule)
    return [
        (rule.pot_id, point.fact_id)
        for point in points
        for rule in by_name.get(point.name, ())
        if compile_condition(rule.when)(point.facts())
    ]


def least(points: Iterable[OrderPoints]) -> list[OrderPoints]:
    """Of each order the points after all that is known of its refunds, in whatever order that arrived."""
    found: dict[UUID, OrderPoints] = {}
    for each in points:
        known = found.setdefault(each.order_id, each)
        found[each.order_id] = known._replace(
            orders=min(known.orders, each.orders), items=min(known.items, each.items), net=min(known.net, each.net)
        )
    return [found[order_id] for order_id in sorted(found)]
