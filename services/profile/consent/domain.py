"""The ledger of consent and what holds by it (spec people §1H, §3.5).

The latest word about an address counts. An opt-out is lifted by a later grant that names the very address, or that was
given for the same profile in the same words; a grant to a person who was merged in lifts nothing else.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import NamedTuple
from uuid import UUID

from services.profile.vault.domain import Vault

PROCESSING, PERSONALIZATION = "processing", "personalization"
OWN = frozenset({PROCESSING, PERSONALIZATION})
"""Purposes that Bowen itself heeds: being processed at all, and by automated decisions."""

SENSITIVE, GUARDIAN = "sensitive", "guardian"
GATES = (SENSITIVE, GUARDIAN)
"""Purposes without which attributes are not kept: sensitive ones, and all of a child. Banners may deny them alone."""

UNMERGE = "unmerge"
"""The source of what is written down because a merge was undone."""

KINDS_OF_ADDRESS = {"sms": "phone", "phone": "phone", "call": "phone", "email": "email"}
"""The type of identifier that a channel's addresses are."""

ADDRESS_BYTES = 16
NO_HASH = b""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class State(IntEnum):
    """What was said. The numbers are those of the contract."""

    GRANTED = 1
    DENIED = 2
    WITHDRAWN = 3


class Kind(IntEnum):
    """Whether the service can do without a purpose. The numbers are those of the contract."""

    OPTIONAL = 1
    NECESSARY = 2


class Reason(IntEnum):
    """Why something may be done, or not. The numbers are those of the contract."""

    CONSENT_GRANTED = 1
    NECESSARY = 2
    CONSENT_MISSING = 3
    CONSENT_DENIED = 4
    CONSENT_WITHDRAWN = 5
    RESTRICTED = 6
    PERSONALIZATION_OFF = 7
    SUPPRESSED = 8
    GUARDIAN_MISSING = 9
    ADDRESS_LEFT = 10


class Scope(NamedTuple):
    """What a word is about. An empty channel is every channel, an empty address every address of it."""

    purpose: str
    channel: str = ""
    address_hash: bytes = NO_HASH

    def covers(self, other: "Scope") -> bool:
        """Whether what is said of this holds for the other too."""
        return (
            self.purpose == other.purpose
            and self.channel in ("", other.channel)
            and self.address_hash in (NO_HASH, other.address_hash)
        )


class Statement(NamedTuple):
    """What a person said, not written down yet."""

    profile_id: UUID
    scope: Scope
    state: State
    legal_basis: int
    notice_version: str
    text_hash: str
    source: str
    ip: str
    actor: str
    consent_time: datetime


class Entry(NamedTuple):
    """What a person said, as it is written down. The fields are the columns of the table."""

    consent_id: UUID
    profile_id: UUID
    sequence: int
    purpose: str
    channel: str
    address_hash: bytes
    state: int
    legal_basis: int
    notice_version: str
    text_hash: str
    source: str
    ip: str
    ip_hash: bytes
    actor: str
    consent_time: datetime
    record_time: datetime
    hash: bytes

    @property
    def scope(self) -> Scope:
        """What it is about."""
        return Scope(self.purpose, self.channel, self.address_hash)

    @property
    def is_grant(self) -> bool:
        """Whether it says yes."""
        return self.state == State.GRANTED


class Chain(NamedTuple):
    """Where a profile's ledger ends."""

    length: int
    hash: bytes


START = Chain(0, b"")


class Purpose(NamedTuple):
    """What data is used for."""

    purpose: str
    kind: int
    description: str
    assessment: str
    update_time: datetime


class Flags(NamedTuple):
    """How somebody may be processed."""

    is_restricted: bool = False
    is_personalization_off: bool = False


# ------------------------------------------------------------------------------------------------------ the chain


def address_hash(vault: Vault, kind: str, value: str) -> bytes:
    """What stands for an address. `kind` is the type of identifier that it is, or else its channel."""
    return vault.hash("address", kind.encode(), value.encode(), size=ADDRESS_BYTES)


def written(vault: Vault, chain: Chain, said: Statement, consent_id: UUID, now: datetime) -> tuple[Entry, Chain]:
    """The entry that follows in a chain, and where the chain ends then."""
    ip_hash = vault.hash("consent-ip", consent_id.bytes, said.ip.encode()) if said.ip else NO_HASH
    draft = Entry(
        consent_id,
        said.profile_id,
        chain.length + 1,
        *said.scope,
        said.state,
        said.legal_basis,
        said.notice_version,
        said.text_hash,
        said.source,
        said.ip,
        ip_hash,
        said.actor,
        said.consent_time,
        now,
        NO_HASH,
    )
    entry = draft._replace(hash=_hash(vault, chain.hash, draft))
    return entry, Chain(entry.sequence, entry.hash)


