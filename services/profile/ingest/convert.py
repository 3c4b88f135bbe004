"""Events on their way in and their outcomes, between the contract and the domain."""

from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any

import msgspec
from bowen.profile.v1 import event_pb2
from bowen.profile.v1.ingest_service_pb2 import IncomingEvent, IngestOutcome, RefusedItem
from google.protobuf.timestamp_pb2 import Timestamp

from services.profile.attributes import domain as attributes
from services.profile.identity.domain import Trust
from services.profile.ingest.domain import Incoming, Outcome, Refusal, Unread
from services.profile.timeline.domain import EventType

_about = attrgetter(*Incoming._fields[: Incoming._fields.index("identifiers")])
_identifier = attrgetter("type", "namespace", "value", "verified")
_KINDS = {int(kind): kind.name.lower() for kind in EventType}
_WIRE_NAMES = ("messageId", "type", "event", "userId", "anonymousId", "previousId", "groupId")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_content = attrgetter("properties", "traits", "context")


def incoming_from_proto(event: IncomingEvent) -> Incoming:
    """The event, with times in microseconds."""
    identifiers = event.identifiers
    return Incoming._make(
        (
            *_about(event),
            tuple([_identifier(each) for each in identifiers]) if identifiers else (),
            *_content(event),
            _microseconds(event.original_time) if event.HasField("original_time") else None,
            _microseconds(event.sent_time) if event.HasField("sent_time") else None,
            _microseconds(event.receive_time) if event.HasField("receive_time") else None,
            event.source_id,
            Trust.SERVER if event.trust == event_pb2.TRUST_SERVER else Trust.PUBLIC,
            _unread(event.refused) if event.HasField("refused") else None,
        )
    )


def _unread(item: RefusedItem) -> Unread:
    return Unread(Refusal(item.reason, item.detail), item.raw, item.raw_size)


def _microseconds(timestamp: Timestamp) -> int:
    return timestamp.seconds * 1_000_000 + timestamp.nanos // 1_000


def outcome_to_proto(outcome: Outcome) -> IngestOutcome:
    """What became of an event."""
    message = IngestOutcome(message_id=outcome.message_id, detail=outcome.note)
    if outcome.refusal is not None:
        message.result = IngestOutcome.RESULT_REJECTED
        message.reason, message.detail = outcome.refusal
    elif outcome.is_duplicate:
        message.result, message.event_id = IngestOutcome.RESULT_DUPLICATE, str(outcome.event_id)
    else:
        message.result = IngestOutcome.RESULT_ACCEPTED
        message.event_id, message.profile_id = str(outcome.event_id), str(outcome.profile_id)
    return message


def raw_of(event: Incoming) -> str:
    """The event in the words of the wire, for those who want to see what was not stored."""
    told: dict[str, Any] = {"type": _KINDS.get(event.type, event.type)}
    told |= {wire: value for wire, value in zip(_WIRE_NAMES, event, strict=False) if value and wire != "type"}
    if event.identifiers:
        told["identifiers"] = [
            dict(zip(("type", "namespace", "value", "verified"), each, strict=True)) for each in event.identifiers
        ]
    told |= {name: _raw(getattr(event, name)) for name in ("properties", "traits", "context") if getattr(event, name)}
    if event.original_time is not None:
        told["timestamp"] = _EPOCH + event.original_time * _MICROSECOND
    return msgspec.json.encode(told).decode()


def _raw(text: str) -> msgspec.Raw | str:
    """A JSON object as it is; anything else as a text."""
    try:
        attributes.values(text)
    except ValueError:
        return text
    return msgspec.Raw(text.encode())
