"""What others are told about flags."""

from collections.abc import Iterable
from datetime import datetime
from typing import TypeVar

from bowen.incentive.v1 import events_pb2

from chassis.db import Tx
from chassis.outbox import Fact, append
from chassis.stamps import stamp
from services.incentive.flags.convert import KINDS, STATES
from services.incentive.flags.domain import Flag

M = TypeVar("M", events_pb2.RewardFlagRaised, events_pb2.RewardFlagCleared, events_pb2.RewardFlagResolved)


async def flags_turned(tx: Tx, raised: Iterable[Flag], cleared: Iterable[Flag]) -> None:
    """Rewards turned out to be doubtful, and others not to be so any more."""
    facts = [_fact(events_pb2.RewardFlagRaised, flag, flag.flag_time) for flag in raised]
    facts += [_fact(events_pb2.RewardFlagCleared, flag, flag.clear_time) for flag in cleared if flag.clear_time]
    await append(tx, facts)


async def flag_resolved(tx: Tx, flag: Flag) -> None:
    """Somebody decided on a flag."""
    await append(tx, [_fact(events_pb2.RewardFlagResolved, flag, flag.resolve_time or flag.flag_time)])


def _fact(message_class: type[M], flag: Flag, time: datetime) -> Fact:
    message = message_class(
        flag_id=str(flag.flag_id),
        profile_id=flag.profile_id,
        item_id=str(flag.item_id),
        kind=KINDS[flag.kind],
        state=STATES[flag.state],
        first_id=str(flag.first_id or ""),
        campaign_id=str(flag.campaign_id or ""),
        time=stamp(time),
    )
    return Fact(message, time)
