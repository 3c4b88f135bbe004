"""Items that are no events, as profile is told of them: it writes them down for whoever asks where they are."""

import msgspec
from bowen.profile.v1 import ingest_service_pb2 as pb
from google.protobuf.timestamp_pb2 import Timestamp

RAW_BYTES_MAX = 16 * 1024
MESSAGE_ID_LENGTH_MAX = 100
HIDDEN = "***"


class _Named(msgspec.Struct, gc=False):
    messageId: str = ""  # noqa: N815 (the wire's name)


_NAMED = msgspec.json.Decoder(_Named)


def refused_item(
    raw: bytes, source_id: str, received: Timestamp, code: str, message: str, *, secret: str = ""
) -> pb.IncomingEvent:
    """An item that is no event. `secret` is what must not stand in it: the source's key."""
    text = raw[:RAW_BYTES_MAX].decode(errors="replace")
    if secret:
        text = text.replace(secret, HIDDEN)
    item = pb.RefusedItem(reason=code, detail=message, raw=text, raw_size=len(raw))
    return pb.IncomingEvent(message_id=_message_id(raw), source_id=source_id, receive_time=received, refused=item)


def _message_id(raw: bytes) -> str:
    try:
        return _NAMED.decode(raw).messageId[:MESSAGE_ID_LENGTH_MAX].replace("\0", "")
    except (ValueError, RecursionError):
        return ""
