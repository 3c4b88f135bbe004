"""Review items, between the contract and the domain."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from bowen.profile.v1 import review_pb2
from bowen.profile.v1 import review_service_pb2 as pb

from chassis.stamps import stamp
from services.profile.identity import convert as identity_convert
from services.profile.identity.domain import masks
from services.profile.reviews.domain import ConflictPlace, ConflictRecord, Filter, Item


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


FIRST_PLACE = ConflictPlace(datetime(9999, 1, 1, tzinfo=UTC), UUID(int=0), UUID(int=0), "")
"""Before the newest conflict."""


def place_to_key(conflict: ConflictRecord | ConflictPlace) -> list[str | int]:
    """The sort key of a page's last conflict."""
    return [conflict.first_time.isoformat(), str(conflict.profile_id), str(conflict.key), conflict.rule]


def place_from_key(key: list[str | int]) -> ConflictPlace:
    """The place that a sort key stands for."""
    time, profile_id, identifier, rule = map(str, key)
    return ConflictPlace(datetime.fromisoformat(time), UUID(profile_id), UUID(identifier), rule)


def conflict_to_proto(conflict: ConflictRecord) -> review_pb2.IdentityConflict:
    """A claim that was not believed."""
    named = conflict.type, conflict.namespace, conflict.value, False
    return review_pb2.IdentityConflict(
        profile_id=str(conflict.profile_id),
        owner_id=str(conflict.owner_id) if conflict.owner_id else "",
        identifier=identity_convert.identifier_to_proto(*named),
        rule=conflict.rule,
        event_id=str(conflict.event_id) if conflict.event_id else "",
        source_id=conflict.source_id,
        count=conflict.claim_count,
        first_time=stamp(conflict.first_time),
        last_time=stamp(conflict.last_time),
        state=review_pb2.IdentityConflict.State.ValueType(conflict.state),
        review_item_id=str(conflict.review_item_id) if conflict.review_item_id else "",
    )


def masked_conflict(conflict: review_pb2.IdentityConflict) -> review_pb2.IdentityConflict:
    """A claim that was not believed, as it is shown to who has no reason to see it whole."""
    conflict.identifier.value = masks.value(conflict.identifier.value)
    return conflict
