"""The program is killed between sending a packet and writing it down."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from bowen.incentive.v1 import packet_pb2
from bowen.incentive.v1 import packet_service_pb2 as pb
from bowen.incentive.v1.packet_service_pb2_grpc import PacketServiceStub

from chassis.client import Client
from chassis.clock import SystemClock
from chassis.db import Database
from chassis.errors import Refusal
from chassis.ids import new_id
from services.incentive.budgets import store as budget_store
from services.incentive.budgets.domain import Budget
from services.incentive.packets.clients import Simulator
from suite.embedded import NatsServer, Postgres, free_port
from tests.service.incentive.rewarding import new
from tests.waiting import eventually

pytestmark = pytest.mark.timeout(120)


async def _program(environ: Mapping[str, str], *arguments: str) -> asyncio.subprocess.Process:
    command = [sys.executable, "-m", "services.incentive", *arguments]
    return await asyncio.create_subprocess_exec(*command, env=dict(environ))


async def test_killed_between_sending_and_noting_a_second_packet_is_not_sent(
    postgres: Postgres, nats_server: NatsServer, tmp_path: Path
) -> None:
    name, listen, book = f"packets_{new_id().hex[-12:]}", f"127.0.0.1:{free_port()}", str(tmp_path / "book")
    await postgres.create_databases(name)
    environ = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": ":".join(sys.path),
        "BOWEN_LISTEN": listen,
        "BOWEN_DATABASE_URL": postgres.url(name),
        "BOWEN_NATS_URL": nats_server.url(),
        "BOWEN_PAYOUT": "tests.service.incentive.packeting:dying",
        "BOWEN_PAYOUT_BOOK": book,
    }
    assert await (await _program(environ, "migrate")).wait() == 0
    db, budget_id = Database.open(postgres.url(name)), new_id()
    await db.transact(lambda tx: budget_store.insert_budget(tx, Budget(budget_id, 500)))
    request = pb.SendPacketRequest(
        request_id="r1", profile_id=new(), budget_id=str(budget_id), amount_minor=500, currency_code="CNY"
    )
    async with Client.connect(listen, name="test", timeout_s=5.0) as client:
        stub = PacketServiceStub(client)

        async def sent() -> packet_pb2.Packet | None:
            try:
                return (await stub.SendPacket(request)).packet  # type: ignore[misc,no-any-return]
            except Refusal:
                return None  # not ready yet

        victim = await _program(environ)
        packet = await eventually(sent, within=30)
        assert await asyncio.wait_for(victim.wait(), 30) == -signal.SIGKILL
        assert Simulator(book, SystemClock()).paid() == {packet.bill_no: 500}

        heir = await _program(environ | {"BOWEN_PAYOUT": "simulator"})
        await db.transact(lambda tx: _end_the_lease(tx))

        async def known() -> bool:
            try:
                found = (await stub.GetPacket(pb.GetPacketRequest(packet_id=packet.packet_id))).packet  # type: ignore[misc]
            except Refusal:
                return False
            return bool(found.state == packet_pb2.Packet.STATE_SENT)

        await eventually(known, within=30)
        heir.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(heir.wait(), 40) == 0
    assert Simulator(book, SystemClock()).paid() == {packet.bill_no: 500}
    async with db.read() as tx:
        assert (await budget_store.find_budgets(tx, [budget_id]))[budget_id].committed == 500
    await db.close()


async def _end_the_lease(tx: object) -> None:
    """Nobody waits a minute for a test: what the victim held is due now."""
    await tx.exec_driver_sql("UPDATE packet SET next_time = now() WHERE state = 'sending'")  # type: ignore[attr-defined]
