"""Instants between Python and the wire."""

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def stamp(moment: datetime) -> Timestamp:
    """The timestamp of an aware datetime, in whole microseconds."""
    past = moment - _EPOCH  # `FromDatetime` comes to the same, by a long way round
    return Timestamp(seconds=past.days * 86_400 + past.seconds, nanos=past.microseconds * 1_000)


def moment(timestamp: Timestamp) -> datetime:
    """The aware datetime of a timestamp, in UTC; nanoseconds are cut off."""
    return timestamp.ToDatetime(UTC)
