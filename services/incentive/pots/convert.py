"""Messages about pots, from and to what they mean."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from bowen.incentive.v1 import pot_pb2, pot_service_pb2
from bowen.profile.v1.event_pb2 import TRUST_SERVER
from bowen.profile.v1.events_pb2 import EventRecorded

from chassis.errors import Violation
from chassis.stamps import moment, stamp
from services.incentive.pots.domain import Point, Pot, Prizes, Share, State, ThinPool, Totals
from services.incentive.pots.errors import PotInvalid

GRACE_HOURS_DEFAULT = 24

_THIN_POOLS = {ThinPool.VOID: pot_pb2.Pot.THIN_POOL_VOID, ThinPool.FIRST: pot_pb2.Pot.THIN_POOL_FIRST}


def pot_from_proto(request: pot_service_pb2.CreatePotRequest, *, pot_id: UUID, budget_id: UUID, now: datetime) -> Pot:
    """The pot that is asked for. Raises `PotInvalid` with all that does not fit."""
    if violations := list(_violations(request)):
        raise PotInvalid(violations)
    first = request.thin_pool == pot_pb2.Pot.THIN_POOL_FIRST
    end_time = moment(request.end_time)
    return Pot(
        pot_id=pot_id,
        name=request.name,
        state=State.OPEN,
        event_name=request.event_name,
        score_min=request.score_min,
        asset=request.asset,
        prizes=Prizes(
            request.top_count,
            request.top_amount,
            request.shared_pool,
            ThinPool.FIRST if first else ThinPool.VOID,
        ),
        start_time=moment(request.start_time),
        end_time=end_time,
        freeze_time=end_time + timedelta(hours=request.grace_hours or GRACE_HOURS_DEFAULT),
        create_time=now,
        budget_id=budget_id,
    )


def _violations(request: pot_service_pb2.CreatePotRequest) -> Iterator[Violation]:
    if moment(request.end_time) <= moment(request.start_time):
        yield "end_time", "must be after start_time"
    if (request.top_count > 0) != (request.top_amount > 0):
        yield "top_amount", "must be given together with top_count"
    if not request.top_count and not request.shared_pool:
        yield "shared_pool", "must be at least 1 when there is no prize for the best"


def pot_to_proto(pot: Pot, totals: Totals) -> pot_pb2.Pot:
    """A pot with what became of its shares."""
    return pot_pb2.Pot(
        pot_id=str(pot.pot_id),
        name=pot.name,
        state=pot_pb2.Pot.State.Value(f"STATE_{pot.state.upper()}"),
        event_name=pot.event_name,
        score_min=pot.score_min,
        asset=pot.asset,
        top_count=pot.prizes.top_count,
        top_amount=pot.prizes.top_amount,
        shared_pool=pot.prizes.shared_pool,
        thin_pool=_THIN_POOLS[pot.prizes.thin_pool],
        start_time=stamp(pot.start_time),
        end_time=stamp(pot.end_time),
        freeze_time=stamp(pot.freeze_time),
        winner_count=totals.winners,
        set_hash=pot.set_hash,
        paid_amount=totals.paid_amount,
        unallocated_amount=totals.unallocated_amount,
        create_time=stamp(pot.create_time),
    )


def share_to_proto(share: Share, proof: Sequence[str] = ()) -> pot_pb2.PotShare:
    """What a winner gets."""
    return pot_pb2.PotShare(
        pot_id=str(share.pot_id),
        profile_id=share.profile_id,
        rank=share.rank,
        score=share.score,
        reach_time=stamp(share.reach_time),
        amount=share.amount,
        state=pot_pb2.PotShare.State.Value(f"STATE_{share.state.upper()}"),
        proof=proof,
    )


def point_of_event(event: EventRecorded) -> Point | None:
    """What may score. None for events without a name, and for those of public keys, which anybody can claim."""
    if not event.name or event.trust != TRUST_SERVER:
        return None
    return Point(UUID(event.event_id), event.name, event.profile_id, moment(event.timestamp))
