"""An asset that is kept in lots, over gRPC: the ledger, its programme and holds, beside one clock."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from bowen.incentive.v1 import hold_pb2, ledger_pb2, lot_pb2, programme_pb2
from bowen.incentive.v1 import hold_service_pb2 as holds_pb
from bowen.incentive.v1 import ledger_service_pb2 as pb
from bowen.incentive.v1 import programme_service_pb2 as rules_pb
from bowen.incentive.v1.hold_service_pb2_grpc import HoldServiceStub, add_HoldServiceServicer_to_server
from bowen.incentive.v1.ledger_service_pb2_grpc import LedgerServiceStub, add_LedgerServiceServicer_to_server
from bowen.incentive.v1.programme_service_pb2_grpc import (
    ProgrammeServiceStub,
    add_ProgrammeServiceServicer_to_server,
)
from bowen.profile.v1.events_pb2 import ProfileMerged, ProfileUnmerged

from chassis.client import Client
from chassis.clock import FixedClock
from chassis.consumer import Delivery
from chassis.db import driver
from chassis.ids import new_id
from chassis.server import Server
from chassis.stamps import stamp
from services.incentive.holds import consumers as hold_consumers
from services.incentive.holds.servicer import HoldServicer
from services.incentive.ledger import consumers as ledger_consumers
from services.incentive.ledger.servicer import LedgerServicer, ProgrammeServicer
from tests.databases import patient
from tests.service.incentive.ledgering import POSTED, Ledger, a_transfer

SHANGHAI = ZoneInfo("Asia/Shanghai")
NAMES = {1: "pending", 2: "earning", 3: "available", 4: "debt", 5: "writeoff", 6: "ungiven"}


def new() -> str:
    return str(new_id())


def local(text: str, zone: ZoneInfo = SHANGHAI) -> datetime:
    """An instant as a clock on the wall shows it."""
    return datetime.fromisoformat(text).replace(tzinfo=zone)


@dataclass
class Lots:
    """Talks to the ledger about points with a programme. Time stands still until it is set."""

    ledger: Ledger
    rules: ProgrammeServiceStub
    holds: HoldServiceStub
    programmes: ProgrammeServicer
    hold_servicer: HoldServicer
    clock: FixedClock
    spent: list[str] = field(default_factory=list)

    async def programme(self, **fields: Any) -> programme_pb2.Programme:
        """Points that expire at the end of the second year, unless told otherwise."""
        defaults = {"asset": "points", "name": "Points", "expiry": "EXPIRY_YEAR_END", "expiry_count": 1}
        request = rules_pb.CreateProgrammeRequest(
            request_id=new(),
            programme=programme_pb2.Programme(**defaults | fields),  # type: ignore[arg-type]
        )
        return (await self.rules.CreateProgramme(request)).programme  # type: ignore[misc,no-any-return]

    def set(self, moment: datetime) -> None:
        self.clock.advance((moment - self.clock.now()).total_seconds())

    async def earn(self, who: str, amount: int, last_day: str = "", *, matures: datetime | None = None) -> str:
        """Returns the id of the transfer."""
        kind = "pending" if matures else "available"
        item = a_transfer("issuer/shop", f"member/{who}/{kind}", amount, last_day=last_day)
        if matures:
            item.mature_time.CopyFrom(stamp(matures))
        (outcome,) = await self.ledger.post(item)
        assert outcome.result == POSTED, outcome
        return item.transfer_id

    async def spend(self, who: str, amount: int) -> str:
        """Returns why not; empty when it is spent. `spent` knows the id of the transfer."""
        item = a_transfer(f"member/{who}/available", "sys/redeemed", amount)
        (outcome,) = await self.ledger.post(item)
        self.spent.append(item.transfer_id)
        return str(outcome.reason)

    async def unspend(self, who: str, amount: int, spending: str = "") -> str:
        spending = spending or self.spent[-1]
        item = a_transfer("sys/redeemed", f"member/{who}/available", amount, reverses_transfer_id=spending)
        (outcome,) = await self.ledger.post(item)
        return str(outcome.reason)

    async def reverse(self, transfer_id: str, amount: int = 0, **fields: Any) -> dict[str, int]:
        """What was taken, by where it came from."""
        request = pb.ReverseEarningRequest(
            **{"request_id": new()} | fields,  # type: ignore[arg-type]
            transfer_id=transfer_id,
            amount=amount,
            memo="returned",
        )
        response = await self.ledger.stub.ReverseEarning(request)  # type: ignore[misc]
        return {NAMES[line.source]: line.amount for line in response.lines}

    async def place(self, who: str, amount: int, ttl: int = 0) -> hold_pb2.Hold:
        request = holds_pb.PlaceHoldRequest(
            request_id=new(), profile_id=who, asset="points", amount=amount, ttl_seconds=ttl
        )
        return (await self.holds.PlaceHold(request)).hold  # type: ignore[misc,no-any-return]

    async def capture(self, hold_id: str, amount: int) -> None:
        await self.holds.CaptureHold(  # type: ignore[misc]
            holds_pb.CaptureHoldRequest(request_id=new(), hold_id=hold_id, amount=amount)
        )

    async def void(self, hold_id: str) -> None:
        await self.holds.VoidHold(holds_pb.VoidHoldRequest(request_id=new(), hold_id=hold_id))  # type: ignore[misc]

    async def refund(self, hold_id: str, amount: int) -> None:
        await self.holds.RefundHold(  # type: ignore[misc]
            holds_pb.RefundHoldRequest(request_id=new(), hold_id=hold_id, amount=amount)
        )

    async def has(self, who: str) -> dict[str, int]:
        """A person's balances that are not zero."""
        request = pb.GetProfileBalancesRequest(profile_id=who)
        response = await self.ledger.stub.GetProfileBalances(request)  # type: ignore[misc]
        kinds = ("available", "pending", "held", "debt")
        return {kind: amount for line in response.balances for kind in kinds if (amount := getattr(line, kind))}

    async def lots(self, who: str) -> list[lot_pb2.Lot]:
        """A person's lots, the oldest first."""
        request = pb.ListLotsRequest(profile_id=who)
        response = await self.ledger.stub.ListLots(request)  # type: ignore[misc]
        return list(reversed(response.lots))

    async def story(self, lot_id: str) -> list[tuple[int, str, str]]:
        """What was done to a lot: how much, from where, to where."""
        response = await self.ledger.stub.GetLot(pb.GetLotRequest(lot_id=lot_id))  # type: ignore[misc]
        return [(move.quantity, move.source, move.target) for move in response.moves]

    async def left(self, who: str) -> list[tuple[str, int]]:
        """What is available in a person's lots, with the last day of each."""
        return [(lot.last_day, lot.available) for lot in await self.lots(who) if lot.available]

    async def expiring(self, who: str, within_days: int = 0) -> list[tuple[str, int]]:
        request = pb.ListExpiringPointsRequest(profile_id=who, within_days=within_days)
        response = await self.ledger.stub.ListExpiringPoints(request)  # type: ignore[misc]
        return [(item.last_day, item.amount) for item in response.expiring]

    async def check(self) -> None:
        """The trial balance is zero; the lots of everybody add up to the balances; nobody but debt is in deficit."""
        await self.ledger.check()
        assert await self.rows(ASTRAY) == []

    async def merged(self, loser: str, survivor: str, merge_id: str = "") -> str:
        """Two people turn out to be one. Returns the merge."""
        event = ProfileMerged(merge_id=merge_id or new(), loser_id=loser, survivor_id=survivor)
        await self._happen(ledger_consumers.on_profile_merged, event)
        return str(event.merge_id)

    async def unmerged(self, merge_id: str, restored: str, remaining: str, **fields: Any) -> dict[str, int]:
        """They were two after all. Returns what is found missing by it."""
        event = ProfileUnmerged(
            **{"survivor_id": remaining} | fields, merge_id=merge_id, restored_id=restored, remaining_id=remaining
        )
        known = await self.rows("SELECT merge_id, asset, amount FROM unrecoverable")
        await self._happen(hold_consumers.on_profile_unmerged, event)
        missing = await self.rows("SELECT merge_id, asset, amount FROM unrecoverable")
        return {asset: amount for merge, asset, amount in missing if (merge, asset, amount) not in known}

    async def _happen(self, handler: Callable[..., Awaitable[None]], event: Any) -> None:
        now = self.clock.now()
        await self.ledger.db.transact(lambda tx: handler(tx, [Delivery(new_id(), event, now, now)]))

    async def rows(self, query: str) -> list[tuple[Any, ...]]:
        async with self.ledger.db.read() as tx:
            return [tuple(row) for row in await (await driver(tx)).fetch(query)]


