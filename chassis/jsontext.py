"""JSON that travels as text: what every reader of it can take, PostgreSQL's `jsonb` among them."""

import re
from typing import Any

import msgspec

NO_OBJECT = "must be a JSON object"

_decode_object = msgspec.json.Decoder(dict[str, Any]).decode
_ESCAPED_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000").search
_SHAPE = bytes.maketrans(b"123456789E", b"000000000e")
_LONG_NUMBER = b"0" * 300
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

    Text without either, nearly all there is, costs a look for three literals.
    """
    if "\\u0000" in text and _ESCAPED_NUL(text):
        return "must not hold a NUL character"
    shape = text.encode(errors="replace").translate(_SHAPE, b"+-")
    if b"e000" not in shape and _LONG_NUMBER not in shape:
        return None
    try:
        msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError):
        return "must not hold a number beyond a double's range"
    return "must not hold a number with so many digits" if _TOO_FINE(_TEXT('""', text)) else None
