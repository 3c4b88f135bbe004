"""What others are told about pots."""

from datetime import datetime

from bowen.incentive.v1 import events_pb2

from chassis.db import Tx
from chassis.outbox import Fact, append
from chassis.stamps import stamp
from services.incentive.pots.domain import Pot, Totals


async def pot_frozen(tx: Tx, pot: Pot, winners: int, *, now: datetime) -> None:
    """The winners of a pot stand."""
    event = events_pb2.PotFrozen(
        pot_id=str(pot.pot_id),
        winner_count=winners,
        set_hash=pot.set_hash,
        seed_hash=pot.seed_hash,
        entry_hash=pot.entry_hash,
        freeze_time=stamp(now),
        void_amount=pot.void_amount,
    )
    await append(tx, [Fact(event, now)])


async def pot_carried_over(tx: Tx, pot: Pot, heir: Pot, amount: int, *, now: datetime) -> None:
    """An amount that nobody got of a pot's pool is in that of its heir now."""
    event = events_pb2.PotCarriedOver(
        pot_id=str(pot.pot_id),
        carry_over_pot_id=str(heir.pot_id),
        asset=pot.asset,
        amount=amount,
        shared_pool=heir.shared_pool + amount,
        carry_time=stamp(now),
    )
    await append(tx, [Fact(event, now)])


async def pot_settled(tx: Tx, pot: Pot, totals: Totals, *, now: datetime) -> None:
    """All winners of a pot are paid, and its seed is no secret any more."""
    event = events_pb2.PotSettled(
        pot_id=str(pot.pot_id),
        paid_amount=totals.paid_amount,
        unallocated_amount=totals.unallocated_amount,
        ungiven_amount=totals.ungiven_amount,
        seed=pot.revealed_seed,
        settle_time=stamp(now),
    )
    await append(tx, [Fact(event, now)])
