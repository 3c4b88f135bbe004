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
_ESCAPES = re.compile(
    rb"\\u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2}|\\u[dD][89a-fA-F][\da-fA-F]{2}|(?:\\[^u])+"
).sub
_HALF_LENGTH = len(rb"\ud83d")
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


def mended(body: bytes) -> bytes:
    """The JSON text with U+FFFD in place of half characters, as `\\ud83d` without its other half.

    Programs that cut a text of UTF-16 in the middle of an emoji send such, and it is JSON by the letter of RFC 8259.
    """
    return _ESCAPES(_whole, body)


def _whole(escape: re.Match[bytes]) -> bytes:
    text = escape[0]
    return rb"\ufffd" if len(text) == _HALF_LENGTH and text[1:2] == b"u" else text
