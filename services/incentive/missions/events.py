"""What others are told about missions."""

from collections.abc import Sequence
from datetime import datetime

from bowen.incentive.v1 import events_pb2

from chassis.db import Tx
from chassis.outbox import Fact, append
from chassis.stamps import stamp
from services.incentive.missions.domain import CompletionState, Verdict


async def missions_judged(tx: Tx, verdicts: Sequence[Verdict], *, now: datetime) -> None:
    """People completed missions, or lost a completion to refunds."""
    await append(tx, [Fact(_told(verdict, now), now) for verdict in verdicts])


def _told(verdict: Verdict, now: datetime) -> events_pb2.MissionCompleted | events_pb2.MissionReversed:
    mission, profile_id, completion, amount = verdict
    if completion.state is CompletionState.REVERSED:
        return events_pb2.MissionReversed(
            mission_id=str(mission.mission_id),
            profile_id=profile_id,
            number=completion.number,
            asset=mission.asset,
            amount=-amount,
            reverse_time=stamp(now),
        )
    return events_pb2.MissionCompleted(
        mission_id=str(mission.mission_id),
        profile_id=profile_id,
        number=completion.number,
        asset=mission.asset,
        amount=amount,
        complete_time=stamp(completion.complete_time),
    )
