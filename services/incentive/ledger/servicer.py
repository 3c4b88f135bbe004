"""The gRPC face of the ledger."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import grpc
from bowen.incentive.v1 import ledger_service_pb2 as pb
from bowen.incentive.v1 import programme_service_pb2 as rules_pb
from bowen.incentive.v1.ledger_service_pb2_grpc import LedgerServiceServicer
from bowen.incentive.v1.programme_service_pb2_grpc import ProgrammeServiceServicer

from chassis import pagination
from chassis.caller import current
from chassis.clock import Clock
from chassis.db import Database, Tx
from chassis.idempotency import once
from chassis.stamps import moment
from services.incentive.ledger import convert, operations, store
from services.incentive.ledger.convert import programmes
from services.incentive.subjects import store as subjects

FIRST_PAGE = 2**63 - 1
MOVES_MAX = 1000
EXPIRING_DAYS_DEFAULT = 90

Context = grpc.aio.ServicerContext[Any, Any]


class LedgerServicer(LedgerServiceServicer):
    """Posts for many callers in one transaction; reads from snapshots.

    The ledger is the brand's: a key that is bound to a store moves no value and reads no account, whatever its scopes.
    """

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._poster = operations.Poster(db)

    async def close(self) -> None:
        """Finish what was handed in."""
        await self._poster.close()

    async def PostTransfers(self, request: pb.PostTransfersRequest, context: Context) -> pb.PostTransfersResponse:
        caller, now = current().caller, self._clock.now()
        subjects.check_brand(caller)
        transfers = convert.transfers_from_proto(request.transfers, scope=caller.principal, now=now)
        outcomes = await self._poster.post(transfers)
        return pb.PostTransfersResponse(outcomes=map(convert.outcome_to_proto, transfers, outcomes))

    async def GetAccount(self, request: pb.GetAccountRequest, context: Context) -> pb.GetAccountResponse:
        subjects.check_brand(current().caller)
        account = convert.account_from_proto(request.account, request.asset)
        async with self._db.read() as tx:
            if request.HasField("as_of"):
                standing = await store.get_account(tx, account, moment(request.as_of))
            else:
                standing = await store.get_settled(tx, account, self._clock.now())
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
            owned = await store.list_settled(tx, f"member/{profile_id}", self._clock.now())
        return pb.GetProfileBalancesResponse(balances=convert.balances_to_proto(owned))

    async def GetTrialBalance(self, request: pb.GetTrialBalanceRequest, context: Context) -> pb.GetTrialBalanceResponse:
        subjects.check_brand(current().caller)
        async with self._db.read() as tx:
            lines = await store.get_trial_balance(tx)
        return pb.GetTrialBalanceResponse(lines=convert.trial_balance_to_proto(lines))

    async def ReverseEarning(self, request: pb.ReverseEarningRequest, context: Context) -> pb.ReverseEarningResponse:
        caller, now = current().caller, self._clock.now()
        subjects.check_brand(caller)
        order = operations.ReverseOrder(
            scope=caller.principal,
            request_id=request.request_id,
            transfer_id=request.transfer_id,
            amount=request.amount,
            memo=request.memo,
            policy=programmes.policy_from_proto(request.clawback),
        )

        async def work(tx: Tx) -> pb.ReverseEarningResponse:
            lines = await operations.reverse_earning(tx, order, now)
            return pb.ReverseEarningResponse(lines=programmes.lines_to_proto(lines))

        return await once(self._db, request, work, pb.ReverseEarningResponse, keep=None)

    async def ListExpiringPoints(
        self, request: pb.ListExpiringPointsRequest, context: Context
    ) -> pb.ListExpiringPointsResponse:
        caller, now = current().caller, self._clock.now()
        subjects.check_brand(caller)
        until = now + timedelta(days=request.within_days or EXPIRING_DAYS_DEFAULT)
        async with self._db.read() as tx:
            profile_id = await subjects.resolve(tx, request.profile_id)
            await subjects.check_own(tx, caller, profile_id)
            found = await store.list_expiring(tx, f"member/{profile_id}", now=now, until=until)
        return pb.ListExpiringPointsResponse(expiring=programmes.expiring_to_proto(found))

    async def ListLots(self, request: pb.ListLotsRequest, context: Context) -> pb.ListLotsResponse:
        subjects.check_brand(current().caller)
        size = pagination.page_size(request.page_size)
        before = pagination.after(request, pagination.parse_id) or pagination.LAST_ID
        async with self._db.read() as tx:
            ids = await subjects.list_ids(tx, await subjects.resolve(tx, request.profile_id))
            lots = await store.list_lots(tx, ids, request.asset, before=before, limit=size + 1)
        page, token = pagination.cut(request, lots, size, lambda lot: [str(lot.lot_id)])
        return pb.ListLotsResponse(lots=map(programmes.lot_to_proto, page), next_page_token=token)

    async def GetLot(self, request: pb.GetLotRequest, context: Context) -> pb.GetLotResponse:
        subjects.check_brand(current().caller)
        async with self._db.read() as tx:
            lot, happenings = await store.get_lot(tx, UUID(request.lot_id), moves_max=MOVES_MAX)
        moves = [programmes.move_to_proto(lot, each) for each in happenings]
        return pb.GetLotResponse(lot=programmes.lot_to_proto(lot), moves=moves)


class ProgrammeServicer(ProgrammeServiceServicer):
    """The rules of assets are the brand's. What they make due is settled here, again and again."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def settle(self) -> None:
        """Mature and expire all that is due."""
        now = self._clock.now()
        while await self._db.transact(lambda tx: operations.settle_due(tx, now)) == operations.SETTLED_AT_ONCE_MAX:
            pass

    async def CreateProgramme(
        self, request: rules_pb.CreateProgrammeRequest, context: Context
    ) -> rules_pb.CreateProgrammeResponse:
        subjects.check_brand(current().caller)
        now = self._clock.now()
        programme = programmes.programme_from_proto(request.programme, now=now)

        async def work(tx: Tx) -> rules_pb.CreateProgrammeResponse:
            created = await operations.create_programme(tx, programme, now)
            return rules_pb.CreateProgrammeResponse(programme=programmes.programme_to_proto(created))

        return await once(self._db, request, work, rules_pb.CreateProgrammeResponse)

    async def UpdateProgramme(
        self, request: rules_pb.UpdateProgrammeRequest, context: Context
    ) -> rules_pb.UpdateProgrammeResponse:
        subjects.check_brand(current().caller)
        now = self._clock.now()
        programme = programmes.programme_from_proto(request.programme, now=now)

        async def work(tx: Tx) -> rules_pb.UpdateProgrammeResponse:
            updated = await operations.update_programme(tx, programme, now)
            return rules_pb.UpdateProgrammeResponse(programme=programmes.programme_to_proto(updated))

        return await once(self._db, request, work, rules_pb.UpdateProgrammeResponse)

    async def GetProgramme(
        self, request: rules_pb.GetProgrammeRequest, context: Context
    ) -> rules_pb.GetProgrammeResponse:
        subjects.check_brand(current().caller)
        async with self._db.read() as tx:
            programme = await store.get_programme(tx, request.asset, self._clock.now())
        return rules_pb.GetProgrammeResponse(programme=programmes.programme_to_proto(programme))

    async def ListProgrammes(
        self, request: rules_pb.ListProgrammesRequest, context: Context
    ) -> rules_pb.ListProgrammesResponse:
        subjects.check_brand(current().caller)
        size = pagination.page_size(request.page_size)
        after = pagination.after(request, lambda key: (str(key[0]), int(key[1]))) or ("", 0)
        async with self._db.read() as tx:
            found = await store.list_programmes(tx, request.asset, after=after, limit=size + 1)
        page, token = pagination.cut(request, found, size, lambda item: [item.asset, item.version])
        return rules_pb.ListProgrammesResponse(
            programmes=map(programmes.programme_to_proto, page), next_page_token=token
        )
