"""What tagging does about facts of others: it takes them in, and judges."""

from collections.abc import Sequence

import msgspec
from bowen.distribution.v1.events_pb2 import OrderPaid, OrderRefunded
from bowen.incentive.v1.events_pb2 import RewardGranted, RewardReversed
from bowen.profile.v1.events_pb2 import (
    EventReassigned,
    EventRecorded,
    ProcessingChanged,
    ProfileMerged,
    ProfileUnmerged,
    ProfileUpdated,
)

from chassis.consumer import Delivery
from chassis.db import Tx
from chassis.stamps import moment
from logic.redirects import Edge
from services.tagging.subjects import store as subjects
from services.tagging.subjects.domain import NewFact, Processing
from services.tagging.tags import convert, operations
from services.tagging.taxonomy import store as taxonomy

ORDER_PAID = "order.paid"
ORDER_REFUNDED = "order.refunded"


async def on_event_recorded(tx: Tx, batch: Sequence[Delivery[EventRecorded]]) -> None:
    """People did something."""
    facts = [convert.fact_from_event(delivery.event) for delivery in batch]
    seen = [(delivery.event.profile_id, delivery.now) for delivery in batch]
    await operations.take_in(tx, seen, facts=[fact for fact in facts if fact])


async def on_profile_updated(tx: Tx, batch: Sequence[Delivery[ProfileUpdated]]) -> None:
    """Attributes of people changed."""
    told = [(delivery.event.profile_id, delivery.event.attributes, delivery.event.version) for delivery in batch]
    await operations.take_in(tx, [(delivery.event.profile_id, delivery.now) for delivery in batch], told=told)


async def on_processing_changed(tx: Tx, batch: Sequence[Delivery[ProcessingChanged]]) -> None:
    """How people may be processed changed: they are judged anew by what still may judge them."""
    told = [
        (
            delivery.event.profile_id,
            delivery.event.version,
            Processing(delivery.event.is_restricted, delivery.event.is_personalization_off),
        )
        for delivery in batch
    ]
    await subjects.save_processing(tx, told)
    await operations.take_in(tx, [(delivery.event.profile_id, delivery.now) for delivery in batch])


async def on_profile_merged(tx: Tx, batch: Sequence[Delivery[ProfileMerged]]) -> None:
    """Two profiles are one person."""
    for delivery in batch:
        merged = delivery.event
        edge = Edge(merged.merge_id, merged.loser_id, merged.survivor_id)
        told = (merged.survivor_id, merged.attributes, merged.version)
        await operations.merge(tx, edge, told=told, now=delivery.now)


async def on_profile_unmerged(tx: Tx, batch: Sequence[Delivery[ProfileUnmerged]]) -> None:
    """Who was taken for one person is two again."""
    for delivery in batch:
        undone = delivery.event
        edge = Edge(undone.merge_id, undone.restored_id, undone.survivor_id)
        told = [
            (undone.remaining_id, undone.remaining_attributes, undone.remaining_version),
            (undone.restored_id, undone.restored_attributes, undone.restored_version),
        ]
        await operations.unmerge(tx, edge, undone.restored_from_ids, told=told, now=delivery.now)


async def on_event_reassigned(tx: Tx, batch: Sequence[Delivery[EventReassigned]]) -> None:
    """What was taken for one person's deed is another's."""
    moved = [(convert.fact_from_event(each.event), moment(each.event.reassign_time)) for each in batch]
    concerned = {id_ for each in batch for id_ in (each.event.profile_id, each.event.from_profile_id)}
    await operations.reassign(tx, moved, concerned, now=max(each.now for each in batch))


async def on_order_paid(tx: Tx, batch: Sequence[Delivery[OrderPaid]]) -> None:
    """People bought something: the fact `order.paid`."""
    facts = [_order_fact(delivery, ORDER_PAID, delivery.event.order.net_minor) for delivery in batch]
    await operations.take_in(tx, [(delivery.event.profile_id, delivery.now) for delivery in batch], facts=facts)


async def on_order_refunded(tx: Tx, batch: Sequence[Delivery[OrderRefunded]]) -> None:
    """People gave something back: the fact `order.refunded`."""
    facts = [_order_fact(delivery, ORDER_REFUNDED, delivery.event.amount_minor) for delivery in batch]
    await operations.take_in(tx, [(delivery.event.profile_id, delivery.now) for delivery in batch], facts=facts)


async def on_reward_granted(tx: Tx, batch: Sequence[Delivery[RewardGranted]]) -> None:
    """Campaigns gave tags: as by hand, with the grant as who did it. Tags that are no more are left out."""
    given = sorted(
        (delivery for delivery in batch if delivery.event.tag_id), key=lambda delivery: delivery.event.profile_id
    )
    tags = await taxonomy.find_tags(tx, {delivery.event.tag_id for delivery in given})
    for delivery in given:
        grant = delivery.event
        if grant.tag_id in tags:
            await operations.add_tag(
                tx,
                profile_id=grant.profile_id,
                tag=tags[grant.tag_id],
                operator=_operator(grant.grant_id),
                expire_time=None,
                now=delivery.now,
            )


async def on_reward_reversed(tx: Tx, batch: Sequence[Delivery[RewardReversed]]) -> None:
    """Campaigns took tags back; what somebody else gave meanwhile stays."""
    for delivery in sorted(batch, key=lambda delivery: delivery.event.profile_id):
        grant = delivery.event
        if grant.tag_id:
            await operations.take_back_tag(
                tx,
                profile_id=grant.profile_id,
                tag_id=grant.tag_id,
                operator=_operator(grant.grant_id),
                now=delivery.now,
            )


def _operator(grant_id: str) -> str:
    return f"grant:{grant_id}"


def _order_fact(delivery: Delivery[OrderPaid] | Delivery[OrderRefunded], name: str, amount_minor: int) -> NewFact:
    event = delivery.event
    time = moment(event.pay_time if isinstance(event, OrderPaid) else event.refund_time)
    properties = {
        "order_id": event.order_id,
        "store_id": event.order.store_id,
        "source": event.order.source,
        "currency_code": event.order.currency_code,
        "amount_minor": amount_minor,
        "categories": sorted({line.category for line in event.order.lines if line.category}),
    }
    return NewFact(str(delivery.event_id), event.profile_id, name, time, msgspec.json.encode(properties).decode())
