"""The contract's face of channels, served by the gateway itself."""

from typing import Any
from uuid import UUID

from bowen.gateway.v1 import channel_service_pb2 as pb

from chassis import pagination
from chassis.caller import current
from chassis.clock import Clock
from chassis.db import Database, Tx
from chassis.errors import PermissionDenied
from chassis.idempotency import once
from chassis.ids import new_id
from gateway.channels import convert, store
from gateway.channels.sealing import Seal


class ChannelServicer:
    """Opens, lists and closes channels. What a channel is signed with comes in and never goes out."""

    def __init__(self, db: Database, clock: Clock, seal: Seal) -> None:
        self._db, self._clock, self._seal = db, clock, seal

    async def CreateChannel(self, request: pb.CreateChannelRequest, _context: Any = None) -> pb.CreateChannelResponse:
        """Open a channel."""
        _check_brand()
        channel = convert.channel_from_proto(request, channel_id=new_id(), now=self._clock.now())
        sealed = self._seal.close(channel.secrets, channel.channel_id.bytes)

        async def work(tx: Tx) -> pb.CreateChannelResponse:
            await store.insert_channel(tx, channel, sealed)
            return pb.CreateChannelResponse(channel=convert.channel_to_proto(channel))

        return await once(self._db, request, work, pb.CreateChannelResponse)

    async def ListChannels(self, request: pb.ListChannelsRequest, _context: Any = None) -> pb.ListChannelsResponse:
        """List channels, oldest first."""
        _check_brand()
        size = pagination.page_size(request.page_size)
        after = pagination.after(request, pagination.parse_id) or pagination.FIRST_ID
        async with self._db.read() as tx:
            channels = await store.list_channels(tx, after=after, limit=size + 1)
        page, token = pagination.cut(request, channels, size, lambda channel: [str(channel.channel_id)])
        return pb.ListChannelsResponse(
            channels=[convert.channel_to_proto(channel) for channel in page], next_page_token=token
        )

    async def RevokeChannel(self, request: pb.RevokeChannelRequest, _context: Any = None) -> pb.RevokeChannelResponse:
        """Close a channel."""
        _check_brand()

        async def work(tx: Tx) -> pb.RevokeChannelResponse:
            channel = await store.revoke_channel(tx, UUID(request.channel_id), self._clock.now())
            return pb.RevokeChannelResponse(channel=convert.channel_to_proto(channel))

        return await once(self._db, request, work, pb.RevokeChannelResponse)


def _check_brand() -> None:
    if store_id := current().caller.store_id:
        raise PermissionDenied("channels are not a store's own", store_id=store_id)
