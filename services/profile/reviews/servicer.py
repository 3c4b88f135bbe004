"""The gRPC face of the review queue: translates, decides nothing, catches nothing."""

from uuid import UUID

from bowen.profile.v1 import profile_pb2
from bowen.profile.v1 import review_service_pb2 as pb
from bowen.profile.v1.review_service_pb2_grpc import ReviewServiceServicer

from chassis import pagination
from chassis.caller import current
from chassis.clock import Clock
from chassis.db import Database, ReadTx, Tx
from chassis.errors import PermissionDenied
from chassis.idempotency import once
from services.profile.attributes import store as attribute_store
from services.profile.attributes.domain import NOTHING
from services.profile.identity import convert as identity_convert
from services.profile.identity import store as identity
from services.profile.identity.domain import Author
from services.profile.identity.operations import RuleBook
from services.profile.identity.servicer.showing import masking, shown
from services.profile.reviews import convert, operations, store
from services.profile.reviews.domain import Decision
from services.profile.vault.domain import Vault


class ReviewServicer(ReviewServiceServicer):
    """Answers `bowen.profile.v1.ReviewService`. Who is who is the brand's: no store and no shopper has a part in it."""

    def __init__(self, db: Database, clock: Clock, vault: Vault, book: RuleBook | None = None) -> None:
        self._db, self._clock, self._vault, self._book = db, clock, vault, book or RuleBook()

    async def ListReviewItems(self, request: pb.ListReviewItemsRequest, context: object) -> pb.ListReviewItemsResponse:
        _check_brand()
        size = pagination.page_size(request.page_size)
        after = pagination.after(request, pagination.parse_id) or pagination.LAST_ID
        async with self._db.read() as tx:
            ids = await _ids(tx, UUID(request.profile_id)) if request.profile_id else None
            found = await store.page(tx, convert.filter_from_proto(request, ids), after=after, limit=size + 1)
        page, token = pagination.cut(request, found, size, lambda item: [str(item.review_item_id)])
        return pb.ListReviewItemsResponse(items=map(convert.item_to_proto, page), next_page_token=token)

    async def GetReviewItem(self, request: pb.GetReviewItemRequest, context: object) -> pb.GetReviewItemResponse:
        _check_brand()
        async with self._db.read() as tx:
            item = await store.get(tx, UUID(request.review_item_id))
            pair = [await self._profile(tx, each) for each in (item.low_id, item.high_id)]
        return pb.GetReviewItemResponse(item=convert.item_to_proto(item), profile=pair[0], other_profile=pair[1])

    async def ListConflicts(self, request: pb.ListConflictsRequest, context: object) -> pb.ListConflictsResponse:
        _check_brand()
        size = pagination.page_size(request.page_size)
        after = pagination.after(request, convert.place_from_key) or convert.FIRST_PLACE
        async with self._db.read() as tx:
            ids = await _ids(tx, UUID(request.profile_id)) if request.profile_id else None
            found = await store.conflicts(tx, self._vault, ids, request.state, after=after, limit=size + 1)
            searched = await store.conflicts_searched(tx, ids, after=after) if len(found) <= size else None
        page, token = pagination.cut(request, found, size, convert.place_to_key)
        if searched:
            token = pagination.encode_token(request, convert.place_to_key(searched))
        listed = [shown(convert.conflict_to_proto(each), convert.masked_conflict) for each in page]
        return pb.ListConflictsResponse(conflicts=listed, next_page_token=token)

    async def ResolveReviewItem(
        self, request: pb.ResolveReviewItemRequest, context: object
    ) -> pb.ResolveReviewItemResponse:
        _check_brand()
        author, now = Author(current().caller.principal, request.note), self._clock.now()
        review_item_id, decision = UUID(request.review_item_id), Decision(request.decision)

        async def work(tx: Tx) -> pb.ResolveReviewItemResponse:
            item = await operations.resolve(tx, self._vault, review_item_id, decision, author, now=now)
            return pb.ResolveReviewItemResponse(item=convert.item_to_proto(item))

        return await once(self._db, request, work, pb.ResolveReviewItemResponse)

    async def _profile(self, tx: ReadTx, asked: UUID) -> profile_pb2.Profile:
        root = await identity.root_of(tx, asked)
        reading = await identity.get_profile(tx, self._vault, root)
        known = (await attribute_store.known_of(tx, self._vault, [root])).get(root, NOTHING)
        read = identity_convert.profile_to_proto(*reading, known, asked, now=self._clock.now(), rules=self._book.rules)
        return shown(read, await masking(tx, identity_convert.masked_profile))


async def _ids(tx: ReadTx, profile_id: UUID) -> list[UUID]:
    return await identity.everyone_of(tx, await identity.root_of(tx, profile_id))


def _check_brand() -> None:
    """Raises `PermissionDenied` for a caller that is bound to a store or is a shopper."""
    caller = current().caller
    if caller.store_id or caller.profile_id:
        raise PermissionDenied("who is who is not a store's or a shopper's to decide")
