"""What commission tells others."""

from datetime import datetime

from bowen.distribution.v1 import events_pb2

from chassis.outbox import Fact
from services.distribution.commission.convert import commission_to_proto
from services.distribution.commission.domain import Commission


def accrued(commission: Commission, time: datetime) -> Fact:
    """A commission accrued."""
    message = events_pb2.CommissionAccrued(
        order_id=str(commission.order_id), commission=commission_to_proto(commission)
    )
    return Fact(message, time)


def reversed_(commission: Commission, amount_minor: int, time: datetime) -> Fact:
    """Commission was taken back."""
    message = events_pb2.CommissionReversed(
        order_id=str(commission.order_id), commission=commission_to_proto(commission), amount_minor=amount_minor
    )
    return Fact(message, time)
