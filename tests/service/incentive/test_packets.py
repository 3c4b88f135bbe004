"""Cash packets over gRPC: cases of spec value §3.2 and §2.11."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from bowen.incentive.v1 import packet_service_pb2 as pb
from bowen.incentive.v1.events_pb2 import PacketClaimed, PacketReturned, PacketSent

from chassis.caller import Call, Caller, acting
from chassis.errors import FailedPrecondition, InvalidArgument, NotFound, PermissionDenied
from chassis.ids import new_id
from services.incentive.budgets import operations as budgets
from services.incentive.budgets.domain import Budget, Kind, Period, Want
from services.incentive.budgets.store import insert_budget
from services.incentive.packets import operations, store
from services.incentive.packets.clients import Fault, Habits, Sender
from services.incentive.packets.domain import Packet, Recall, State
from services.incentive.packets.domain.payouts import Answer, Bill, Word
from tests.service.incentive.packeting import Packets, a_packets
from tests.service.incentive.rewarding import NOON, Incentive, a_merge, new


@pytest.fixture
async def packets(incentive: Incentive) -> AsyncIterator[Packets]:
    async with a_packets(incentive) as packets:
        yield packets
        await incentive.ledger.check()


async def test_cp_10_a_packet_is_reserved_sent_and_claimed(packets: Packets) -> None:
    profile_id = new()
    packet = await packets.send(profile_id, payee="open-id-1")
    assert (await packets.committed(), await packets.balance("sys/packets")) == (500, 500)

    assert await packets.state(packet) == "SENT"
    assert await packets.incentive.rows("SELECT payee FROM packet") == [("open-id-1",)]
    packets.provider.open(packet.bill_no)
    packets.later(seconds=60)
    assert await packets.state(packet) == "CLAIMED"

    assert (await packets.committed(), await packets.balance("sys/packets")) == (500, 0)
    assert await packets.balance("sys/paid") == 500
    assert await packets.incentive.rows("SELECT payee FROM packet") == [("",)]
    assert await packets.balance(f"issuer/{packets.budget_id}") == -500
    for kind in (PacketSent, PacketClaimed):
        (told,) = await packets.incentive.told(kind)
        assert (told.packet_id, told.profile_id, told.amount_minor) == (packet.packet_id, profile_id, 500)


@pytest.mark.parametrize("faults", [[Fault.LOST], [Fault.DOWN], [Fault.LOST, Fault.DOWN, Fault.DOWN], [Fault.BUSY] * 4])
async def test_cpn_17_after_a_systemerror_the_same_number_is_asked_for_and_one_packet_is_sent(
    packets: Packets, faults: list[Fault]
) -> None:
    packets.provider.script(*faults)
    packet = await packets.send()

    for _ in faults:
        assert await packets.state(packet) == "SENDING"
        assert (await packets.get(packet.packet_id)).provider_code in ("SYSTEMERROR", "FREQ_LIMIT")
        assert (await packets.committed(), await packets.balance("sys/packets")) == (500, 500)
        packets.later(seconds=600)

    assert await packets.state(packet) == "SENT"
    assert packets.provider.paid() == {packet.bill_no: 500}
    assert await packets.committed() == 500


async def test_cpn_17_a_packet_in_processing_is_waited_for(packets: Packets) -> None:
    packets.provider.script(Fault.PROCESSING)
    packet = await packets.send()

    assert await packets.state(packet) == "SENDING"
    packets.later(seconds=299)
    assert await packets.state(packet) == "SENDING"
    packets.later(seconds=600)

    assert await packets.state(packet) == "SENT"
    assert packets.provider.paid() == {packet.bill_no: 500}


async def test_cpn_17_a_provider_that_breaks_off_decides_nothing(packets: Packets) -> None:
    class Broken:
        async def send(self, bill: Bill) -> Answer:
            raise ConnectionResetError

        async def query(self, bill_no: str) -> Answer:
            raise ConnectionResetError

    packet = await packets.send()
    await Sender(packets.incentive.db, packets.incentive.clock, Broken()).tend()
    assert (await packets.get(packet.packet_id)).provider_code == "ConnectionResetError"
    packets.later(seconds=600)

    assert await packets.state(packet) == "SENT"
    assert await packets.committed() == 500


async def test_cpn_18_a_packet_that_nobody_opens_gives_its_budget_back_once(packets: Packets) -> None:
    grant_id = new_id()
    packet = Packet(new_id(), new(), "", 700, "CNY", packets.budget_id, "issuer/c1", NOON, grant_id=grant_id)

    async def give(tx: Any) -> None:
        assert await budgets.reserve_all(tx, [Want(packets.budget_id, 700)]) == [True]
        await operations.send_packets(tx, [packet])

    await packets.incentive.db.transact(give)
    await packets.sender.tend()
    packets.later(hours=72, seconds=-1)
    await packets.sender.tend()
    assert (await packets.get(str(packet.packet_id))).state == 3
    assert await packets.committed() == 700

    packets.later(seconds=1)
    await asyncio.gather(*(packets.sender.tend() for _ in range(5)))
    await asyncio.gather(*(packets.refresh(packet.bill_no) for _ in range(5)))

    assert await packets.committed() == 0
    assert (await packets.balance("sys/packets"), await packets.balance("issuer/c1")) == (0, 0)
    (told,) = await packets.incentive.told(PacketReturned)
    assert (told.state, told.grant_id, told.amount_minor) == ("RETURNED", str(grant_id), 700)
    async with packets.incentive.db.read() as tx:
        (found,) = await store.find_by_grants(tx, [grant_id])
    assert found.state == State.RETURNED


async def test_what_is_opened_in_the_last_second_is_not_given_back(packets: Packets) -> None:
    packet = await packets.send()
    await packets.sender.tend()
    packets.later(hours=72, seconds=-1)
    packets.provider.open(packet.bill_no)
    packets.later(hours=1)

    assert await packets.state(packet) == "CLAIMED"
    assert await packets.committed() == 500


async def test_a_packet_that_the_provider_refuses_gives_its_budget_back(packets: Packets) -> None:
    profile_id = new()
    sent = [await packets.send(profile_id, amount_minor=100) for _ in range(11)]

    states = [await packets.state(packet) for packet in sent]

    assert (states.count("SENT"), states.count("FAILED")) == (10, 1)
    assert (await packets.committed(), await packets.balance("sys/packets")) == (1_000, 1_000)
    (told,) = await packets.incentive.told(PacketReturned)
    assert (told.state, told.provider_code) == ("FAILED", "SENDNUM_LIMIT")


async def test_a_merchant_without_money_sends_under_the_same_number_once_there_is_some(incentive: Incentive) -> None:
    async with a_packets(incentive, Habits(funds_minor=400)) as packets:
        packet = await packets.send()
        assert await packets.state(packet) == "SENDING"
        assert (await packets.get(packet.packet_id)).provider_code == "NOTENOUGH"

        packets.provider._habits = replace(packets.provider._habits, funds_minor=600)
        packets.later(seconds=600)

        assert await packets.state(packet) == "SENT"
        assert packets.provider.paid() == {packet.bill_no: 500}


async def test_a_withdrawn_packet_is_not_sent(packets: Packets) -> None:
    packet = await packets.send()

    await packets.withdraw(packet.packet_id)
    again = await packets.withdraw(packet.packet_id)

    assert again.close_time.seconds
    assert await packets.state(packet) == "WITHDRAWN"
    assert packets.provider.paid() == {}
    assert (await packets.committed(), await packets.balance("sys/packets")) == (0, 0)


async def test_what_is_withdrawn_after_it_was_sent_is_debt_once_it_is_claimed(packets: Packets) -> None:
    profile_id = new()
    packet = await packets.send(profile_id)
    await packets.sender.tend()
    await packets.withdraw(packet.packet_id)
    assert await packets.committed() == 500

    packets.provider.open(packet.bill_no)
    await packets.refresh(packet.bill_no)
    await packets.withdraw(packet.packet_id)

    assert await packets.balance(f"member/{profile_id}/debt") == -500
    assert (await packets.committed(), await packets.balance("sys/paid")) == (0, 500)


async def test_what_is_withdrawn_and_never_opened_is_owed_by_nobody(packets: Packets) -> None:
    profile_id = new()
    packet = await packets.send(profile_id)
    packets.provider.script(Fault.LOST)
    await packets.sender.tend()
    await packets.withdraw(packet.packet_id)
    packets.later(hours=73)

    assert await packets.state(packet) == "RETURNED"
    assert await packets.balance(f"member/{profile_id}/debt") == 0
    assert await packets.committed() == 0


async def test_parts_are_recalled_by_their_total(packets: Packets) -> None:
    profile_id = new()
    packet = await packets.send(profile_id)
    packet_id = UUID(packet.packet_id)
    await packets.sender.tend()
    packets.provider.open(packet.bill_no)
    await packets.refresh(packet.bill_no)

    for total in (200, 200, 100, 350):
        await packets.incentive.db.transact(
            lambda tx, t=total: operations.withdraw(tx, packet_id, Recall(t, "refund", NOON))
        )

    assert await packets.balance(f"member/{profile_id}/debt") == -350
    assert await packets.committed() == 150


async def test_sending_twice_under_one_request_id_reserves_once(packets: Packets) -> None:
    profile_id = new()
    sent = await asyncio.gather(*(packets.send(profile_id, request_id="r1") for _ in range(10)))

    assert len({packet.packet_id for packet in sent}) == 1
    assert await packets.committed() == 500


async def test_a_budget_sends_no_more_than_it_holds_and_senders_do_not_get_in_each_others_way(packets: Packets) -> None:
    outcomes = await asyncio.gather(*(packets.send(amount_minor=600) for _ in range(30)), return_exceptions=True)
    sent = [each for each in outcomes if not isinstance(each, BaseException)]
    assert {each.reason for each in outcomes if isinstance(each, FailedPrecondition)} == {"PACKET_UNFUNDED"}
    assert (len(sent), await packets.committed()) == (16, 9_600)

    other = Sender(packets.incentive.db, packets.incentive.clock, packets.provider)
    await asyncio.gather(packets.sender.tend(), other.tend(), other.tend())

    assert packets.provider.paid() == {packet.bill_no: 600 for packet in sent}
    assert len(await packets.incentive.told(PacketSent)) == 16


async def test_a_packet_that_makes_no_sense_is_refused(packets: Packets) -> None:
    for field, fields in [
        ("amount_minor", {"amount_minor": 99}),
        ("amount_minor", {"amount_minor": 20_001}),
        ("currency_code", {"currency_code": "USD"}),
    ]:
        with pytest.raises(InvalidArgument) as refused:
            await packets.send(**fields)
        assert refused.value.violations[0][0] == field
    with pytest.raises(NotFound) as unknown:
        await packets.send(budget_id=new())
    assert unknown.value.reason == "BUDGET_NOT_FOUND"
    points = Budget(new_id(), 10_000, asset="points")
    await packets.incentive.db.transact(lambda tx: insert_budget(tx, points))
    with pytest.raises(FailedPrecondition) as unfunded:
        await packets.send(budget_id=str(points.budget_id))
    assert unfunded.value.reason == "PACKET_UNFUNDED"
    with pytest.raises(NotFound):
        await packets.refresh("0" * 26)
    with pytest.raises(NotFound):
        await packets.refresh("Z" * 26)


async def test_a_packet_that_comes_back_frees_the_period_and_the_part_that_paid_it(packets: Packets) -> None:
    daily = Budget(new_id(), 10_000, period=Period.DAY, asset="cash.CNY")
    scope = ((Kind.STORE, "s1"),)
    part = Budget(new_id(), 10_000, kind=Kind.STORE, scope="s1", ancestors=(daily.budget_id,), asset="cash.CNY")
    packet = Packet(new_id(), new(), "", 700, "CNY", daily.budget_id, "issuer/c1", NOON, charge_scope=scope)

    async def give(tx: Any) -> None:
        for budget in (daily, part):
            await budgets.create_budget(tx, replace(budget, ancestors=()), next(iter(budget.ancestors), None))
        want = Want(daily.budget_id, 700, scope)
        purse = await budgets.open_purse(tx, wants=[want])
        assert purse.reserve(want)
        await budgets.save_purse(tx, purse)
        await operations.send_packets(tx, [replace(packet, charge_time=purse.time)])

    await packets.incentive.db.transact(give)
    both = "SELECT committed FROM budget WHERE asset = 'cash.CNY'"
    assert await packets.incentive.rows(both) == [(700,), (700,)]

    await packets.withdraw(str(packet.packet_id))

    assert await packets.incentive.rows(both) == [(0,), (0,)]


async def test_without_a_provider_nothing_is_promised(packets: Packets) -> None:
    packet = await packets.send()
    off = Sender(packets.incentive.db, packets.incentive.clock, None)

    await off.tend()

    assert (await packets.get(packet.packet_id)).state == 1
    with pytest.raises(FailedPrecondition):
        off.check()


async def test_a_shopper_lists_their_own_packets_of_all_their_profiles_and_a_store_none(packets: Packets) -> None:
    loser, survivor = new(), new()
    mine = [(await packets.send(profile_id)).packet_id for profile_id in (loser, survivor)]
    await packets.send()
    await packets.incentive.happen(a_merge(loser, survivor))
    request = pb.ListProfilePacketsRequest(profile_id=loser)

    with acting(Call(Caller("shopper", frozenset({"incentive.packets:read"}), profile_id=loser))):
        listed = (await packets.stub.ListProfilePackets(request)).packets  # type: ignore[misc]
        with pytest.raises(PermissionDenied):
            await packets.stub.ListProfilePackets(pb.ListProfilePacketsRequest(profile_id=new()))  # type: ignore[misc]
    with acting(Call(Caller("key", frozenset({"incentive.packets:read"}), store_id="s1"))):
        with pytest.raises(PermissionDenied):
            await packets.stub.ListProfilePackets(request)  # type: ignore[misc]

    assert [packet.packet_id for packet in listed] == mine[::-1]
    assert {packet.profile_id for packet in listed} == {survivor}


async def test_days_of_faults_leave_one_packet_per_number_and_books_that_balance(incentive: Incentive) -> None:
    async with a_packets(incentive, Habits(seed=7, opened_bp=6_000, faulty_bp=5_000)) as packets:
        sent = [await packets.send(amount_minor=100 + number) for number in range(60)]
        for _ in range(80):
            await packets.sender.tend()
            packets.later(hours=1)

        states = await incentive.rows("SELECT state, sum(amount_minor)::bigint FROM packet GROUP BY state")
        assert {state for state, _ in states} == {"claimed", "returned"}
        assert packets.provider.paid() == {packet.bill_no: packet.amount_minor for packet in sent}
        assert await packets.committed() == await packets.balance("sys/paid") == dict(states)["claimed"]
        assert await packets.balance("sys/packets") == 0


async def test_the_simulator_keeps_to_one_content_per_number(packets: Packets) -> None:
    bill = Bill("A" * 26, new(), "", 500, "CNY", "")

    answers = [await packets.provider.send(each) for each in (bill, bill, bill._replace(amount_minor=600))]

    assert answers == [Answer(Word.SENT), Answer(Word.SENT), Answer(Word.REJECTED, "PARAM_ERROR")]
    assert (await packets.provider.send(bill._replace(bill_no="B" * 26, amount_minor=99))).code == "MONEY_LIMIT"
