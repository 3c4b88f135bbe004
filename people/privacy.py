"""What is done about people who ask to be told, or to be forgotten, and how profile is answered."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from bowen.profile.v1 import privacy_pb2
from bowen.profile.v1.events_pb2 import PersonalDataRequested, ProfileErased
from google.protobuf.message import Message

from chassis.consumer import Delivery
from chassis.db import Tx
from chassis.outbox import Fact, append
from chassis.stamps import stamp
from logic.privacy import erasure_proof, parts
from people import erasures
from people.erasures import Statements

Handler = Callable[[Tx, Sequence[Delivery[Any]]], Awaitable[None]]


class Keeper:
    """A service that keeps something about people: the statements that tell and forget it, the events that say so."""

    def __init__(
        self,
        service: str,
        *,
        held: Statements,
        forget: Statements,
        confirmed: Callable[..., Message],
        provided: Callable[..., Message],
    ) -> None:
        self._service, self._held, self._forget = service, held, forget
        self._confirmed, self._provided = confirmed, provided

    async def on_profile_erased(self, tx: Tx, batch: Sequence[Delivery[ProfileErased]]) -> None:
        """Forget people, and say so."""
        for delivery in batch:
            erased = delivery.event
            ids = [UUID(each) for each in erased.profile_ids]
            counts = await erasures.erase(tx, self._forget, ids, UUID(erased.token), now=delivery.now)
            erasure = _erasure(self._service, erased, counts, now=delivery.now)
            event = self._confirmed(request_id=erased.request_id, profile_id=erased.profile_id, erasure=erasure)
            await append(tx, [Fact(event, delivery.now)])

    async def on_personal_data_requested(self, tx: Tx, batch: Sequence[Delivery[PersonalDataRequested]]) -> None:
        """Tell what is held of people, part by part."""
        for delivery in batch:
            asked = delivery.event
            lines = await erasures.lines_of(tx, self._held, [UUID(each) for each in asked.profile_ids])
            events = [
                self._provided(request_id=asked.request_id, profile_id=asked.profile_id, part=part)
                for part in _parts(self._service, lines)
            ]
            await append(tx, [Fact(event, delivery.now) for event in events])


def _erasure(service: str, erased: ProfileErased, counts: Mapping[str, int], *, now: datetime) -> privacy_pb2.Erasure:
    return privacy_pb2.Erasure(
        service=service,
        counts=[privacy_pb2.ErasedCount(kind=kind, count=count) for kind, count in sorted(counts.items())],
        proof_hash=erasure_proof(erased.request_id, service, counts),
        confirm_time=stamp(now),
    )


def _parts(service: str, lines: Sequence[str]) -> list[privacy_pb2.DataPart]:
    texts = list(parts(lines))
    return [
        privacy_pb2.DataPart(service=service, number=number, total=len(texts), lines=text)
        for number, text in enumerate(texts)
    ]


def of_the_living(handler: Handler, *names: str) -> Handler:
    """A handler that hears nothing of people who were erased: what comes late does not bring them back.

    `names` are the fields of the event that name people, if they are others than `profile_id`.
    """

    def about(delivery: Delivery[Any]) -> set[UUID]:
        return {UUID(each) for name in names or ("profile_id",) if (each := getattr(delivery.event, name))}

    async def handle(tx: Tx, batch: Sequence[Delivery[Any]]) -> None:
        erased = await erasures.erased_among(tx, {each for delivery in batch for each in about(delivery)})
        living = [delivery for delivery in batch if erased.isdisjoint(about(delivery))]
        if living:
            await handler(tx, living)

    return handle
