"""Call centres: call records. There is no standard: this is Bowen's own shape, for any vendor to export.

POST to the channel's address, signed as an export (`signing`): a JSON object, an array of at most 1,000, or one a
line.

    {"call_id": "c-1", "direction": "inbound", "number": "138 0013 8001", "start_time": "2026-06-20T12:00:00+08:00",
     "answered": true, "duration_seconds": 93, "wait_seconds": 8, "agent": "a-7", "queue": "orders",
     "line": "4008001000", "topic": "delivery", "satisfaction": 5}

`call_id`, `direction` (`inbound`, `outbound`) and `start_time` are required; `number` is the customer's; `answered` is
true unless said. A record with its `call_id` is taken once: export a call when it has ended. The answer tells how
many records were taken, and how many were skipped because their number is withheld, masked or virtual. A record that
breaks a rule refuses the whole export with the rule's name; nothing of it is taken then.

A caller's number proves nobody: it is an unverified phone, which may only join an unknown person to a known one.
"""

from collections.abc import Mapping
from typing import Any

from gateway.channels.adapters.orders import told
from gateway.channels.adapters.people import phone
from gateway.channels.adapters.reading import instant, present, required
from gateway.channels.adapters.signing import check_export
from gateway.channels.domain import Callback, Channel, Heard, Told
from gateway.channels.errors import CallbackInvalid

_DIRECTIONS = ("inbound", "outbound")
_PROPERTIES = {
    name: name
    for name in ("duration_seconds", "wait_seconds", "agent", "queue", "line", "topic", "satisfaction", "recording_url")
}


def call_centre(channel: Channel, callback: Callback) -> Told:
    """What call records tell."""
    check_export(channel, callback)
    return told(callback.body, _heard)


def _heard(record: Mapping[str, Any]) -> list[Heard]:
    call_id, direction = required(record, "call_id"), required(record, "direction")
    time, answered = instant(record.get("start_time"), "start_time"), record.get("answered", True)
    if direction not in _DIRECTIONS:
        raise CallbackInvalid("direction", f"must be one of {', '.join(_DIRECTIONS)}")
    if not isinstance(answered, bool):
        raise CallbackInvalid("answered", "must be true or false")
    properties = {"call_id": call_id, "answered": answered, **present(record, _PROPERTIES)}
    people = phone(record.get("number"))
    return [Heard(f"call:{call_id}", people, _name(direction, answered), time, properties)] if people else []


def _name(direction: str, answered: bool) -> str:
    if direction == "outbound":
        return "Call Made"
    return "Call Received" if answered else "Call Missed"
