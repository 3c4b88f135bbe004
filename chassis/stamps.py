"""Instants between Python and the wire."""

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp


def stamp(moment: datetime) -> Timestamp:
    """The timestamp of an aware datetime, in whole microseconds."""
    timestamp = Timestamp()
    timestamp.FromDatetime(moment)
    return timestamp


def moment(timestamp: Timestamp) -> datetime:
    """The aware datetime of a timestamp, in UTC; nanoseconds are cut off."""
    return timestamp.ToDatetime(UTC)
