"""JSON that travels as text: what every reader of it can take, PostgreSQL's `jsonb` among them."""

import re
from typing import Any

import msgspec

NO_OBJECT = "must be a JSON object"

_decode_object = msgspec.json.Decoder(dict[str, Any]).decode
_ESCAPED_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000").search
_SUSPICIOUS = re.compile(r"[eE][+-]?[0-9]{3}|[0-9]{300}").search
_TEXT = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL).sub
_TOO_FINE = re.compile(r"[eE]-?0*[1-9][0-9]{3}|[0-9]{400}").search


def fault(text: str) -> str | None:
    """Why a text is no JSON object that everybody can read; None if it is one."""
    try:
        _decode_object(text)
    except (msgspec.MsgspecError, RecursionError):
        return NO_OBJECT
    return beyond(text)


def beyond(text: str) -> str | None:
    """What in valid JSON is beyond other readers: NUL characters, numbers that no double comes near. None if nothing.

    Text without either, nearly all there is, costs two searches.
    """
    if "\\u0000" in text and _ESCAPED_NUL(text):
        return "must not hold a NUL character"
    if not _SUSPICIOUS(text):
        return None
    try:
        msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError):
        return "must not hold a number beyond a double's range"
    return "must not hold a number with so many digits" if _TOO_FINE(_TEXT('""', text)) else None
