"""Every statement on channels."""

from datetime import datetime
from typing import Any
from uuid import UUID

from chassis.db import ReadTx, Tx, driver
from gateway.channels.domain import Channel, Kind
from gateway.channels.errors import ChannelNotFound

_CHANNEL = "SELECT channel_id, kind, name, namespace, create_time, revoke_time FROM channel"


async def insert_channel(tx: Tx, channel: Channel, sealed: bytes) -> None:
    """Add a channel with its sealed secrets."""
    await (await driver(tx)).execute(
        "INSERT INTO channel (channel_id, kind, name, namespace, sealed, create_time) VALUES ($1, $2, $3, $4, $5, $6)",
        channel.channel_id,
        int(channel.kind),
        channel.name,
        channel.namespace,
        sealed,
        channel.create_time,
    )


async def find_open(tx: ReadTx, channel_id: UUID) -> tuple[Channel, bytes] | None:
    """A channel that is not closed, with its sealed secrets."""
    query = "SELECT channel_id, kind, name, namespace, create_time, revoke_time, sealed FROM channel"
    row = await (await driver(tx)).fetchrow(f"{query} WHERE channel_id = $1 AND revoke_time IS NULL", channel_id)
    return (_channel(row), row["sealed"]) if row else None


async def list_channels(tx: ReadTx, *, after: UUID, limit: int) -> list[Channel]:
    """Channels, oldest first."""
    query = f"{_CHANNEL} WHERE channel_id > $1 ORDER BY channel_id LIMIT $2"
    return [_channel(row) for row in await (await driver(tx)).fetch(query, after, limit)]


async def revoke_channel(tx: Tx, channel_id: UUID, now: datetime) -> Channel:
    """Close a channel, if it is not closed yet. Raises `ChannelNotFound`."""
    query = """
    UPDATE channel SET revoke_time = coalesce(revoke_time, $2) WHERE channel_id = $1
    RETURNING channel_id, kind, name, namespace, create_time, revoke_time
    """
    row = await (await driver(tx)).fetchrow(query, channel_id, now)
    if row is None:
        raise ChannelNotFound(str(channel_id))
    return _channel(row)


def _channel(row: Any) -> Channel:
    return Channel(row[0], Kind(row[1]), *row[2:6])
