"""What others are told about consent."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from bowen.profile.v1 import consent_pb2, events_pb2

from chassis.db import Tx
from chassis.outbox import Fact, append
from chassis.stamps import stamp
from services.profile.consent.domain import Entry, Flags


async def consent_changed(tx: Tx, entries: Sequence[Entry], *, now: datetime) -> None:
    """Tell what people said."""
    await append(tx, [Fact(_consent_changed(entry), now) for entry in entries])


def _consent_changed(entry: Entry) -> events_pb2.ConsentChanged:
    return events_pb2.ConsentChanged(
        consent_id=str(entry.consent_id),
        profile_id=str(entry.profile_id),
        sequence=entry.sequence,
        purpose=entry.purpose,
        channel=entry.channel,
        address_hash=entry.address_hash.hex(),
        state=consent_pb2.ConsentState.ValueType(entry.state),
        consent_time=stamp(entry.consent_time),
    )


async def processing_changed(tx: Tx, profile_id: UUID, flags: Flags, *, version: int, now: datetime) -> None:
    """Tell how a profile may be processed."""
    event = events_pb2.ProcessingChanged(
        profile_id=str(profile_id),
        version=version,
        is_restricted=flags.is_restricted,
        is_personalization_off=flags.is_personalization_off,
        change_time=stamp(now),
    )
    await append(tx, [Fact(event, now)])
