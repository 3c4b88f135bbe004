"""Pages of a list: how many, and where the next one begins."""

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Sequence
from typing import TypeVar
from uuid import UUID

from google.protobuf.message import Message

from chassis.errors import InvalidArgument

PAGE_SIZE_DEFAULT = 50
PAGE_SIZE_MAX = 200
TOKEN_LENGTH_MAX = 4096

FIRST_ID = UUID(int=0)
LAST_ID = UUID(int=2**128 - 1)
"""Where a list by id begins, and where one in the other direction does."""

K = TypeVar("K")
T = TypeVar("T")

Key = Sequence[str | int]
"""The sort key of the last row of a page."""

_OF_THIS_LIST = "must be a `next_page_token` of the same list with the same filter"

_PAGING_FIELDS = ("page_size", "page_token")
_DIGEST_BYTES = 9


def page_size(requested: int) -> int:
    """How many rows to return: 0 means the default, more than the maximum means the maximum."""
    if requested < 0:
        raise InvalidArgument("page_size", "must not be negative")
    return min(requested or PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX)


def encode_token(filter: Message | bytes, key: Key) -> str:
    """A token for the page after `key`, good for the same filter only.

    `filter` may be the request itself: its `page_size` and `page_token` do not count.
    """
    body = json.dumps(list(key), separators=(",", ":"), ensure_ascii=False).encode()
    return base64.urlsafe_b64encode(_digest(filter, body) + body).rstrip(b"=").decode()


def decode_token(token: str, filter: Message | bytes) -> list[str | int] | None:
    """The key that a token stands for; None for the first page. Raises `InvalidArgument`."""
    if not token:
        return None
    raw = _decoded(token)
    digest, body = raw[:_DIGEST_BYTES], raw[_DIGEST_BYTES:]
    if digest != _digest(filter, body):
        raise InvalidArgument("page_token", _OF_THIS_LIST)
    try:
        key: list[str | int] = json.loads(body)
    except ValueError:
        raise InvalidArgument("page_token", _OF_THIS_LIST) from None
    return key


def after(request: Message, parse: Callable[[list[str | int]], K]) -> K | None:
    """What `parse` makes of the key behind which the asked-for page begins; None for the first page.

    Raises `InvalidArgument`, also when the key is not one that `parse` can read.
    """
    key = decode_token(request.page_token, request)  # type: ignore[attr-defined] # every list request has one
    if key is None:
        return None
    try:
        return parse(key)
    except (ValueError, TypeError, IndexError, OverflowError, OSError):
        raise InvalidArgument("page_token", _OF_THIS_LIST) from None


def cut(request: Message, rows: Sequence[T], size: int, key: Callable[[T], Key]) -> tuple[Sequence[T], str]:
    """A page out of `rows`, which hold one more than `size` if there are more, and the token of the next page."""
    page = rows[:size]
    return page, encode_token(request, key(page[-1])) if len(rows) > size else ""


def parse_id(key: Key) -> UUID:
    """The id that a key of one id stands for."""
    return UUID(str(key[0]))


def _decoded(token: str) -> bytes:
    try:
        if len(token) > TOKEN_LENGTH_MAX:
            return b""
        return base64.b64decode(token.encode("ascii") + b"=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return b""


def _digest(filter: Message | bytes, body: bytes) -> bytes:
    content = filter if isinstance(filter, bytes) else _filter_bytes(filter)
    return hashlib.blake2b(body, digest_size=_DIGEST_BYTES, key=hashlib.sha256(content).digest()).digest()


def _filter_bytes(request: Message) -> bytes:
    bare = type(request)()
    bare.CopyFrom(request)
    for name in _PAGING_FIELDS:
        if name in bare.DESCRIPTOR.fields_by_name:
            bare.ClearField(name)
    return bare.DESCRIPTOR.full_name.encode() + b"\0" + bare.SerializeToString(deterministic=True)
