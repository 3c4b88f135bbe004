"""The gRPC face of ingest: concurrent calls share transactions."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from bowen.profile.v1 import ingest_service_pb2 as pb
from bowen.profile.v1.ingest_service_pb2_grpc import IngestServiceServicer

from chassis.batch import Gatherer
from chassis.clock import Clock
from chassis.db import Database, Tx
from chassis.turns import Turns
from services.profile.identity import operations as identity
from services.profile.ingest import convert, operations
from services.profile.ingest.domain import Incoming, Outcome
from services.profile.vault.domain import Vault

EVENTS_PER_TRANSACTION_MAX = 2_500
CALLS_PER_BATCH_MAX = 250
CALLS_WAITING_MAX = 2_000
LANES = 2
"""One batch is made ready while the database works on the other."""


class Batch(NamedTuple):
    """The events of one call, and when it came."""

    events: Sequence[Incoming]
    now: datetime


class IngestServicer(IngestServiceServicer):
    """Answers `bowen.profile.v1.IngestService`."""

    def __init__(self, db: Database, clock: Clock, vault: Vault, book: identity.RuleBook | None = None) -> None:
        self._db, self._clock, self._vault = db, clock, vault
        self._book = book or identity.RuleBook()
        self._turns: Turns[bytes] = Turns()
        self._gatherer: Gatherer[Batch, list[Outcome]] = Gatherer(
            self._store,
            batch_max=EVENTS_PER_TRANSACTION_MAX,
            queue_max=CALLS_WAITING_MAX,
            lanes=LANES,
            size=_size,
        )

    async def Ingest(self, request: pb.IngestRequest, context: object) -> pb.IngestResponse:
        events = [convert.incoming_from_proto(event) for event in request.events]
        outcomes = await self._gatherer.submit(Batch(events, self._clock.now()))
        return pb.IngestResponse(outcomes=[convert.outcome_to_proto(outcome) for outcome in outcomes])

    async def close(self) -> None:
        """Finish what was taken in."""
        await self._gatherer.close()

    async def _store(self, batches: Sequence[Batch]) -> list[list[Outcome]]:
        """Store calls in one transaction."""
        events = [event for batch in batches for event in batch.events]
        now, rules = max(batch.now for batch in batches), self._book.rules
        judged = operations.judge(events, now=now, rules=rules)

        async def work(tx: Tx) -> list[Outcome]:
            return await operations.ingest(tx, events, judged, vault=self._vault, now=now, rules=rules)

        async with self._turns.of(operations.keys_of(judged)):
            found = iter(await identity.transact(self._db, work))
        return [[next(found) for _ in batch.events] for batch in batches]


def _size(batch: Batch) -> int:
    """What a call takes of a transaction, in events; many small calls are too many too."""
    return max(len(batch.events), EVENTS_PER_TRANSACTION_MAX // CALLS_PER_BATCH_MAX)
