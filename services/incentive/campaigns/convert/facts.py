"""Facts of others as occasions."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from bowen.distribution.v1 import order_pb2
from bowen.distribution.v1.events_pb2 import OrderDelivered, OrderPaid, OrderRefunded, TouchRecorded
from bowen.incentive.v1.campaign_service_pb2 import EvaluateCampaignsRequest
from bowen.incentive.v1.events_pb2 import PacketReturned
from bowen.profile.v1.events_pb2 import EventRecorded
from bowen.tagging.v1.events_pb2 import SegmentEntered

from chassis.consumer import Delivery
from chassis.stamps import moment
from logic.conditions import read_properties
from services.incentive.campaigns.convert.faults import trigger_faults
from services.incentive.campaigns.convert.terms import trigger_from_proto
from services.incentive.campaigns.domain import Act, Kind, Occasion, Refund
from services.incentive.campaigns.domain.invitations import Signup, Touch
from services.incentive.campaigns.domain.returns import Comeback
from services.incentive.campaigns.errors import CampaignInvalid

Facts = Callable[[], Mapping[str, Any]]


def occasion_of_event(item: Delivery[EventRecorded]) -> Occasion | None:
    """A recorded event; None if it has no name, as those that only tell who somebody is."""
    event = item.event
    if not event.name:
        return None
    return Occasion(
        kind=Kind.EVENT,
        value=event.name,
        cause=UUID(event.event_id),
        profile_id=event.profile_id,
        time=moment(event.timestamp),
        now=item.now,
        facts=_event_facts(event),
        known_time=moment(event.receive_time) if event.HasField("receive_time") else item.event_time,
    )


def _event_facts(event: EventRecorded) -> Facts:
    @cache
    def facts() -> Mapping[str, Any]:
        return {
            "source_id": event.source_id or None,
            "anonymous_id": event.anonymous_id or None,
            "properties": read_properties(event.properties),
        }

    return facts


def signup_of_event(item: Delivery[EventRecorded]) -> Signup | None:
    """A registration; None for every other event."""
    event = item.event
    if event.name != Act.REGISTER:
        return None
    return Signup(event.profile_id, event.anonymous_id, UUID(event.event_id), moment(event.timestamp))


def occasion_of_entry(item: Delivery[SegmentEntered]) -> Occasion:
    """An entry into a segment."""
    event = item.event
    entry_id, enter_time = UUID(event.entry_id), moment(event.enter_time)
    return Occasion(
        Kind.SEGMENT,
        event.segment_id,
        entry_id,
        event.profile_id,
        enter_time,
        item.now,
        known_time=item.event_time,
    )


def occasion_of_paid(item: Delivery[OrderPaid]) -> Occasion | None:
    """A paid order; None if nobody knows who bought."""
    return _of_order(Kind.ORDER, item, moment(item.event.pay_time))


def occasion_of_delivered(item: Delivery[OrderDelivered]) -> Occasion | None:
    """A delivered order; None if nobody knows who bought."""
    return _of_order(Kind.DELIVERY, item, moment(item.event.deliver_time))


def _of_order(kind: Kind, item: Delivery[Any], time: datetime) -> Occasion | None:
    event = item.event
    if not event.profile_id:
        return None
    return Occasion(
        kind=kind,
        value="",
        cause=UUID(event.order_id),
        profile_id=event.profile_id,
        time=time,
        now=item.now,
        net_minor=event.order.net_minor,
        facts=cache(lambda: order_facts(event.order)),
        sharer_id=event.order.attribution.sharer_profile_id,
        known_time=item.event_time,
    )


def occasion_of_refunded(item: Delivery[OrderRefunded]) -> Occasion | None:
    """A refund; None if nobody knows who bought."""
    event = item.event
    if not event.profile_id:
        return None
    return Occasion(
        kind=Kind.REFUND,
        value="",
        cause=UUID(event.refund_id),
        profile_id=event.profile_id,
        time=moment(event.refund_time),
        now=item.now,
        net_minor=event.amount_minor,
        facts=cache(lambda: order_facts(event.order)),
        sharer_id=event.order.attribution.sharer_profile_id,
        known_time=item.event_time,
    )


def occasion_of_touch(item: Delivery[TouchRecorded]) -> Occasion | None:
    """A counted visit, of who shared; None when a partner did."""
    event = item.event
    if not event.sharer_profile_id:
        return None
    return Occasion(
        kind=Kind.CLICK,
        value="",
        cause=UUID(event.touch.touch_id),
        profile_id=event.sharer_profile_id,
        time=moment(event.touch.touch_time),
        now=item.now,
        facts=lambda: {"anonymous_id": event.touch.visitor_id, "depth": event.depth},
        sharer_id=event.sharer_profile_id,
        known_time=item.event_time,
    )


def occasion_of_request(request: EvaluateCampaignsRequest, *, cause: UUID, now: datetime) -> Occasion:
    """A fact that may happen. Raises `CampaignInvalid` when it is not one of the catalogue."""
    if violations := [(field.replace("trigger", "fact", 1), rule) for field, rule in trigger_faults(request.fact)]:
        raise CampaignInvalid(violations)
    trigger = trigger_from_proto(request.fact)
    time = moment(request.time) if request.HasField("time") else now
    judged = moment(request.now) if request.HasField("now") else time
    facts = read_properties(request.facts)
    return Occasion(
        kind=trigger.kind,
        value=trigger.value,
        cause=cause,
        profile_id=request.profile_id,
        time=time,
        now=judged,
        net_minor=request.net_minor if trigger.kind.has_net else None,
        facts=lambda: {"net_minor": request.net_minor, **facts} if trigger.kind.has_net else facts,
        sharer_id=request.sharer_profile_id,
        known_time=judged,
    )


def touch_of(item: Delivery[TouchRecorded]) -> Touch | None:
    """A counted visit through a consumer's link; None through a partner's."""
    event, touch = item.event, item.event.touch
    if not event.sharer_profile_id:
        return None
    time = moment(touch.touch_time)
    return Touch(UUID(touch.touch_id), touch.visitor_id, touch.profile_id, event.sharer_profile_id, time)


def order_facts(order: order_pb2.Order) -> dict[str, object]:
    """What conditions may ask of an order: what is left of it, line by line."""
    lines = [line for line in order.lines if not line.refunded_minor or line.refunded_minor < line.net_minor]
    return {
        "net_minor": order.net_minor - order.refunded_minor,
        "currency_code": order.currency_code,
        "source": order.source or None,
        "store_id": order.store_id or None,
        "order_number": order.order_number,
        "quantity": sum(line.quantity for line in lines),
        "skus": [line.sku for line in lines],
        "categories": [line.category for line in lines if line.category],
    }


def refund_from_proto(item: Delivery[OrderRefunded]) -> Refund:
    """How far an order is refunded, and what is left of it."""
    order = item.event.order
    return Refund(
        UUID(item.event.order_id), UUID(item.event.refund_id), order.refunded_minor, item.now, order_facts(order)
    )


def comeback_of(event: PacketReturned) -> Comeback:
    """Why and when a packet came back."""
    return Comeback(" ".join(filter(None, (event.state, event.provider_code))), moment(event.return_time))
