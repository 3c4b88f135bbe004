"""Who calls, and what every piece of work knows about the call it is part of."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

PRINCIPAL = "bowen-principal"
SCOPES = "bowen-scopes"
STORE_ID = "bowen-store-id"
PROFILE_ID = "bowen-profile-id"
NOW = "bowen-now"
TRACEPARENT = "traceparent"
REPLAYED = "bowen-replayed"

_PLAIN = re.compile(r"[!-$&-~]*").fullmatch
_SERVICE = "service:"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. `store_id`: the store an API key is bound to. `profile_id`: the shopper's own profile."""

    principal: str
    scopes: frozenset[str] = frozenset()
    store_id: str = ""
    profile_id: str = ""

    @property
    def is_service(self) -> bool:
        """Whether a component of ours asks on its own account: it needs no scope."""
        return self.principal.startswith(_SERVICE)


def service(name: str) -> Caller:
    """The caller that a component is when it asks on its own account."""
    return Caller(_SERVICE + name)


ANONYMOUS_SERVICE = service("anonymous")


@dataclass(slots=True)
class Call:
    """What is being answered now. `deadline` is on the clock of `time.monotonic`; None means no limit."""

    caller: Caller
    method: str = ""
    deadline: float | None = None
    replayed: bool = field(default=False, compare=False)


_CALL: ContextVar[Call | None] = ContextVar("bowen_call", default=None)


def current() -> Call:
    """The call being answered. Work that nobody asked for belongs to `service:anonymous` and has no limit."""
    return _CALL.get() or Call(ANONYMOUS_SERVICE)


@contextmanager
def acting(call: Call) -> Iterator[Call]:
    """Do what follows as part of `call`."""
    token = _CALL.set(call)
    try:
        yield call
    finally:
        _CALL.reset(token)


def to_metadata(caller: Caller) -> list[tuple[str, str]]:
    """The caller as metadata of a call. Text that metadata cannot carry is percent-encoded."""
    metadata = [(PRINCIPAL, _encode(caller.principal))]
    if caller.scopes:
        metadata.append((SCOPES, " ".join(sorted(caller.scopes))))
    if caller.store_id:
        metadata.append((STORE_ID, _encode(caller.store_id)))
    if caller.profile_id:
        metadata.append((PROFILE_ID, _encode(caller.profile_id)))
    return metadata


def from_metadata(metadata: Mapping[str, str]) -> Caller | None:
    """The caller that a call names, or None if it names none."""
    principal = metadata.get(PRINCIPAL)
    if not principal:
        return None
    return Caller(
        unquote(principal),
        frozenset(metadata.get(SCOPES, "").split()),
        unquote(metadata.get(STORE_ID, "")),
        unquote(metadata.get(PROFILE_ID, "")),
    )


def _encode(value: str) -> str:
    return value if _PLAIN(value) else quote(value, safe="")
