"""What changes packets: lock, decide, save, move budget and money, tell.

Rows are held in one order everywhere: packets, budgets, accounts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from uuid import UUID

from chassis.db import Tx
from services.incentive.budgets import operations as budgets
from services.incentive.budgets import store as budget_store
from services.incentive.budgets.domain import Outcome, Want
from services.incentive.ledger import operations as ledger
from services.incentive.ledger.domain import Transfer
from services.incentive.packets import domain, events, store
from services.incentive.packets.domain import Change, Packet, Recall, freed
from services.incentive.packets.domain.payouts import Answer
from services.incentive.packets.errors import PacketUnfunded
from services.incentive.subjects import store as subjects

LEASED_MAX = 100


async def send_packet(tx: Tx, packet: Packet) -> Packet:
    """Reserve a packet out of its budget. Raises `BudgetNotFound`, `PacketUnfunded`."""
    budget = await budget_store.get_budget(tx, packet.budget_id)
    if budget.asset not in ("", packet.asset):
        raise PacketUnfunded(packet.budget_id, f"the budget is of {budget.asset}")
    want = Want(packet.budget_id, packet.amount_minor)
    purse = await budgets.open_purse(tx, wants=[want])
    if (outcome := purse.charge(want)) is not Outcome.PAID:
        raise PacketUnfunded(packet.budget_id, outcome)
    await budgets.save_purse(tx, purse)
    profile_id = await subjects.resolve(tx, packet.profile_id)
    packet = replace(packet, profile_id=profile_id, charge_time=purse.time)
    await send_packets(tx, [packet])
    return packet


async def send_packets(tx: Tx, packets: Sequence[Packet]) -> None:
    """Have packets sent whose budgets the caller charged in this transaction, at their `charge_time`.

    From here on the budgets are the packets': whatever does not stay with a person they give back, once.
    """
    if packets:
        await store.insert_packets(tx, packets)
        await _post(tx, [domain.reserving(packet) for packet in packets])


async def withdraw(tx: Tx, packet_id: UUID, wanted: Recall) -> Packet:
    """Want a packet back. Raises `PacketNotFound`."""
    changes = await recall(tx, {packet_id: wanted})
    await _free(tx, changes)
    await settle(tx, changes)
    return changes[0].after if changes else await store.get_packet(tx, packet_id)


async def recall(tx: Tx, recalls: Mapping[UUID, Recall]) -> list[Change]:
    """Want packets back; a total that is not more than before changes nothing, and none is known that is not there.

    A packet of which all is wanted before it is sent is not sent. Otherwise what is wanted is taken back in the ledger
    once the person has the money, what they have not as debt. Who wants them back gives their budgets what is `freed`,
    together with all else that they give back, and lets the changes `settle` once no more budgets are held.
    """
    packets = await store.lock_packets(tx, recalls)
    wanted = [(packet, recalls[packet.packet_id]) for packet in packets]
    return await _keep(tx, [Change(each, domain.recalled(each, one), one.reason, one.time) for each, one in wanted])


async def lease(tx: Tx, now: datetime) -> list[Packet]:
    """Take packets about which the provider is to be asked now."""
    return await store.lease_due(tx, now, now + domain.LEASE, LEASED_MAX)


async def note(tx: Tx, answers: Mapping[UUID, Answer], now: datetime) -> list[Packet]:
    """Keep what the provider said, and do once what follows from it."""
    packets = await store.lock_packets(tx, answers)
    heard = [domain.heard(packet, answers[packet.packet_id], now) for packet in packets]
    changes = [Change(*pair, "packet was recalled", now) for pair in zip(packets, heard, strict=True)]
    kept = await _keep(tx, changes)
    await _free(tx, kept)
    await settle(tx, kept)
    return heard


async def _keep(tx: Tx, changes: Sequence[Change]) -> list[Change]:
    kept = [each for each in changes if each.before != each.after]
    await store.save_packets(tx, [each.after for each in kept])
    return kept


async def _free(tx: Tx, changes: Sequence[Change]) -> None:
    if wants := freed(changes):
        await budgets.release_all(tx, wants)


async def settle(tx: Tx, changes: Sequence[Change]) -> None:
    """Move the money of packets that changed, and tell of them. Accounts are held from here on."""
    claims = [domain.debt(each) for each in changes if domain.owed(each)]
    if claims:
        await ledger.take_back(tx, domain.SCOPE, claims)
    await _post(tx, [move for each in changes for move in domain.closing(each)])
    for now, moved in groupby(changes, key=lambda each: each.time):
        await _tell(tx, [each.after for each in moved if each.before.state != each.after.state], now)


async def _tell(tx: Tx, moved: Sequence[Packet], now: datetime) -> None:
    survivors = await subjects.find_survivors(tx, {packet.profile_id for packet in moved})
    await events.packets_moved(tx, moved, survivors, now=now)


async def _post(tx: Tx, moves: Sequence[Transfer]) -> None:
    """Post between accounts that cannot refuse."""
    if not moves:
        return
    for move, outcome in zip(moves, await ledger.post(tx, moves), strict=True):
        if outcome.reason:
            raise ledger.Unpostable(f"{move.transfer_id}: {outcome.reason}: {outcome.detail}")
