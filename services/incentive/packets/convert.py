"""Messages about packets, from and to what they mean."""

from datetime import datetime
from uuid import UUID

from bowen.incentive.v1 import packet_pb2, packet_service_pb2

from chassis.stamps import stamp
from services.incentive.packets.domain import Packet


def packet_from_proto(request: packet_service_pb2.SendPacketRequest, *, packet_id: UUID, now: datetime) -> Packet:
    """The packet that is asked for."""
    return Packet(
        packet_id=packet_id,
        profile_id=request.profile_id,
        payee=request.payee,
        amount_minor=request.amount_minor,
        currency_code=request.currency_code,
        budget_id=UUID(request.budget_id),
        issuer=f"issuer/{request.budget_id}",
        wishing=request.wishing,
        create_time=now,
    )


def packet_to_proto(packet: Packet, profile_id: str = "") -> packet_pb2.Packet:
    """A packet of the person that `profile_id` stands for now."""
    return packet_pb2.Packet(
        packet_id=str(packet.packet_id),
        profile_id=profile_id or packet.profile_id,
        bill_no=packet.bill_no,
        amount_minor=packet.amount_minor,
        currency_code=packet.currency_code,
        state=packet_pb2.Packet.State.Value(f"STATE_{packet.state.upper()}"),
        provider_code=packet.provider_code,
        wishing=packet.wishing,
        grant_id=str(packet.grant_id or ""),
        recalled_minor=packet.recalled_minor,
        create_time=stamp(packet.create_time),
        send_time=stamp(packet.send_time) if packet.send_time else None,
        close_time=stamp(packet.close_time) if packet.close_time else None,
    )
