"""The ledger over gRPC, and transfers that are valid unless a test says otherwise."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from bowen.incentive.v1 import ledger_pb2, ledger_service_pb2
from bowen.incentive.v1.ledger_service_pb2_grpc import LedgerServiceStub, add_LedgerServiceServicer_to_server

from chassis.client import Client
from chassis.clock import Clock
from chassis.db import Database
from chassis.ids import new_id
from chassis.server import Server
from services.incentive.ledger.servicer import LedgerServicer
from tests.databases import patient

POSTED = ledger_service_pb2.TransferOutcome.RESULT_POSTED
REFUSED = ledger_service_pb2.TransferOutcome.RESULT_REFUSED


def member(kind: str = "available", profile_id: str | None = None) -> str:
    """An account of a member; of a new one unless named."""
    return f"member/{profile_id or new_id()}/{kind}"


def a_transfer(debit: str, credit: str, amount: int, **fields: str) -> ledger_pb2.Transfer:
    """A transfer of points under a new id."""
    return ledger_pb2.Transfer(
        **{"transfer_id": str(new_id()), "asset": "points"} | fields,  # type: ignore[arg-type]
        debit_account=debit,
        credit_account=credit,
        amount=amount,
    )


@dataclass
class Ledger:
    """Talks to a ledger."""

    stub: LedgerServiceStub
    db: Database

    async def post(self, *transfers: ledger_pb2.Transfer) -> list[ledger_service_pb2.TransferOutcome]:
        request = ledger_service_pb2.PostTransfersRequest(transfers=transfers)
        return list((await self.stub.PostTransfers(request)).outcomes)  # type: ignore[misc]

    async def balance(self, account: str, asset: str = "points") -> int:
        request = ledger_service_pb2.GetAccountRequest(account=account, asset=asset)
        return (await self.stub.GetAccount(request)).account.balance  # type: ignore[misc,no-any-return]

    async def entries(self, account: str, **fields: int | str) -> ledger_service_pb2.ListEntriesResponse:
        request = ledger_service_pb2.ListEntriesRequest(account=account, asset="points", **fields)  # type: ignore[arg-type]
        return await self.stub.ListEntries(request)  # type: ignore[misc,no-any-return]

    async def fund(self, account: str, amount: int) -> None:
        (outcome,) = await self.post(a_transfer("issuer/welcome", account, amount))
        assert outcome.result == POSTED

    async def check(self) -> None:
        """The trial balance of every asset holds."""
        response = await self.stub.GetTrialBalance(ledger_service_pb2.GetTrialBalanceRequest())  # type: ignore[misc]
        for line in response.lines:
            assert (line.debits, line.discrepancy) == (line.credits, 0), line


@asynccontextmanager
async def a_ledger(url: str, clock: Clock) -> AsyncIterator[Ledger]:
    """A ledger on a database, served on a free port."""
    db = patient(url)
    servicer = LedgerServicer(db, clock)
    server = Server(listen="127.0.0.1:0", service="incentive", clock=clock)
    server.add(add_LedgerServiceServicer_to_server, servicer)
    port = await server.start()
    async with Client.connect(f"127.0.0.1:{port}", name="test", timeout_s=20.0, forward_caller=True) as client:
        yield Ledger(LedgerServiceStub(client), db)
    await server.stop(0)
    await servicer.close()
    await db.close()
