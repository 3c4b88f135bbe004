"""What others are told about the ledger."""

from collections.abc import Sequence

from bowen.incentive.v1 import events_pb2

from chassis.db import Tx
from chassis.outbox import Fact, append
from chassis.stamps import stamp
from services.incentive.ledger.domain.clawbacks import Excess


async def debt_limits_reached(tx: Tx, excesses: Sequence[Excess]) -> None:
    """The brand bore what members may not owe."""
    await append(tx, [Fact(_reached(each), each.claim.post_time) for each in excesses])


def _reached(excess: Excess) -> events_pb2.DebtLimitReached:
    claim, line, debt_max = excess
    return events_pb2.DebtLimitReached(
        profile_id=claim.profile_id,
        asset=claim.asset,
        amount=line.amount,
        debt_max=debt_max,
        transfer_id=line.transfer_id,
        memo=claim.memo,
        time=stamp(claim.post_time),
    )
