"""The gRPC face of search: translates, decides nothing, catches nothing."""

from uuid import UUID

from bowen.profile.v1 import profile_pb2
from bowen.profile.v1 import search_service_pb2 as pb
from bowen.profile.v1.search_service_pb2_grpc import SearchServiceServicer

from chassis.caller import current
from chassis.clock import Clock
from chassis.db import Database, ReadTx, Tx
from chassis.errors import PermissionDenied
from services.profile.attributes.domain import Known
from services.profile.identity import convert, store
from services.profile.identity.operations import RuleBook
from services.profile.identity.servicer.showing import masking, shown
from services.profile.privacy import operations
from services.profile.privacy.operations import Searcher
from services.profile.search.domain import fragment_of
from services.profile.vault.domain import Vault


class SearchServicer(SearchServiceServicer):
    """Answers `bowen.profile.v1.SearchService`. It stands here because who was found is noted as a look is."""

    def __init__(self, db: Database, clock: Clock, vault: Vault, book: RuleBook | None = None) -> None:
        self._db, self._clock, self._vault, self._book = db, clock, vault, book or RuleBook()

    async def SearchProfiles(self, request: pb.SearchProfilesRequest, context: object) -> pb.SearchProfilesResponse:
        caller, now = current().caller, self._clock.now()
        if caller.profile_id:
            raise PermissionDenied("a shopper looks for nobody")
        fragment, searcher = fragment_of(request.q), Searcher(caller.principal, caller.store_id)

        async def work(tx: Tx) -> pb.SearchProfilesResponse:
            found = await operations.search(tx, self._vault, fragment, searcher, now=now)
            profiles = [await self._profile(tx, *each) for each in found.people]
            return pb.SearchProfilesResponse(profiles=profiles, has_more=found.has_more)

        return await self._db.transact(work)

    async def _profile(self, tx: ReadTx, profile_id: UUID, known: Known) -> profile_pb2.Profile:
        reading = await store.get_profile(tx, self._vault, profile_id)
        read = convert.profile_to_proto(*reading, known, profile_id, now=self._clock.now(), rules=self._book.rules)
        return shown(read, await masking(tx, convert.masked_profile))
