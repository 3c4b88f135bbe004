"""What distribution hears of others, each fact by all capabilities whose it is, in one transaction."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from bowen.profile.v1.events_pb2 import (
    EventReassigned,
    EventRecorded,
    PersonalDataRequested,
    ProcessingChanged,
    ProfileErased,
    ProfileMerged,
    ProfileUnmerged,
)

from chassis.consumer import Consumer, Delivery
from chassis.db import Tx
from people.privacy import of_the_living
from people.restrictions import on_processing_changed
from services.distribution.orders.consumers import OrderEvents
from services.distribution.orders.operations import Terms
from services.distribution.privacy.consumers import on_personal_data_requested, on_profile_erased
from services.distribution.ripples import consumers as ripples
from services.distribution.subjects import consumers as subjects


def listen(consumer: Consumer, terms: Terms) -> None:
    """Have a consumer hear what it is for."""
    orders = OrderEvents(terms)

    async def on_people_changed(tx: Tx, profile_ids: Sequence[UUID], now: datetime) -> None:
        await ripples.on_people_changed(tx, profile_ids, now)
        await orders.on_people_changed(tx, profile_ids, now)

    async def on_profile_merged(tx: Tx, batch: Sequence[Delivery[ProfileMerged]]) -> None:
        await on_people_changed(tx, await subjects.on_profile_merged(tx, batch), batch[0].now)

    async def on_profile_unmerged(tx: Tx, batch: Sequence[Delivery[ProfileUnmerged]]) -> None:
        people = await subjects.on_profile_unmerged(tx, batch)
        await orders.on_profile_unmerged(tx, batch)
        await on_people_changed(tx, people, batch[0].now)

    async def on_event_recorded(tx: Tx, batch: Sequence[Delivery[EventRecorded]]) -> None:
        await ripples.on_event_recorded(tx, batch)
        await orders.on_event_recorded(tx, batch)

    async def on_event_reassigned(tx: Tx, batch: Sequence[Delivery[EventReassigned]]) -> None:
        await ripples.on_event_reassigned(tx, batch)
        await orders.on_event_reassigned(tx, batch)

    consumer.on(ProfileMerged, on_profile_merged)
    consumer.on(ProfileUnmerged, on_profile_unmerged)
    consumer.on(EventReassigned, of_the_living(on_event_reassigned))
    consumer.on(ProfileErased, on_profile_erased)
    consumer.on(PersonalDataRequested, on_personal_data_requested)
    consumer.on(ProcessingChanged, of_the_living(on_processing_changed))
    consumer.on(EventRecorded, of_the_living(on_event_recorded))
