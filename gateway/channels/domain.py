"""What every channel's adapter is given and gives back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Any, NamedTuple, Protocol
from uuid import UUID

AES_KEY_LENGTH = 43


class Kind(IntEnum):
    """The platforms. The numbers are the contract's."""

    WECHAT_OFFICIAL = 1
    WECHAT_MINI_PROGRAM = 2
    WECOM = 3
    DOUYIN = 4
    XIAOHONGSHU = 5
    TAOBAO = 6
    JD = 7
    WEIBO = 8
    POS = 9
    CALL_CENTRE = 10


class Secrets(NamedTuple):
    """What callbacks are signed with, and what they are encrypted with, where they are."""

    secret: str
    aes_key: str = ""


@dataclass(frozen=True, slots=True)
class Channel:
    """A place from which a platform tells what people do. Its ids are unique in `namespace`."""

    channel_id: UUID
    kind: Kind
    name: str
    namespace: str
    create_time: datetime
    revoke_time: datetime | None = None
    secrets: Secrets = field(default=Secrets(""), repr=False)


@dataclass(frozen=True, slots=True)
class Callback:
    """A request of a platform. Names of headers are small."""

    method: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    def header(self, name: str) -> str:
        """A header; empty when it is not there."""
        return self.headers.get(name, "")


class Identifier(NamedTuple):
    """An identifier of `spec people` §3.1, as the platform proved it."""

    type: str
    namespace: str
    value: str
    verified: bool = True


@dataclass(frozen=True, slots=True)
class Heard:
    """Something that somebody did. `key` is what stays the same when the platform tells it again.

    Without a `name` it only tells who somebody is. `time` is when it happened by the platform; None is now.
    """

    key: str
    identifiers: Sequence[Identifier]
    name: str = ""
    time: datetime | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)
    traits: Mapping[str, Any] = field(default_factory=dict)


class Reply(NamedTuple):
    """What the platform waits for."""

    body: bytes = b""
    content_type: bytes = b"text/plain; charset=utf-8"


class Told(NamedTuple):
    """What a callback came to."""

    heard: Sequence[Heard]
    reply: Reply


class Adapter(Protocol):
    """Turns a platform's callbacks into what we heard.

    An adapter is a pure function of the channel and the callback: it checks the signature first, where the platform
    signs, and asks nobody. Raises `SignatureInvalid` or `CallbackInvalid`.
    """

    def __call__(self, channel: Channel, callback: Callback) -> Told:
        """What the callback tells."""
        ...
