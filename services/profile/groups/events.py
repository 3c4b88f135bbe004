"""What others are told about groups."""

from collections.abc import Sequence
from datetime import datetime

from bowen.profile.v1 import events_pb2

from chassis.db import Tx
from chassis.outbox import Fact, append
from services.profile.groups import convert
from services.profile.groups.domain import Membership


async def membership_changed(tx: Tx, changed: Sequence[Membership], *, is_void: bool = False, now: datetime) -> None:
    """Tell which memberships are new, or how they stand now; or that they are none."""
    await append(
        tx,
        [
            Fact(
                events_pb2.MembershipChanged(
                    membership=convert.membership_to_proto(each), profile_id=str(each.profile_id), is_void=is_void
                ),
                now,
            )
            for each in changed
        ],
    )
