"""The request as it stands on the wire: whose it is, and its items, not yet judged."""

import base64
import binascii
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import Raw

from chassis import jsontext
from gateway.ingest.answers import Malformed

EVENT_BYTES_MAX = 32 * 1024
BATCH_BYTES_MAX = 500 * 1024
EVENTS_MAX = 2500
CONTEXT_BYTES_MAX = 8 * 1024
"""Of the context that stands once for all events of a batch: it is merged into each of them."""

TYPES = ("track", "identify", "alias", "group", "page", "screen")


class _Envelope(msgspec.Struct, gc=False):
    batch: Raw = Raw()
    writeKey: Any = None  # noqa: N815 (the wire's names)
    sentAt: Any = None  # noqa: N815
    context: Raw = Raw()


class _Single(msgspec.Struct, gc=False):
    writeKey: Any = None  # noqa: N815
    sentAt: Any = None  # noqa: N815


@dataclass(frozen=True, slots=True)
class Delivery:
    """One request: its items as they came, what stands once for all of them, and the kind if the path says it."""

    items: list[bytes]
    kind: str
    context: dict[str, Raw]
    sent_at: Any
    write_key: str


def read(body: bytes, kind: str, authorization: str) -> Delivery:
    """Read a body; `kind` is empty on the batch paths. Raises `Malformed`.

    Half an emoji in one event, as programs leave that cut texts, takes nobody's batch away.
    """
    try:
        return _read(body, kind, authorization)
    except Malformed:
        mended = jsontext.mended(body)
        if mended == body:
            raise
        return _read(mended, kind, authorization)


def _read(body: bytes, kind: str, authorization: str) -> Delivery:
    if kind:
        return _single(body, kind, authorization)
    envelope = _decode(_ENVELOPE, body)
    if not bytes(envelope.batch).startswith(b"["):
        raise Malformed("invalid_request", "batch must be a list of events")
    items = [bytes(item) for item in _decode(_ITEMS, envelope.batch)]
    context = _context(bytes(envelope.context))
    return Delivery(items, "", context, envelope.sentAt, write_key(authorization, envelope.writeKey))


def _single(body: bytes, kind: str, authorization: str) -> Delivery:
    if len(body) > EVENT_BYTES_MAX:
        raise Malformed("event_too_large", f"an event must have at most {EVENT_BYTES_MAX} bytes")
    envelope = _decode(_SINGLE, body)
    return Delivery([body], kind, {}, envelope.sentAt, write_key(authorization, envelope.writeKey))


def write_key(authorization: str, in_body: Any) -> str:
    """The write key: user name of the Basic header, else of the body; empty if it stands nowhere."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() == "basic":
        try:
            text = base64.b64decode(encoded.strip(), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            text = ""
        if name := text.partition(":")[0]:
            return name
    return in_body if isinstance(in_body, str) else ""


def _context(raw: bytes) -> dict[str, Raw]:
    if not raw.startswith(b"{"):
        return {}
    if len(raw) > CONTEXT_BYTES_MAX:
        raise Malformed("context_too_large", f"the batch's context must have at most {CONTEXT_BYTES_MAX} bytes")
    context: dict[str, Raw] = _decode(OBJECT, raw)
    return context


def _decode(decoder: Any, body: bytes | Raw) -> Any:
    try:
        return decoder.decode(body)
    except (ValueError, RecursionError) as error:
        if isinstance(error, msgspec.ValidationError):
            raise Malformed("invalid_json", f"the body must be a JSON object: {error}") from None
        raise Malformed("invalid_json", "the body is not valid JSON") from None


OBJECT = msgspec.json.Decoder(dict[str, Raw])
_ENVELOPE = msgspec.json.Decoder(_Envelope)
_SINGLE = msgspec.json.Decoder(_Single)
_ITEMS = msgspec.json.Decoder(list[Raw])