def _hash(vault: Vault, previous: bytes, entry: Entry) -> bytes:
    """A keyed hash over the entry and the one before. The network address counts by its own hash: it may be erased."""
    return vault.hash("consent", previous, *(_bytes(value) for value in entry._replace(ip="", hash=NO_HASH)))


def _bytes(value: object) -> bytes:
    match value:
        case bytes():
            return value
        case UUID():
            return value.bytes
        case datetime():
            return str((value - _EPOCH) // _MICROSECOND).encode()
        case IntEnum():
            return str(int(value)).encode()
        case _:
            return str(value).encode()


def broken_at(vault: Vault, chain: Chain, entries: Sequence[Entry]) -> int:
    """The place of the first of a profile's entries, in order, that is not what was written; 0 when all are."""
    previous = b""
    for place, entry in enumerate(entries, start=1):
        is_ip_true = not entry.ip or entry.ip_hash == vault.hash(
            "consent-ip", entry.consent_id.bytes, entry.ip.encode()
        )
        if entry.sequence != place or not is_ip_true or entry.hash != _hash(vault, previous, entry):
            return place
        previous = entry.hash
    return 0 if (len(entries), previous) == (chain.length, chain.hash) else len(entries) + 1


# ----------------------------------------------------------------------------------------------------- what holds


def decide(entries: Iterable[Entry], asked: Scope) -> Entry | None:
    """The entry that decides, of all that a person and those merged into them said; None when none covers it."""
    said = sorted((entry for entry in entries if entry.scope.covers(asked)), key=_standing)
    opt_outs = [entry for entry in said if not entry.is_grant]
    standing = [no for no in opt_outs if not any(_lifts(yes, no, asked) for yes in said)]
    return standing[-1] if standing else said[-1] if said else None


def _standing(entry: Entry) -> tuple[datetime, bool, UUID, int]:
    """The order of words: by time; of equally old ones the opt-out is the later."""
    return entry.consent_time, not entry.is_grant, entry.profile_id, entry.sequence


def _lifts(yes: Entry, no: Entry, asked: Scope) -> bool:
    if not yes.is_grant or yes.consent_time < no.consent_time:
        return False
    if yes.profile_id == no.profile_id and yes.scope == no.scope:
        return yes.sequence > no.sequence
    names_address = yes.address_hash != NO_HASH and yes.address_hash == asked.address_hash
    return names_address and yes.consent_time > no.consent_time


def effective(entries: Sequence[Entry]) -> Iterator[tuple[Scope, Entry]]:
    """What holds of everything that was ever named."""
    for scope in sorted({entry.scope for entry in entries}):
        if entry := decide(entries, scope):
            yield scope, entry


def granted(entries: Iterable[Entry], wanted: Scope) -> Iterator[tuple[UUID, Scope]]:
    """The profiles and scopes whose last word is a grant that fits; an empty purpose, channel or address fits all.

    Bowen's own purposes fit only when they are named.
    """
    return (place for place, entry in _last(entries).items() if entry.is_grant and _fits(wanted, entry.scope))


def _fits(wanted: Scope, scope: Scope) -> bool:
    return (
        (wanted.purpose == scope.purpose or (not wanted.purpose and scope.purpose not in OWN))
        and (not wanted.channel or wanted.channel == scope.channel)
        and (not wanted.address_hash or wanted.address_hash == scope.address_hash)
    )


def gates(entries: Iterable[Entry]) -> tuple[int, ...]:
    """What somebody says who said this, of each of `GATES`: 0 nothing, 1 yes, 2 no."""
    said = list(entries)
    return tuple(_answer(decide(said, Scope(purpose))) for purpose in GATES)


def _answer(entry: Entry | None) -> int:
    return 0 if entry is None else 1 if entry.is_grant else 2


def flags(entries: Iterable[Entry]) -> Flags:
    """How somebody may be processed who said this."""
    said = list(entries)
    return Flags(*(_is_off(said, purpose) for purpose in (PROCESSING, PERSONALIZATION)))


def _is_off(entries: Iterable[Entry], purpose: str) -> bool:
    entry = decide(entries, Scope(purpose))
    return entry is not None and not entry.is_grant


_NO = {State.DENIED: Reason.CONSENT_DENIED, State.WITHDRAWN: Reason.CONSENT_WITHDRAWN}


def check(
    entries: Sequence[Entry],
    asked: Scope,
    *,
    kind: int,
    is_personalized: bool,
    is_suppressed: bool,
    is_child: bool = False,
    left_time: datetime | None = None,
) -> tuple[bool, Reason, Entry | None]:
    """Whether something may be done: restriction comes first, then what is necessary, then what the person said.

    `is_child`: a child of whose guardian nothing is known, for whom only what is necessary is done.
    `left_time`: when the address left the person (spec people §3.6, I13). Only a later grant that names it sends there.
    """
    now = flags(entries)
    if now.is_restricted:
        return False, Reason.RESTRICTED, decide(entries, Scope(PROCESSING))
    if is_suppressed:
        return False, Reason.SUPPRESSED, None
    if is_personalized and now.is_personalization_off:
        return False, Reason.PERSONALIZATION_OFF, decide(entries, Scope(PERSONALIZATION))
    entry = decide(entries, asked)
    if left_time is not None and not _is_named_since(left_time, entry, asked):
        return False, Reason.ADDRESS_LEFT, entry
    if kind == Kind.NECESSARY:
        return True, Reason.NECESSARY, entry
    if is_child and asked.purpose not in GATES:
        return False, Reason.GUARDIAN_MISSING, decide(entries, Scope(GUARDIAN))
    return _said(entry)


def _is_named_since(left_time: datetime, entry: Entry | None, asked: Scope) -> bool:
    return bool(entry and entry.consent_time > left_time and entry.address_hash == asked.address_hash)


def _said(entry: Entry | None) -> tuple[bool, Reason, Entry | None]:
    if entry is None:
        return False, Reason.CONSENT_MISSING, None
    if entry.is_grant:
        return True, Reason.CONSENT_GRANTED, entry
    return False, _NO[State(entry.state)], entry


# -------------------------------------------------------------------------------------------------- merges are undone


def parted(said: Sequence[Entry], *, since: UUID, to_id: UUID, actor: str, now: datetime) -> Iterator[Statement]:
    """What follows addresses to whom they went back, of all that those who are left said of them.

    What was said since the merge is repeated under `to_id`; a grant that came with it ends where it was written down.
    """
    later = [entry for entry in said if entry.consent_id > since]
    for entry in later:
        yield _repeated(entry)._replace(profile_id=to_id)
    before = _last(entry for entry in said if entry.consent_id <= since)
    for place, entry in sorted(_last(later).items()):
        if entry.is_grant and not (place in before and before[place].is_grant):
            yield _repeated(entry)._replace(state=State.WITHDRAWN, source=UNMERGE, ip="", actor=actor, consent_time=now)


def _last(entries: Iterable[Entry]) -> dict[tuple[UUID, Scope], Entry]:
    return {(entry.profile_id, entry.scope): entry for entry in sorted(entries, key=_standing)}


def _repeated(entry: Entry) -> Statement:
    return Statement(
        entry.profile_id,
        entry.scope,
        State(entry.state),
        entry.legal_basis,
        entry.notice_version,
        entry.text_hash,
        entry.source,
        entry.ip,
        entry.actor,
        entry.consent_time,
    )


# ------------------------------------------------------------------------------------------------ preferences of events


class Preference(NamedTuple):
    """What an event said of a category of a consent banner."""

    profile_id: UUID
    purpose: str
    is_granted: bool
    time: datetime
    source: str
    ip: str


def news(preferences: Iterable[Preference], latest: Mapping[tuple[UUID, str], Entry]) -> Iterator[Statement]:
    """The statements among what every event repeats: those that change what the profile's ledger says."""
    held = {key: (entry.is_grant, entry.consent_time) for key, entry in latest.items()}
    for said in sorted(preferences, key=lambda each: each.time):
        key = said.profile_id, said.purpose
        known = held.get(key)
        if known is not None and (known[0] == said.is_granted or said.time <= known[1]):
            continue
        held[key] = said.is_granted, said.time
        opt_out = State.WITHDRAWN if known is not None and known[0] else State.DENIED
        state = State.GRANTED if said.is_granted else opt_out
        actor = f"source:{said.source}"
        yield Statement(said.profile_id, Scope(said.purpose), state, 1, "", "", said.source, said.ip, actor, said.time)
