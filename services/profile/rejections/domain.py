"""An event that was not stored, how much of it is kept, and what of it is shown."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from services.profile.identity.domain import Rules, masks
from services.profile.identity.errors import IdentifierInvalid
from services.profile.vault.domain import Vault

RAW_LENGTH_MAX = 16 * 1024
DETAIL_LENGTH_MAX = 1_000
KEPT = timedelta(days=30)
"""How long, where no rule of retention says otherwise."""

_HASH_BYTES = 16
_ANY_QUOTED = re.compile(r"""(["'])(?:\\.|(?!\1)[^\\])*(?:\1(\s*:)?|\\?$)""", re.DOTALL)
_ANY_NUMBER = re.compile(r"\d[\d .()-]{3,}\d")


class Refused(NamedTuple):
    """An event that is not stored. `raw` is what came, usually JSON with the names of the wire."""

    source_id: str
    message_id: str
    reason: str
    detail: str
    raw: str
    raw_size: int


class Rejection(NamedTuple):
    """What is kept of it. The fields are the columns of the table; `raw` is sealed there.

    `digest` stands for the very same event of the same source, `names` for whom it names; both are keyed.
    """

    rejection_id: UUID
    source_id: str
    reason: str
    detail: str
    message_id: str
    raw: str
    raw_size: int
    digest: UUID
    names: Sequence[UUID]
    seen_count: int
    create_time: datetime
    last_seen_time: datetime


class Filter(NamedTuple):
    """Which rejections are wanted. The window is half open."""

    source_id: str = ""
    reason: str = ""
    start_time: datetime | None = None
    end_time: datetime | None = None


def rejections(
    refused: Iterable[Refused], vault: Vault, rules: Rules, new_id: Callable[[], UUID], *, now: datetime
) -> list[Rejection]:
    """What is kept of events, the very same ones as one."""
    found: dict[UUID, Rejection] = {}
    for each in refused:
        digest = _digest(vault, each)
        before = found.get(digest)
        if before is not None:
            found[digest] = before._replace(seen_count=before.seen_count + 1)
            continue
        names = sorted({name_of(vault, key) for key in keys_in(each.raw, rules)})
        raw, detail = each.raw[:RAW_LENGTH_MAX], each.detail[:DETAIL_LENGTH_MAX]
        found[digest] = Rejection(
            new_id(),
            each.source_id,
            each.reason,
            detail,
            each.message_id,
            raw,
            each.raw_size,
            digest,
            names,
            1,
            now,
            now,
        )
    return sorted(found.values(), key=lambda each: each.digest)


def _digest(vault: Vault, refused: Refused) -> UUID:
    parts = [
        part.encode(errors="replace") for part in (refused.source_id, refused.reason, refused.message_id, refused.raw)
    ]
    return UUID(bytes=vault.hash("rejection", *parts, size=_HASH_BYTES))


def name_of(vault: Vault, key: bytes) -> UUID:
    """What stands for an identifier, given by its key, so that an erased person's rejections are found."""
    return UUID(bytes=vault.hash("rejected-name", key, size=_HASH_BYTES))


def keys_in(raw: str, rules: Rules) -> Iterator[bytes]:
    """Keys of the identifiers that an event names, as far as it can be read."""
    event = _decoded(raw)
    if not isinstance(event, dict):
        return
    for type_name, namespace, value in _named(event):
        try:
            yield rules.claim(type_name, namespace, str(value), False).key
        except IdentifierInvalid:
            continue


def _named(event: dict[str, Any]) -> Iterator[tuple[str, str, Any]]:
    context = _member(event, "context")
    for told in (event, _member(event, "traits"), context, _member(context, "traits")):
        for name, type_names in _WHERE.items():
            if isinstance(told.get(name), str | int):
                yield from ((type_name, "", told[name]) for type_name in type_names)
    for listed in (event.get("identifiers"), context.get("externalIds")):
        for each in listed if isinstance(listed, list) else ():
            if isinstance(each, dict) and isinstance(each.get("type"), str):
                kind, _, suffix = each["type"].partition("@")
                yield kind, str(each.get("namespace") or suffix), each.get("value", each.get("id", ""))


_WHERE = {
    "userId": ("user_id",),
    "anonymousId": ("anonymous_id",),
    "previousId": ("user_id", "anonymous_id"),
    "phone": ("phone",),
    "email": ("email",),
}


def _member(event: dict[str, Any], name: str) -> dict[str, Any]:
    member = event.get(name)
    return member if isinstance(member, dict) else {}


def _decoded(raw: str) -> Any:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.MsgspecError, RecursionError, UnicodeEncodeError):
        return None


def masked(raw: str) -> str:
    """The event without what is personal in it. Of text that is no JSON the names of members are left."""
    if isinstance(_decoded(raw), dict):
        return masks.json_object(raw, about_person=False)
    if not raw.lstrip().startswith(("{", "[")):
        return masks.HIDDEN if raw else raw
    return _ANY_NUMBER.sub(masks.HIDDEN, _ANY_QUOTED.sub(_hidden, raw))


def _hidden(quoted: re.Match[str]) -> str:
    """The name of a member as it is; any other text hidden."""
    return quoted[0] if quoted[2] else f'"{masks.HIDDEN}"'
