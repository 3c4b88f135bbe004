"""What is done about people who ask to be told, or to be forgotten."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

from bowen.profile.v1.events_pb2 import PersonalDataRequested, ProcessingChanged, ProfileErased

from chassis.consumer import Delivery
from chassis.db import Tx
from logic.privacy import parts
from services.distribution.privacy import events, store
from services.distribution.subjects.store import save_restrictions

Handler = Callable[[Tx, Sequence[Delivery[Any]]], Awaitable[None]]


async def on_profile_erased(tx: Tx, batch: Sequence[Delivery[ProfileErased]]) -> None:
    """Forget people, and say so."""
    for delivery in batch:
        erased = delivery.event
        ids = [UUID(each) for each in erased.profile_ids]
        counts = await store.forget(tx, ids, UUID(erased.token), now=delivery.now)
        await events.erasure_confirmed(tx, erased, counts, now=delivery.now)


async def on_processing_changed(tx: Tx, batch: Sequence[Delivery[ProcessingChanged]]) -> None:
    """Who is only stored from now on is no longer known by their visits and devices."""
    told = [(UUID(each.event.profile_id), each.event.version, each.event.is_restricted) for each in batch]
    await save_restrictions(tx, told)


async def on_personal_data_requested(tx: Tx, batch: Sequence[Delivery[PersonalDataRequested]]) -> None:
    """Tell what is held of people."""
    for delivery in batch:
        asked = delivery.event
        lines = await store.lines_of(tx, [UUID(each) for each in asked.profile_ids])
        await events.personal_data_provided(tx, asked, list(parts(lines)), now=delivery.now)


def of_the_living(handler: Handler) -> Handler:
    """A handler that hears nothing of people who were erased: what comes late does not bring them back."""

    async def handle(tx: Tx, batch: Sequence[Delivery[Any]]) -> None:
        named = {delivery.event.profile_id for delivery in batch} - {""}
        erased = {str(each) for each in await store.erased_among(tx, [UUID(each) for each in named])}
        living = [delivery for delivery in batch if delivery.event.profile_id not in erased]
        if living:
            await handler(tx, living)

    return handle
