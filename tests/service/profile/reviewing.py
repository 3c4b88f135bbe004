"""The review queue in a few words."""

from typing import Any

from bowen.profile.v1 import review_pb2
from bowen.profile.v1 import review_service_pb2 as pb

from chassis.ids import new_id
from services.profile.reviews import operations
from tests.service.profile.speaking import Profile, identifier, identify

Item = review_pb2.ReviewItem
Decision = pb.ResolveReviewItemRequest
PHONE = "13912345678"


async def a_family(profile: Profile) -> tuple[str, str]:
    """Two people of one phone: the second is not believed to have it."""
    [one] = await profile.accepted(a_member("U1"))
    [other] = await profile.accepted(a_member("U2"))
    return one, other


def a_member(unionid: str) -> Any:
    return identify(
        identifiers=[identifier("wx.unionid", unionid, namespace="brand"), identifier("phone", PHONE)],
        traits={"name": "Zhang San"},
    )


async def queue(profile: Profile, **fields: Any) -> list[Item]:
    """What stands in the queue once it was kept."""
    await operations.keep_queue(profile.db, profile.clock)
    return list((await profile.review_stub.ListReviewItems(pb.ListReviewItemsRequest(**fields))).items)


async def conflicts(profile: Profile, **fields: Any) -> pb.ListConflictsResponse:
    return await profile.review_stub.ListConflicts(pb.ListConflictsRequest(**fields))


async def look(profile: Profile, item: Item) -> pb.GetReviewItemResponse:
    return await profile.review_stub.GetReviewItem(pb.GetReviewItemRequest(review_item_id=item.review_item_id))


async def decide(profile: Profile, item: Item, decision: str, request_id: str = "") -> Item:
    request = pb.ResolveReviewItemRequest(
        request_id=request_id or str(new_id()),
        review_item_id=item.review_item_id,
        decision=Decision.Decision.Value(f"DECISION_{decision}"),
        note="called them",
    )
    return (await profile.review_stub.ResolveReviewItem(request)).item