ASTRAY = """
WITH behind AS (
    SELECT 'member/' || profile_id || '/' || place AS account, asset, sum(there) AS there
    FROM lot, LATERAL (VALUES ('pending', pending), ('available', available), ('held', held)) AS part (place, there)
    GROUP BY 1, 2
)
SELECT account, asset, balance, there FROM account LEFT JOIN behind USING (account, asset)
WHERE account LIKE 'member/%' AND asset IN (SELECT asset FROM programme)
  AND CASE WHEN account LIKE '%/debt' THEN balance > 0 ELSE balance <> coalesce(there, 0) OR balance < 0 END
"""


@asynccontextmanager
async def a_lots(url: str, clock: FixedClock) -> AsyncIterator[Lots]:
    """The ledger, programmes and holds on a database, served on a free port."""
    db = patient(url)
    servicer, programmes, holds = LedgerServicer(db, clock), ProgrammeServicer(db, clock), HoldServicer(db, clock)
    server = Server(listen="127.0.0.1:0", service="incentive", clock=clock)
    server.add(add_LedgerServiceServicer_to_server, servicer)
    server.add(add_ProgrammeServiceServicer_to_server, programmes)
    server.add(add_HoldServiceServicer_to_server, holds)
    port = await server.start()
    try:
        async with Client.connect(f"127.0.0.1:{port}", name="test", timeout_s=20.0, forward_caller=True) as client:
            ledger = Ledger(LedgerServiceStub(client), db)
            yield Lots(ledger, ProgrammeServiceStub(client), HoldServiceStub(client), programmes, holds, clock)
    finally:
        await server.stop(0)
        await servicer.close()
        await db.close()


def days(moment: datetime, count: int) -> date:
    """The local day, so many days later."""
    return (moment.astimezone(SHANGHAI) + timedelta(days=count)).date()


__all__ = ["Lots", "a_lots", "days", "ledger_pb2", "local", "new"]
