"""Posting what callers ask for, gathered: by one statement where nothing speaks against it, else one after another."""

from collections.abc import Sequence
from itertools import chain, islice

from chassis.batch import Gatherer
from chassis.db import Database, Tx, violated
from chassis.errors import Conflict
from services.incentive.ledger import store
from services.incentive.ledger.domain import Outcome, Transfer, plans
from services.incentive.ledger.errors import TransferIdReused
from services.incentive.ledger.operations.posting import post

BATCH_MAX = 1000
QUEUE_MAX = 20_000
CLASHES_MAX = 5

_POSTED = Outcome(b"")


class Poster:
    """Posts for many callers in one transaction. Transfers of one request are decided in order.

    What can be posted at once does not wait for what cannot. Which assets are kept in lots is learned when it first
    speaks against posting at once; it is asked again every time, so that nothing depends on knowing it.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._in_lots: set[str] = set()
        self._plain = Gatherer(self._post_at_once, batch_max=BATCH_MAX, queue_max=QUEUE_MAX, size=len)
        self._others = Gatherer(self._post_exactly, batch_max=BATCH_MAX, queue_max=QUEUE_MAX, size=len)

    async def close(self) -> None:
        """Finish what was handed in."""
        await self._plain.close()
        await self._others.close()

    async def post(self, request: list[Transfer]) -> list[Outcome]:
        """Post what one caller asks for. Raises `Conflict`, `Overloaded`."""
        in_lots = self._in_lots and not self._in_lots.isdisjoint(item.debit.asset for item in request)
        gatherer = self._plain if plans.is_plain(request) and not in_lots else self._others
        return await gatherer.submit(request)

    async def _post_at_once(self, requests: Sequence[list[Transfer]]) -> list[list[Outcome]]:
        plan = plans.plan(list(chain.from_iterable(requests)))
        if plan is not None:
            attempt = await store.post_at_once(self._db, plan)
            if attempt.posted:
                return [[_POSTED] * len(request) for request in requests]
            self._in_lots |= attempt.in_lots
        return await self._post_exactly(requests)

    async def _post_exactly(self, requests: Sequence[list[Transfer]]) -> list[list[Outcome]]:
        """When another replica decides one of the transfers at the same moment, look again."""
        batch = list(chain.from_iterable(requests))
        for _ in range(CLASHES_MAX):
            try:
                outcomes = iter(await self._db.transact(lambda tx: post_asked(tx, batch)))
                return [list(islice(outcomes, len(request))) for request in requests]
            except Exception as error:
                if violated(error) not in store.DECIDED_ELSEWHERE:
                    raise
        raise Conflict("the same transfers kept being posted elsewhere")


async def post_asked(tx: Tx, batch: Sequence[Transfer]) -> list[Outcome]:
    """Post transfers under ids that callers choose, who may use them in the same moment elsewhere for something else.

    Raises `DecidedMeanwhile`.
    """
    outcomes = await post(tx, batch, is_asked=True)
    new = [(item.key, each.reason) for item, each in zip(batch, outcomes, strict=True) if not each.replayed]
    posted = [key for key, reason in new if not reason]
    refused = [key for key, reason in new if reason not in ("", TransferIdReused.reason)]
    await store.check_decided_once(tx, posted, refused)
    return outcomes
