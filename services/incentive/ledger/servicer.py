"""The gRPC face of the ledger."""

from collections.abc import Sequence
from itertools import chain, islice
from typing import Any

import grpc
from bowen.incentive.v1 import ledger_service_pb2 as pb
from bowen.incentive.v1.ledger_service_pb2_grpc import LedgerServiceServicer

from chassis import pagination
from chassis.batch import Gatherer
from chassis.caller import current
from chassis.clock import Clock
from chassis.db import Database, violated
from chassis.errors import Conflict
from chassis.stamps import moment
from services.incentive.ledger import convert, operations, store
from services.incentive.ledger.domain import Outcome, Transfer
from services.incentive.subjects import store as subjects

BATCH_MAX = 1000
QUEUE_MAX = 20_000
CLASHES_MAX = 5
FIRST_PAGE = 2**63 - 1

Context = grpc.aio.ServicerContext[Any, Any]


class LedgerServicer(LedgerServiceServicer):
    """Posts for many callers in one transaction; reads from snapshots.

    The ledger is the brand's: a key that is bound to a store moves no value and reads no account, whatever its scopes.
    """

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._gatherer = Gatherer(self._post, batch_max=BATCH_MAX, queue_max=QUEUE_MAX, size=len)

    async def close(self) -> None:
        """Finish what was handed in."""
        await self._gatherer.close()

    async def _post(self, groups: Sequence[list[Transfer]]) -> list[list[Outcome]]:
        """Post groups whole; when another replica decides one of their transfers at the same moment, look again."""
        batch = list(chain.from_iterable(groups))
        for _ in range(CLASHES_MAX):
            try:
                outcomes = iter(await self._db.transact(lambda tx: operations.post(tx, batch)))
                return [list(islice(outcomes, len(group))) for group in groups]
            except Exception as error:
                if violated(error) not in store.DECIDED_ELSEWHERE:
                    raise
        raise Conflict("the same transfers kept being posted elsewhere")

    async def PostTransfers(self, request: pb.PostTransfersRequest, context: Context) -> pb.PostTransfersResponse:
        caller, now = current().caller, self._clock.now()
        subjects.check_brand(caller)
        groups = convert.groups_from_proto(request.transfers, scope=caller.principal, now=now)
        response = pb.PostTransfersResponse()
        for group, outcomes in zip(groups, await self._gatherer.submit_all(groups), strict=True):
            if isinstance(outcomes, BaseException):
                raise outcomes
            response.outcomes.extend(map(convert.outcome_to_proto, group, outcomes))
        return response

    async def GetAccount(self, request: pb.GetAccountRequest, context: Context) -> pb.GetAccountResponse:
        subjects.check_brand(current().caller)
        account = convert.account_from_proto(request.account, request.asset)
        as_of = moment(request.as_of) if request.HasField("as_of") else None
        async with self._db.read() as tx:
            standing = await store.get_account(tx, account, as_of)
        return pb.GetAccountResponse(account=convert.account_to_proto(account, standing))

    async def ListEntries(self, request: pb.ListEntriesRequest, context: Context) -> pb.ListEntriesResponse:
        subjects.check_brand(current().caller)
        account = convert.account_from_proto(request.account, request.asset)
        size = pagination.page_size(request.page_size)
        before = pagination.after(request, lambda key: min(int(key[0]), FIRST_PAGE)) or FIRST_PAGE
        async with self._db.read() as tx:
            entries = await store.list_entries(tx, account, before=before, limit=size + 1)
        page, token = pagination.cut(request, entries, size, lambda entry: [entry.position])
        return pb.ListEntriesResponse(
            entries=[convert.entry_to_proto(account, entry) for entry in page], next_page_token=token
        )

    async def GetProfileBalances(
        self, request: pb.GetProfileBalancesRequest, context: Context
    ) -> pb.GetProfileBalancesResponse:
        subjects.check_brand(current().caller)
        async with self._db.read() as tx:
            profile_id = await subjects.resolve(tx, request.profile_id)
            await subjects.check_own(tx, current().caller, profile_id)
            owned = await store.list_owned(tx, f"member/{profile_id}")
        return pb.GetProfileBalancesResponse(balances=convert.balances_to_proto(owned))

    async def GetTrialBalance(self, request: pb.GetTrialBalanceRequest, context: Context) -> pb.GetTrialBalanceResponse:
        subjects.check_brand(current().caller)
        async with self._db.read() as tx:
            lines = await store.get_trial_balance(tx)
        return pb.GetTrialBalanceResponse(lines=convert.trial_balance_to_proto(lines))
