"""Keys between their contract and their values."""

from typing import Any

from bowen.gateway.v1 import key_pb2 as pb

from gateway.keys.domain import ApiKey, WriteKey


def api_key_to_proto(key: ApiKey) -> pb.ApiKey:
    """The key as the contract says it."""
    key_to: Any = pb.ApiKey  # datetimes become timestamps; the stubs do not know
    message: pb.ApiKey = key_to(
        key_id=str(key.key_id),
        name=key.name,
        scopes=key.scopes,
        store_id=str(key.store_id or ""),
        prefix=key.prefix,
        create_time=key.create_time,
        revoke_time=key.revoke_time,
    )
    return message


def write_key_to_proto(key: WriteKey) -> pb.WriteKey:
    """The source as the contract says it, without its key."""
    key_to: Any = pb.WriteKey
    message: pb.WriteKey = key_to(
        source_id=str(key.source_id),
        name=key.name,
        trust=int(key.trust),
        prefix=key.prefix,
        create_time=key.create_time,
        revoke_time=key.revoke_time,
    )
    return message
