"""What others are told about packets."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from bowen.incentive.v1 import events_pb2
from google.protobuf.message import Message

from chassis.db import Tx
from chassis.outbox import Fact, append
from chassis.stamps import stamp
from services.incentive.packets.domain import Packet, State


async def packets_moved(tx: Tx, packets: Sequence[Packet], survivors: Mapping[str, str], *, now: datetime) -> None:
    """Packets came into another state; `survivors` stand for their people now."""
    messages = [_message(packet, survivors.get(packet.profile_id, packet.profile_id), now) for packet in packets]
    await append(tx, [Fact(message, now) for message in messages])


def _message(packet: Packet, profile_id: str, now: datetime) -> Message:
    about: dict[str, Any] = {
        "packet_id": str(packet.packet_id),
        "profile_id": profile_id,
        "amount_minor": packet.amount_minor,
        "currency_code": packet.currency_code,
        "grant_id": str(packet.grant_id or ""),
    }
    match packet.state:
        case State.SENT:
            return events_pb2.PacketSent(**about, send_time=stamp(now))
        case State.CLAIMED:
            return events_pb2.PacketClaimed(**about, claim_time=stamp(now))
        case _:
            return events_pb2.PacketReturned(
                **about, state=packet.state.upper(), provider_code=packet.provider_code, return_time=stamp(now)
            )
