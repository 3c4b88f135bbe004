"""What others are told about requests."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from bowen.profile.v1 import events_pb2

from chassis.db import Tx
from chassis.outbox import Fact, append
from chassis.stamps import stamp


async def profile_erased(tx: Tx, request_id: UUID, person: Sequence[UUID], token: UUID, *, now: datetime) -> None:
    """Tell that a person has to be forgotten."""
    event = events_pb2.ProfileErased(
        request_id=str(request_id),
        profile_id=str(person[0]),
        profile_ids=[str(each) for each in person],
        token=str(token),
        erase_time=stamp(now),
    )
    await append(tx, [Fact(event, now)])


async def personal_data_requested(tx: Tx, request_id: UUID, person: Sequence[UUID], *, now: datetime) -> None:
    """Ask what others hold of a person."""
    event = events_pb2.PersonalDataRequested(
        request_id=str(request_id),
        profile_id=str(person[0]),
        profile_ids=[str(each) for each in person],
        request_time=stamp(now),
    )
    await append(tx, [Fact(event, now)])
