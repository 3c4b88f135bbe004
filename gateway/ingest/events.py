"""From an item of the wire to an event of profile's contract."""

from typing import Any

import msgspec
from bowen.profile.v1 import event_pb2
from bowen.profile.v1 import ingest_service_pb2 as pb
from google.protobuf.timestamp_pb2 import Timestamp
from msgspec import Raw

from chassis import jsontext, rules
from chassis.errors import InvalidArgument
from chassis.ids import new_id
from gateway.ingest import times
from gateway.ingest.identifiers import identifiers
from gateway.ingest.wire import EVENT_BYTES_MAX, OBJECT, Delivery
from gateway.keys.domain import WriteKey

_KINDS = {
    name: event_pb2.EventType.Value(f"EVENT_TYPE_{name.upper()}")
    for name in ("track", "identify", "alias", "group", "page", "screen")
}
_encode = msgspec.json.Encoder().encode


class ItemInvalid(Exception):
    """An item that cannot be an event. Its neighbours are not touched."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class _Item(msgspec.Struct, gc=False):
    """What is looked at in an item. Names are the wire's; the types are as loose as what is really sent."""

    type: Any = None
    messageId: Any = None  # noqa: N815
    event: Any = None
    name: Any = None
    userId: Any = None  # noqa: N815
    anonymousId: Any = None  # noqa: N815
    previousId: Any = None  # noqa: N815
    groupId: Any = None  # noqa: N815
    timestamp: Any = None
    originalTimestamp: Any = None  # noqa: N815
    sentAt: Any = None  # noqa: N815
    properties: Raw = Raw()
    traits: Raw = Raw()
    context: Raw = Raw()


_ITEM = msgspec.json.Decoder(_Item)


def event_of(item: bytes, delivery: Delivery, source: WriteKey, received: Timestamp) -> pb.IncomingEvent:
    """The event that an item is. Raises `ItemInvalid`."""
    if len(item) > EVENT_BYTES_MAX:
        raise ItemInvalid("EVENT_TOO_LARGE", f"an event must have at most {EVENT_BYTES_MAX} bytes")
    try:
        decoded = _ITEM.decode(item)
        event = _event(decoded, delivery, source, received)
        rules.check(event)
        _check_json(event)
    except InvalidArgument as refusal:
        raise ItemInvalid("EVENT_INVALID", refusal.message) from None
    except (ValueError, TypeError, RecursionError) as error:
        text = str(error) if isinstance(error, _Told | msgspec.ValidationError) else "is no event"
        raise ItemInvalid("EVENT_INVALID", text) from None
    return event


def _check_json(event: pb.IncomingEvent) -> None:
    """What a reader further on could not take is refused here, where its sender gets to read why."""
    for name in ("properties", "traits", "context"):
        if told := jsontext.beyond(getattr(event, name)):
            raise _Told(f"{name} {told}")


class _Told(ValueError):
    """Says what is wrong in words for the sender."""


def _event(item: _Item, delivery: Delivery, source: WriteKey, received: Timestamp) -> pb.IncomingEvent:
    kind = delivery.kind or item.type
    if not isinstance(kind, str) or kind not in _KINDS:
        raise _Told(f"type must be one of {', '.join(_KINDS)}")
    own = _object(bytes(item.context), "context")
    context = {**delivery.context, **own}
    known = _known_context(context)
    return pb.IncomingEvent(
        message_id=_id(item.messageId, "messageId") or str(new_id()),
        type=_KINDS[kind],
        name=_text(item.event if kind == "track" else item.name, "event" if kind == "track" else "name"),
        user_id=_id(item.userId, "userId"),
        anonymous_id=_id(item.anonymousId, "anonymousId"),
        previous_id=_id(item.previousId, "previousId"),
        group_id=_id(item.groupId, "groupId"),
        identifiers=identifiers(known),
        properties=_json(item.properties),
        traits=_traits(kind, item, context),
        context=_encode(context).decode() if context else "",
        original_time=_time(item.originalTimestamp or item.timestamp, "timestamp"),
        sent_time=_time(item.sentAt or delivery.sent_at, "sentAt"),
        receive_time=received,
        source_id=str(source.source_id),
        trust=event_pb2.Trust.ValueType(int(source.trust)),
    )


def _object(raw: bytes, name: str) -> dict[str, Raw]:
    if raw in (b"", b"null"):
        return {}
    if not raw.startswith(b"{"):
        raise _Told(f"{name} must be an object")
    content: dict[str, Raw] = OBJECT.decode(raw)
    return content


def _known_context(context: dict[str, Raw]) -> dict[str, Any]:
    """The parts of a context that name identifiers."""
    return {name: msgspec.json.decode(context[name]) for name in ("externalIds", "device", "app") if name in context}


def _traits(kind: str, item: _Item, context: dict[str, Raw]) -> str:
    """What the event says of the person: its own traits before those of the context. A group's are the group's."""
    own = _json(item.traits)
    if kind == "group" or "traits" not in context:
        return own
    of_context = bytes(context["traits"])
    if not of_context.startswith(b"{"):
        return own
    if not own.startswith("{"):
        return own or of_context.decode()
    return _encode({**OBJECT.decode(of_context), **OBJECT.decode(own)}).decode()


def _json(raw: Raw) -> str:
    text = bytes(raw).decode()
    return "" if text == "null" else text


def _id(value: Any, name: str) -> str:
    """An id: text, or a number as some callers send it."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return _text(value, name)


def _text(value: Any, name: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _Told(f"{name} must be a text")
    return value


def _time(value: Any, name: str) -> Timestamp | None:
    if value is None or value == "":
        return None
    try:
        return times.parse(value)
    except ValueError as error:
        raise _Told(f"{name} {error}") from None
