"""The gRPC face of pots."""

import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import grpc
from bowen.incentive.v1 import pot_pb2
from bowen.incentive.v1 import pot_service_pb2 as pb
from bowen.incentive.v1.pot_service_pb2_grpc import PotServiceServicer

from chassis.caller import current
from chassis.clock import Clock
from chassis.db import Database, ReadTx, Tx
from chassis.idempotency import once
from chassis.ids import new_id
from services.incentive.pots import convert, operations, store
from services.incentive.pots.domain import Pot
from services.incentive.pots.domain.draws import SEED_BYTES
from services.incentive.pots.domain.prizes import Levels
from services.incentive.subjects import store as subjects

Context = grpc.aio.ServicerContext[Any, Any]
R = TypeVar("R", pb.FreezePotResponse, pb.SettlePotResponse, pb.VoidPotResponse)


class PotServicer(PotServiceServicer):
    """Pots are the brand's: a caller that is bound to a store has no part in them; a shopper sees and claims
    their own."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def pay(self) -> None:
        """Pay all winners of pots that are being settled."""
        while await self._db.transact(lambda tx: operations.pay_some(tx, self._clock.now())):
            pass

    async def CreatePot(self, request: pb.CreatePotRequest, context: Context) -> pb.CreatePotResponse:
        subjects.check_brand(current().caller)
        now, seed = self._clock.now(), secrets.token_bytes(SEED_BYTES)
        pot = convert.pot_from_proto(request, pot_id=new_id(), budget_id=new_id(), seed=seed, now=now)

        async def work(tx: Tx) -> pb.CreatePotResponse:
            await operations.create_pot(tx, pot)
            return pb.CreatePotResponse(pot=await _described(tx, pot, now))

        return await once(self._db, request, work, pb.CreatePotResponse)

    async def FreezePot(self, request: pb.FreezePotRequest, context: Context) -> pb.FreezePotResponse:
        now = self._clock.now()
        work = _moving(lambda tx: operations.freeze_pot(tx, UUID(request.pot_id), now), pb.FreezePotResponse, now)
        return await once(self._db, request, work, pb.FreezePotResponse)

    async def SettlePot(self, request: pb.SettlePotRequest, context: Context) -> pb.SettlePotResponse:
        now = self._clock.now()
        work = _moving(lambda tx: operations.settle_pot(tx, UUID(request.pot_id)), pb.SettlePotResponse, now)
        return await once(self._db, request, work, pb.SettlePotResponse)

    async def VoidPot(self, request: pb.VoidPotRequest, context: Context) -> pb.VoidPotResponse:
        now = self._clock.now()
        work = _moving(lambda tx: operations.void_pot(tx, UUID(request.pot_id), now), pb.VoidPotResponse, now)
        return await once(self._db, request, work, pb.VoidPotResponse)

    async def DisqualifyPotWinner(
        self, request: pb.DisqualifyPotWinnerRequest, context: Context
    ) -> pb.DisqualifyPotWinnerResponse:
        subjects.check_brand(current().caller)
        pot_id, now = UUID(request.pot_id), self._clock.now()

        async def work(tx: Tx) -> pb.DisqualifyPotWinnerResponse:
            first, *others = await operations.disqualify(tx, pot_id, request.profile_id, request.reason, now)
            return pb.DisqualifyPotWinnerResponse(
                share=convert.share_to_proto(first), other_shares=map(convert.share_to_proto, others)
            )

        return await once(self._db, request, work, pb.DisqualifyPotWinnerResponse, keep=None)

    async def ClaimPotLevel(self, request: pb.ClaimPotLevelRequest, context: Context) -> pb.ClaimPotLevelResponse:
        caller, now = current().caller, self._clock.now()
        subjects.check_brand(caller)

        async def work(tx: Tx) -> pb.ClaimPotLevelResponse:
            await subjects.check_own(tx, caller, await subjects.resolve(tx, request.profile_id))
            claim = await operations.claim_level(tx, UUID(request.pot_id), request.profile_id, request.level, now)
            return pb.ClaimPotLevelResponse(claim=convert.claim_to_proto(claim))

        return await once(self._db, request, work, pb.ClaimPotLevelResponse, keep=None)

    async def GetPotStanding(self, request: pb.GetPotStandingRequest, context: Context) -> pb.GetPotStandingResponse:
        caller, pot_id = current().caller, UUID(request.pot_id)
        subjects.check_brand(caller)
        async with self._db.read() as tx:
            profile_id = await subjects.resolve(tx, request.profile_id)
            await subjects.check_own(tx, caller, profile_id)
            pot = await store.get_pot(tx, pot_id)
            ids = await subjects.list_ids(tx, profile_id)
            score, claims = await store.get_score(tx, pot_id, ids), await store.find_level_claims(tx, pot_id, ids)
        level = pot.prizes.reached(score) if isinstance(pot.prizes, Levels) else 0
        return pb.GetPotStandingResponse(standing=convert.standing_to_proto(pot_id, profile_id, score, level, claims))

    async def GetPot(self, request: pb.GetPotRequest, context: Context) -> pb.GetPotResponse:
        subjects.check_brand(current().caller)
        async with self._db.read() as tx:
            pot = await store.get_pot(tx, UUID(request.pot_id))
            return pb.GetPotResponse(pot=await _described(tx, pot, self._clock.now()))

    async def GetPotShare(self, request: pb.GetPotShareRequest, context: Context) -> pb.GetPotShareResponse:
        caller, pot_id = current().caller, UUID(request.pot_id)
        subjects.check_brand(caller)
        async with self._db.read() as tx:
            profile_id = await subjects.resolve(tx, request.profile_id)
            await subjects.check_own(tx, caller, profile_id)
            await store.get_pot(tx, pot_id)
            found = await operations.find_shares(tx, pot_id, profile_id)
        first, *others = [convert.share_to_proto(share, proof) for share, proof in found]
        return pb.GetPotShareResponse(share=first, other_shares=others)


def _moving(move: Callable[[Tx], Awaitable[Pot]], response: type[R], now: datetime) -> Callable[[Tx], Awaitable[R]]:
    """Work that moves a pot on and tells how it stands."""
    subjects.check_brand(current().caller)

    async def work(tx: Tx) -> R:
        return response(pot=await _described(tx, await move(tx), now))

    return work


async def _described(tx: ReadTx, pot: Pot, now: datetime) -> pot_pb2.Pot:
    return convert.pot_to_proto(pot, await store.get_totals(tx, pot.pot_id), now)
