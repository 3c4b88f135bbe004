"""The gRPC face of packets."""

from typing import Any
from uuid import UUID

import grpc
from bowen.incentive.v1 import packet_pb2
from bowen.incentive.v1 import packet_service_pb2 as pb
from bowen.incentive.v1.packet_service_pb2_grpc import PacketServiceServicer

from chassis import pagination
from chassis.caller import current
from chassis.clock import Clock
from chassis.db import Database, ReadTx, Tx
from chassis.idempotency import once
from chassis.ids import new_id
from services.incentive.packets import convert, operations, store
from services.incentive.packets.clients import Sender
from services.incentive.packets.domain import Packet, Recall, packet_id_of
from services.incentive.packets.errors import PacketNotFound
from services.incentive.subjects import store as subjects

Context = grpc.aio.ServicerContext[Any, Any]


class PacketServicer(PacketServiceServicer):
    """Packets are the brand's: a caller that is bound to a store has no part in them; a shopper lists their own."""

    def __init__(self, db: Database, clock: Clock, sender: Sender) -> None:
        self._db, self._clock, self._sender = db, clock, sender

    async def SendPacket(self, request: pb.SendPacketRequest, context: Context) -> pb.SendPacketResponse:
        subjects.check_brand(current().caller)
        self._sender.check()
        packet = convert.packet_from_proto(request, packet_id=new_id(), now=self._clock.now())

        async def work(tx: Tx) -> pb.SendPacketResponse:
            return pb.SendPacketResponse(packet=convert.packet_to_proto(await operations.send_packet(tx, packet)))

        return await once(self._db, request, work, pb.SendPacketResponse, keep=None)

    async def WithdrawPacket(self, request: pb.WithdrawPacketRequest, context: Context) -> pb.WithdrawPacketResponse:
        subjects.check_brand(current().caller)
        packet_id, now = UUID(request.packet_id), self._clock.now()

        async def work(tx: Tx) -> pb.WithdrawPacketResponse:
            whole = (await store.get_packet(tx, packet_id)).amount_minor
            packet = await operations.withdraw(tx, packet_id, Recall(whole, request.reason, now))
            return pb.WithdrawPacketResponse(packet=await _described(tx, packet))

        return await once(self._db, request, work, pb.WithdrawPacketResponse, keep=None)

    async def RefreshPacket(self, request: pb.RefreshPacketRequest, context: Context) -> pb.RefreshPacketResponse:
        subjects.check_brand(current().caller)
        packet_id = packet_id_of(request.bill_no)
        if packet_id is None:
            raise PacketNotFound(request.bill_no)
        async with self._db.read() as tx:
            packet = await store.get_packet(tx, packet_id)
        packet = await self._sender.refresh(packet)
        async with self._db.read() as tx:
            return pb.RefreshPacketResponse(packet=await _described(tx, packet))

    async def GetPacket(self, request: pb.GetPacketRequest, context: Context) -> pb.GetPacketResponse:
        subjects.check_brand(current().caller)
        async with self._db.read() as tx:
            packet = await store.get_packet(tx, UUID(request.packet_id))
            return pb.GetPacketResponse(packet=await _described(tx, packet))

    async def ListProfilePackets(
        self, request: pb.ListProfilePacketsRequest, context: Context
    ) -> pb.ListProfilePacketsResponse:
        caller = current().caller
        subjects.check_brand(caller)
        size = pagination.page_size(request.page_size)
        before = pagination.after(request, pagination.parse_id) or pagination.LAST_ID
        async with self._db.read() as tx:
            profile_id = await subjects.resolve(tx, request.profile_id)
            await subjects.check_own(tx, caller, profile_id)
            ids = await subjects.list_ids(tx, profile_id)
            packets = await store.list_packets(tx, ids, before=before, limit=size + 1)
        page, token = pagination.cut(request, packets, size, lambda packet: [str(packet.packet_id)])
        return pb.ListProfilePacketsResponse(
            packets=[convert.packet_to_proto(packet, profile_id) for packet in page], next_page_token=token
        )


async def _described(tx: ReadTx, packet: Packet) -> packet_pb2.Packet:
    return convert.packet_to_proto(packet, await subjects.resolve(tx, packet.profile_id))
