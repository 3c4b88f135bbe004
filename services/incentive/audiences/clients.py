"""What audiences ask others: who entered a segment before its entries were heard of here."""

from collections.abc import Awaitable, Callable, Collection
from uuid import UUID

import structlog
from bowen.tagging.v1 import segment_service_pb2 as pb
from bowen.tagging.v1.segment_service_pb2_grpc import SegmentServiceStub

from chassis.client import Client
from chassis.clock import Clock
from chassis.db import Database, Tx
from chassis.errors import NotFound, Refusal
from services.incentive.audiences import convert, store
from services.incentive.audiences.domain import Turn

ENTRIES_MAX = 1_000
ASK_SECONDS_MAX = 10.0

log = structlog.get_logger(__name__)

ErasedAmong = Callable[[Tx, Collection[UUID]], Awaitable[set[UUID]]]


class Copier:
    """Has tagging tell segments again, a page per transaction, and takes what it tells like facts.

    Listening began before asking, and entries and facts make the same of each other in every order: who enters, leaves
    or is merged meanwhile is neither missed nor brought back. Several replicas ask for different segments; one that is
    killed is followed by another where it ended. While tagging does not answer, segments wait.
    """

    def __init__(
        self, db: Database, tagging: Client, clock: Clock, erased_among: ErasedAmong, *, entries_max: int = ENTRIES_MAX
    ) -> None:
        self._db, self._clock, self._erased_among, self._entries_max = db, clock, erased_among, entries_max
        self._stub = SegmentServiceStub(tagging)
        self._is_waiting = False

    async def copy(self) -> None:
        """Copy what was asked for, to its end."""
        try:
            while await self.copy_page():
                self._is_waiting = False
        except Refusal as refusal:
            if not self._is_waiting:
                log.warning("audiences wait for tagging", error=str(refusal))
            self._is_waiting = True

    async def copy_page(self) -> bool:
        """Take the next page over. False when there is nothing left to ask. Raises outages."""
        return await self._db.transact(self._copy_page)

    async def _copy_page(self, tx: Tx) -> bool:
        copy = await store.lock_copy(tx)
        if copy is None:
            return False
        turns = await self._ask(copy)
        erased = await self._erased_among(tx, {UUID(turn.profile_id) for turn in turns})
        if living := [turn for turn in turns if UUID(turn.profile_id) not in erased]:
            await store.save_turns(tx, living)
        await store.save_copy(tx, copy.segment_id, turns, complete_time=None if turns else self._clock.now())
        return True

    async def _ask(self, copy: store.OpenCopy) -> list[Turn]:
        """The next entries. Nobody is in a segment that does not exist: ids are tagging's own, and none is coming."""
        request = pb.ListSegmentEntriesRequest(
            segment_id=str(copy.segment_id), after_entry_id=str(copy.after_entry_id), entries_max=self._entries_max
        )
        try:
            entries = (await self._stub.ListSegmentEntries(request, timeout=ASK_SECONDS_MAX)).entries
        except NotFound as refusal:
            if refusal.reason != "SEGMENT_NOT_FOUND":
                raise
            log.warning("a campaign is for a segment that does not exist", segment_id=str(copy.segment_id))
            return []
        return [convert.turn_of_entry(copy.segment_id, entry) for entry in entries]
