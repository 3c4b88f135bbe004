"""What others are told about pots."""

from datetime import datetime

from bowen.incentive.v1 import events_pb2

from chassis.db import Tx
from chassis.outbox import Fact, append
from chassis.stamps import stamp
from services.incentive.pots.domain import Pot


async def pot_frozen(tx: Tx, pot: Pot, winners: int, *, now: datetime) -> None:
    """The winners of a pot stand."""
    event = events_pb2.PotFrozen(
        pot_id=str(pot.pot_id), winner_count=winners, set_hash=pot.set_hash, freeze_time=stamp(now)
    )
    await append(tx, [Fact(event, now)])
