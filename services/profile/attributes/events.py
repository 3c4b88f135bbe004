"""What others are told about attributes."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from bowen.profile.v1 import events_pb2

from chassis.db import Tx
from chassis.outbox import Fact, append
from chassis.stamps import stamp
from services.profile.attributes import domain
from services.profile.attributes.domain import Known


async def profile_updated(tx: Tx, changes: Sequence[tuple[UUID, Known, list[str]]], *, now: datetime) -> None:
    """Tell what is known of people now, and the names of what changed."""
    await append(
        tx,
        [
            Fact(
                events_pb2.ProfileUpdated(
                    profile_id=str(profile_id),
                    attributes=domain.public(known.facts),
                    changed=names,
                    version=known.version,
                    update_time=stamp(now),
                ),
                now,
            )
            for profile_id, known, names in changes
        ],
    )
