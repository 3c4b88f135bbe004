"""Channels and what they tell, from and to the contract."""

import hashlib
from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

import msgspec
from bowen.gateway.v1 import channel_pb2 as pb
from bowen.gateway.v1 import channel_service_pb2
from bowen.profile.v1 import event_pb2, ingest_service_pb2, profile_pb2

from chassis.errors import Violation
from chassis.stamps import stamp
from gateway.channels.adapters import ADAPTERS
from gateway.channels.domain import AES_KEY_LENGTH, Channel, Heard, Kind, Secrets
from gateway.channels.errors import ChannelInvalid

MESSAGE_ID_LENGTH_MAX = 100
_EXACT = msgspec.json.Encoder(decimal_format="number")


def channel_from_proto(
    request: channel_service_pb2.CreateChannelRequest, *, channel_id: UUID, now: datetime
) -> Channel:
    """The channel that is asked for. Raises `ChannelInvalid`."""
    if violations := list(_violations(request)):
        raise ChannelInvalid(violations)
    secrets = Secrets(request.secret, request.aes_key)
    return Channel(channel_id, Kind(request.kind), request.name, request.namespace, now, secrets=secrets)


def _violations(request: channel_service_pb2.CreateChannelRequest) -> Iterator[Violation]:
    if int(request.kind) not in ADAPTERS:
        yield "kind", f"must be one of {', '.join(kind.name for kind in ADAPTERS)}"
    if request.aes_key and len(request.aes_key) != AES_KEY_LENGTH:
        yield "aes_key", f"must have {AES_KEY_LENGTH} characters"
    if int(request.kind) == Kind.WECOM and not request.aes_key:
        yield "aes_key", "is required: WeCom encrypts all callbacks"


def channel_to_proto(channel: Channel) -> pb.Channel:
    """A channel, without its secrets."""
    return pb.Channel(
        channel_id=str(channel.channel_id),
        kind=pb.ChannelKind.ValueType(int(channel.kind)),
        name=channel.name,
        namespace=channel.namespace,
        callback_path=f"/v1/channels/{channel.channel_id}/callback",
        create_time=stamp(channel.create_time),
        revoke_time=stamp(channel.revoke_time) if channel.revoke_time else None,
    )


def event_of(channel: Channel, heard: Heard, received: datetime) -> ingest_service_pb2.IncomingEvent:
    """The event that profile takes in: of a trusted source, under an id that repeats share."""
    named = bool(heard.name)
    return ingest_service_pb2.IncomingEvent(
        message_id=_message_id(channel, heard.key),
        type=event_pb2.EVENT_TYPE_TRACK if named else event_pb2.EVENT_TYPE_IDENTIFY,
        name=heard.name,
        identifiers=[
            profile_pb2.Identifier(type=each.type, namespace=each.namespace, value=each.value, verified=each.verified)
            for each in heard.identifiers
        ],
        properties=_json({**heard.properties, "channel": channel.kind.name.lower()}) if named else "",
        traits=_json(heard.traits) if heard.traits else "",
        context=_json({"channel": {"kind": channel.kind.name.lower(), "namespace": channel.namespace}}),
        original_time=stamp(heard.time) if heard.time else None,
        receive_time=stamp(received),
        source_id=str(channel.channel_id),
        trust=event_pb2.TRUST_SERVER,
    )


def _message_id(channel: Channel, key: str) -> str:
    whole = f"{channel.channel_id}:{key}"
    if len(whole) <= MESSAGE_ID_LENGTH_MAX:
        return whole
    return f"{channel.channel_id}:{hashlib.sha256(key.encode()).hexdigest()[:32]}"


def _json(values: object) -> str:
    return _EXACT.encode(values).decode()
