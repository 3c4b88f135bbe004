"""What the gateway hears: which webhooks are to be called, and who is to be forgotten."""

from collections.abc import Sequence
from uuid import UUID

from bowen.incentive.v1.events_pb2 import WebhookMatured
from bowen.profile.v1.events_pb2 import ProfileErased

from chassis.consumer import Delivery
from chassis.db import Tx
from chassis.ids import new_id
from gateway.webhooks import queue, store
from gateway.webhooks.convert import delivery_of


async def on_webhook_matured(tx: Tx, batch: Sequence[Delivery[WebhookMatured]]) -> None:
    """Have calls posted, but none about people who were erased."""
    erased = await queue.find_erased(tx, {UUID(each.event.profile_id) for each in batch})
    known = await store.find_endpoints(tx, [UUID(each.event.endpoint_id) for each in batch])
    deliveries = [
        delivery_of(each.event, new_id(), each.now, is_known=UUID(each.event.endpoint_id) in known)
        for each in batch
        if UUID(each.event.profile_id) not in erased
    ]
    await queue.insert_deliveries(tx, deliveries)


async def on_profile_erased(tx: Tx, batch: Sequence[Delivery[ProfileErased]]) -> None:
    """Forget what was, or was to be, posted about people."""
    await queue.erase(tx, {UUID(each) for item in batch for each in item.event.profile_ids}, batch[0].now)
