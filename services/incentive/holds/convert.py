"""Messages about holds, from and to what they mean."""

from datetime import datetime, timedelta
from uuid import UUID

from bowen.incentive.v1 import hold_pb2, hold_service_pb2

from chassis.stamps import stamp
from services.incentive.holds.domain import TTL_DEFAULT, Hold, State


def hold_from_proto(request: hold_service_pb2.PlaceHoldRequest, *, hold_id: UUID, store_id: str, now: datetime) -> Hold:
    """The hold that is asked for."""
    ttl = timedelta(seconds=request.ttl_seconds) or TTL_DEFAULT
    return Hold(
        hold_id=hold_id,
        profile_id=request.profile_id,
        asset=request.asset,
        amount=request.amount,
        captured_amount=0,
        refunded_amount=0,
        state=State.HELD,
        reference=request.reference,
        store_id=store_id or None,
        expire_time=now + ttl,
        create_time=now,
    )


def hold_to_proto(hold: Hold) -> hold_pb2.Hold:
    """A hold as it stands."""
    return hold_pb2.Hold(
        hold_id=str(hold.hold_id),
        profile_id=hold.profile_id,
        asset=hold.asset,
        amount=hold.amount,
        captured_amount=hold.captured_amount,
        refunded_amount=hold.refunded_amount,
        state=hold_pb2.Hold.State.Value(f"STATE_{hold.state.upper()}"),
        reference=hold.reference,
        expire_time=stamp(hold.expire_time),
        create_time=stamp(hold.create_time),
        resolve_time=stamp(hold.resolve_time) if hold.resolve_time else None,
    )
