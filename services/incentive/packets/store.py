"""Every statement on packets. A batch costs one statement, whatever its size."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from chassis.db import ReadTx, Tx, driver
from services.incentive.budgets.domain import Scope
from services.incentive.packets.domain import Packet, State
from services.incentive.packets.errors import PacketNotFound

_PACKET = """
SELECT packet_id, profile_id::text, payee, amount_minor, currency_code, budget_id, issuer, create_time, wishing,
       grant_id, charge_time, charge_scope, state, attempts, provider_code, recalled_minor, send_time,
       close_time, next_time
FROM packet
"""

_INSERT = """
INSERT INTO packet (packet_id, profile_id, payee, amount_minor, currency_code, budget_id, issuer, create_time, wishing,
                    grant_id, charge_time, charge_scope, state, next_time)
SELECT packet_id, profile_id, payee, amount_minor, currency_code, budget_id, issuer, create_time, wishing, grant_id,
       charge_time, charge_scope, 'reserved', create_time
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::text[], $6::uuid[], $7::text[], $8::timestamptz[],
            $9::text[], $10::uuid[], $11::timestamptz[], $12::text[])
    AS new (packet_id, profile_id, payee, amount_minor, currency_code, budget_id, issuer, create_time, wishing,
            grant_id, charge_time, charge_scope)
"""

# What somebody holds is being asked about, or changed.
_LEASE = """
WITH due AS (
    SELECT packet_id FROM packet WHERE next_time <= $1 ORDER BY next_time LIMIT $3 FOR UPDATE SKIP LOCKED
)
UPDATE packet SET state = CASE packet.state WHEN 'reserved' THEN 'sending' ELSE packet.state END, next_time = $2
FROM due WHERE packet.packet_id = due.packet_id
RETURNING packet.packet_id
"""

# Whose account it is paid to is nobody's matter once it is closed.
_SAVE = """
UPDATE packet SET payee = CASE WHEN new.close_time IS NULL THEN packet.payee ELSE '' END, state = new.state,
                  attempts = new.attempts, provider_code = new.provider_code, recalled_minor = new.recalled_minor,
                  send_time = new.send_time, close_time = new.close_time, next_time = new.next_time
FROM unnest($1::uuid[], $2::text[], $3::integer[], $4::text[], $5::bigint[], $6::timestamptz[], $7::timestamptz[],
            $8::timestamptz[])
    AS new (packet_id, state, attempts, provider_code, recalled_minor, send_time, close_time, next_time)
WHERE packet.packet_id = new.packet_id
"""

_WANTED_BACK = """
SELECT DISTINCT profile_id::text, currency_code FROM packet
WHERE profile_id = ANY($1::uuid[]) AND recalled_minor > 0 AND close_time IS NULL
"""


async def insert_packets(tx: Tx, packets: Sequence[Packet]) -> None:
    """Add packets that wait to be sent."""
    rows = [
        (
            packet.packet_id,
            packet.profile_id,
            packet.payee,
            packet.amount_minor,
            packet.currency_code,
            packet.budget_id,
            packet.issuer,
            packet.create_time,
            packet.wishing,
            packet.grant_id,
            packet.charge_time,
            msgspec.json.encode(packet.charge_scope).decode(),
        )
        for packet in packets
    ]
    await (await driver(tx)).execute(_INSERT, *_columns(rows))


async def lease_due(tx: Tx, now: datetime, until: datetime, limit: int) -> list[Packet]:
    """Take packets whose time has come: from now on they are being sent, and nobody else takes them before `until`."""
    connection = await driver(tx)
    taken = [row[0] for row in await connection.fetch(_LEASE, now, until, limit)]
    return await find_packets(tx, taken)


async def get_packet(tx: ReadTx, packet_id: UUID) -> Packet:
    """A packet. Raises `PacketNotFound`."""
    packets = await find_packets(tx, [packet_id])
    if not packets:
        raise PacketNotFound(packet_id)
    return packets[0]


async def find_packets(tx: ReadTx, packet_ids: Collection[UUID]) -> list[Packet]:
    """The packets of these ids, oldest first."""
    query = f"{_PACKET} WHERE packet_id = ANY($1::uuid[]) ORDER BY packet_id"
    return [_packet(row) for row in await (await driver(tx)).fetch(query, list(packet_ids))]


async def find_by_grants(tx: ReadTx, grant_ids: Collection[UUID]) -> list[Packet]:
    """The packets that grants gave."""
    query = f"{_PACKET} WHERE grant_id = ANY($1::uuid[]) ORDER BY packet_id"
    return [_packet(row) for row in await (await driver(tx)).fetch(query, list(grant_ids))]


async def find_wanted_back(tx: ReadTx, profile_ids: Collection[str]) -> set[tuple[str, str]]:
    """Who of these will owe in which currency, should they open what is wanted back of them."""
    rows = await (await driver(tx)).fetch(_WANTED_BACK, list(profile_ids))
    return {(row[0], row[1]) for row in rows}


async def lock_packets(tx: Tx, packet_ids: Collection[UUID]) -> list[Packet]:
    """Be the only one who changes packets."""
    query = f"{_PACKET} WHERE packet_id = ANY($1::uuid[]) ORDER BY packet_id FOR UPDATE"
    return [_packet(row) for row in await (await driver(tx)).fetch(query, list(packet_ids))]


async def save_packets(tx: Tx, packets: Sequence[Packet]) -> None:
    """Keep what became of locked packets."""
    if not packets:
        return
    rows = [
        (
            packet.packet_id,
            packet.state,
            packet.attempts,
            packet.provider_code,
            packet.recalled_minor,
            packet.send_time,
            packet.close_time,
            packet.next_time,
        )
        for packet in packets
    ]
    await (await driver(tx)).execute(_SAVE, *_columns(rows))


async def list_packets(tx: ReadTx, profile_ids: Collection[str], *, before: UUID, limit: int) -> list[Packet]:
    """A person's packets under any of their ids, newest first."""
    query = f"""{_PACKET} WHERE profile_id = ANY($1::uuid[]) AND packet_id < $2
        ORDER BY packet.packet_id DESC LIMIT $3"""
    return [_packet(row) for row in await (await driver(tx)).fetch(query, list(profile_ids), before, limit)]


def _packet(row: Any) -> Packet:
    fields = dict(row)
    scope = msgspec.json.decode(fields["charge_scope"], type=Scope)
    return Packet(**fields | {"state": State(fields["state"]), "charge_scope": scope})


def _columns(rows: Sequence[Sequence[object]]) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)]
