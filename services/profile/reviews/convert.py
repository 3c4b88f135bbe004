"""Review items, between the contract and the domain."""

from collections.abc import Sequence
from uuid import UUID

from bowen.profile.v1 import review_pb2
from bowen.profile.v1 import review_service_pb2 as pb

from chassis.stamps import stamp
from services.profile.reviews.domain import Filter, Item


def filter_from_proto(request: pb.ListReviewItemsRequest, profile_ids: Sequence[UUID] | None) -> Filter:
    """Which items are asked for."""
    return Filter(request.state, request.source, profile_ids, request.min_probability_bp)


def item_to_proto(item: Item) -> review_pb2.ReviewItem:
    """An item."""
    message = review_pb2.ReviewItem(
        review_item_id=str(item.review_item_id),
        source=review_pb2.ReviewItem.Source.ValueType(item.source),
        state=review_pb2.ReviewItem.State.ValueType(item.state),
        profile_id=str(item.low_id),
        other_profile_id=str(item.high_id),
        rule=item.rule,
        identifier_type=item.identifier_type,
        event_id=str(item.event_id) if item.event_id else "",
        probability_bp=item.probability_bp,
        weights=[review_pb2.MatchWeight(field=name, weight_centibits=bits) for name, bits in item.weights],
        actor=item.actor,
        note=item.note,
        merge_id=str(item.merge_id) if item.merge_id else "",
        create_time=stamp(item.create_time),
    )
    if item.resolve_time is not None:
        message.resolve_time.CopyFrom(stamp(item.resolve_time))
    return message
