"""What others are told about tiers."""

from collections.abc import Sequence

from bowen.incentive.v1 import events_pb2

from chassis.db import Tx
from chassis.outbox import Fact, append
from chassis.stamps import stamp
from services.incentive.tiers.domain import Change, Programme


async def tiers_changed(tx: Tx, changes: Sequence[tuple[Programme, str, Change]]) -> None:
    """People's levels changed. The ids are those that stand for them now."""
    await append(
        tx,
        [
            Fact(
                events_pb2.TierChanged(
                    programme_id=str(programme.programme_id),
                    profile_id=profile_id,
                    from_level=change.from_level,
                    to_level=change.to_level,
                    level_name=programme.name_of(change.to_level),
                    change_time=stamp(change.time),
                ),
                change.time,
            )
            for programme, profile_id, change in changes
        ],
    )
