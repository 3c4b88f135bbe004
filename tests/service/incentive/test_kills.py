"""The program is killed, kill -9, where it hurts most: nothing is paid twice, nothing is lost."""

import signal
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest
from bowen.incentive.v1 import packet_pb2, pot_pb2
from bowen.incentive.v1 import packet_service_pb2 as packets_pb
from bowen.incentive.v1 import pot_service_pb2 as pots_pb
from bowen.incentive.v1.packet_service_pb2_grpc import PacketServiceStub
from bowen.incentive.v1.pot_service_pb2_grpc import PotServiceStub

from chassis.clock import SystemClock
from chassis.db import driver
from chassis.errors import Refusal
from chassis.ids import new_id
from chassis.stamps import stamp
from services.incentive.budgets import store as budget_store
from services.incentive.budgets.domain import Budget
from services.incentive.packets.clients import Simulator
from services.incentive.pots import operations as pots
from services.incentive.pots.domain.points import Point
from services.incentive.pots.store import score
from suite.embedded import NatsServer, Postgres
from tests.service.incentive.programs import Program, a_program
from tests.service.incentive.rewarding import NOON, new
from tests.waiting import eventually

pytestmark = pytest.mark.timeout(120)

WINNERS = 1_200


async def test_cpn_17_killed_between_sending_and_noting_a_second_packet_is_not_sent(
    postgres: Postgres, nats_server: NatsServer, tmp_path: Path
) -> None:
    book, budget_id = str(tmp_path / "book"), new_id()
    request = packets_pb.SendPacketRequest(
        request_id="r1", profile_id=new(), budget_id=str(budget_id), amount_minor=500, currency_code="CNY"
    )
    async with a_program(postgres, nats_server) as program:
        stub = PacketServiceStub(program.client)
        await program.db.transact(lambda tx: budget_store.insert_budget(tx, Budget(budget_id, 500, asset="cash.CNY")))

        async def sent() -> packet_pb2.Packet | None:
            try:
                return (await stub.SendPacket(request)).packet  # type: ignore[misc,no-any-return]
            except Refusal:
                return None  # not ready yet

        await program.start(BOWEN_PAYOUT="tests.service.incentive.packeting:dying", BOWEN_PAYOUT_BOOK=book)
        packet = await eventually(sent, within=30)
        assert await program.ended() == -signal.SIGKILL
        assert Simulator(book, SystemClock()).paid() == {packet.bill_no: 500}

        await program.start(BOWEN_PAYOUT="simulator", BOWEN_PAYOUT_BOOK=book)
        # Nobody waits a minute for a test: what the victim was asking about is due now.
        await _execute(program, "UPDATE packet SET next_time = now() WHERE state = 'sending'")

        async def known() -> bool:
            return await _fetch(program, "SELECT state FROM packet") == [("sent",)]

        await eventually(known, within=30)
        await program.stop()
        assert await _fetch(program, "SELECT committed FROM budget") == [(500,)]
    assert Simulator(book, SystemClock()).paid() == {packet.bill_no: 500}


async def test_pot_05_killed_at_forty_percent_a_settlement_pays_nobody_twice_and_everybody_once(
    postgres: Postgres, nats_server: NatsServer
) -> None:
    async with a_program(postgres, nats_server) as program:
        await program.start()
        stub = PotServiceStub(program.client)
        pot_id = await eventually(lambda: _frozen_pot(program, stub), within=30)
        blocker = await asyncpg.connect(program.environ["BOWEN_DATABASE_URL"])
        blocking = blocker.transaction()
        await blocking.start()
        await blocker.execute("SELECT FROM pot_share WHERE rank = 501 FOR UPDATE")
        await stub.SettlePot(pots_pb.SettlePotRequest(request_id="s1", pot_id=pot_id))  # type: ignore[misc]

        async def held_up() -> bool:
            """The second batch waits for the row that the test holds."""
            waiting = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%pot_share%'"
            return bool(await _fetch(program, waiting))

        await eventually(held_up, within=30)
        assert await _paid(stub, pot_id) == pots.PAID_AT_ONCE_MAX
        await program.kill()
        await blocking.rollback()
        await blocker.close()

        await program.start()

        async def settled() -> bool:
            try:
                return await _paid(stub, pot_id, pot_pb2.Pot.STATE_SETTLED) == WINNERS
            except Refusal:
                return False  # not ready yet

        await eventually(settled, within=40)
        await program.stop()
        paid = "SELECT min(balance), max(balance), count(*) FROM account WHERE account LIKE 'member/%/available'"
        assert await _fetch(program, paid) == [(1, 1, WINNERS)]


async def _frozen_pot(program: Program, stub: PotServiceStub) -> str:
    request = pots_pb.CreatePotRequest(
        request_id="p1", name="the week", event_name="Shared", score_min=1, asset="cash.CNY", shared_pool=WINNERS,
        start_time=stamp(NOON.replace(year=2025)), end_time=stamp(NOON.replace(year=2025, month=7)),
    )  # fmt: skip
    try:
        pot_id = (await stub.CreatePot(request)).pot.pot_id  # type: ignore[misc]
    except Refusal:
        return ""  # not ready yet
    points = [Point(new_id(), "Shared", str(UUID(int=n + 1)), NOON.replace(year=2025)) for n in range(WINNERS)]
    await program.db.transact(lambda tx: score(tx, points))
    frozen = await stub.FreezePot(pots_pb.FreezePotRequest(request_id="f1", pot_id=pot_id))  # type: ignore[misc]
    assert frozen.pot.winner_count == WINNERS
    return str(pot_id)


async def _paid(stub: PotServiceStub, pot_id: str, state: int = pot_pb2.Pot.STATE_SETTLING) -> int:
    pot = (await stub.GetPot(pots_pb.GetPotRequest(pot_id=pot_id))).pot  # type: ignore[misc]
    return int(pot.paid_amount) if pot.state == state else -1


async def _execute(program: Program, query: str) -> None:
    async def work(tx: object) -> None:
        await (await driver(tx)).execute(query)  # type: ignore[arg-type]

    await program.db.transact(work)


async def _fetch(program: Program, query: str) -> list[tuple[object, ...]]:
    async with program.db.read() as tx:
        return [tuple(row) for row in await (await driver(tx)).fetch(query)]
