"""Times as SDKs write them: ISO 8601 with `Z`, an offset or nothing, and up to nine digits of a second."""

import re
from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp

_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)"
    r"(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9})\d*)?)?\s*(?:([Zz])|([+-])(\d\d):?(\d\d)?)?)?",
    re.ASCII,
).fullmatch
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EDGE = timedelta(days=2)
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC) + _EDGE, datetime.max.replace(tzinfo=UTC) - _EDGE


def parse(text: object) -> Timestamp:
    """The time that a text says; without a zone it is UTC, and a date is when its day begins. Raises `ValueError`."""
    match = _TIME(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise ValueError("is no ISO 8601 time")
    year, month, day, hour, minute, second, fraction, _, sign, hours, minutes = match.groups()
    try:
        local = datetime(
            int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0), tzinfo=UTC
        )
    except ValueError:
        raise ValueError("is no time of any calendar") from None
    if not _FIRST <= local <= _LAST or int(hours or 0) > 23 or int(minutes or 0) > 59:
        raise ValueError("is out of range")
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    moment = local + offset if sign == "-" else local - offset
    seconds = (moment - _EPOCH) // timedelta(seconds=1)
    return Timestamp(seconds=seconds, nanos=int((fraction or "0").ljust(9, "0")))
