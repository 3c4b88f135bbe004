"""Events that were not stored, as the contract writes them."""

from bowen.profile.v1 import rejection_pb2, rejection_service_pb2

from chassis.stamps import moment, stamp
from services.profile.rejections import domain
from services.profile.rejections.domain import Filter, Rejection


def filter_from_proto(request: rejection_service_pb2.ListRejectionsRequest) -> Filter:
    """Which rejections are wanted."""
    return Filter(
        request.source_id,
        request.reason,
        moment(request.start_time) if request.HasField("start_time") else None,
        moment(request.end_time) if request.HasField("end_time") else None,
    )


def rejection_to_proto(rejection: Rejection) -> rejection_pb2.Rejection:
    """An event that was not stored, as it came."""
    return rejection_pb2.Rejection(
        rejection_id=str(rejection.rejection_id),
        source_id=rejection.source_id,
        reason=rejection.reason,
        detail=rejection.detail,
        message_id=rejection.message_id,
        raw=rejection.raw,
        raw_size=rejection.raw_size,
        seen_count=rejection.seen_count,
        create_time=stamp(rejection.create_time),
        last_seen_time=stamp(rejection.last_seen_time),
    )


def masked_rejection(rejection: rejection_pb2.Rejection) -> rejection_pb2.Rejection:
    """The same, as it is shown to those who have no reason to see it whole."""
    rejection.raw = domain.masked(rejection.raw)
    return rejection
