"""Events on their way in and their outcomes, between the contract and the domain."""

from operator import attrgetter

from bowen.profile.v1 import event_pb2
from bowen.profile.v1.ingest_service_pb2 import IncomingEvent, IngestOutcome
from google.protobuf.timestamp_pb2 import Timestamp

from services.profile.identity.domain import Trust
from services.profile.ingest.domain import Incoming, Outcome

_about = attrgetter(*Incoming._fields[: Incoming._fields.index("identifiers")])
_identifier = attrgetter("type", "namespace", "value", "verified")
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
        )
    )


def _microseconds(timestamp: Timestamp) -> int:
    return timestamp.seconds * 1_000_000 + timestamp.nanos // 1_000


def outcome_to_proto(outcome: Outcome) -> IngestOutcome:
    """What became of an event."""
    message = IngestOutcome(message_id=outcome.message_id, detail=outcome.note)
    if outcome.refusal is not None:
        message.result = IngestOutcome.RESULT_REJECTED
        message.reason, message.detail = outcome.refusal.reason, outcome.refusal.message
    elif outcome.is_duplicate:
        message.result, message.event_id = IngestOutcome.RESULT_DUPLICATE, str(outcome.event_id)
    else:
        message.result = IngestOutcome.RESULT_ACCEPTED
        message.event_id, message.profile_id = str(outcome.event_id), str(outcome.profile_id)
    return message
