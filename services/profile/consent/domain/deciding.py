"""What holds by what was said (spec people §1H, §3.5).

The latest word about an address counts. An opt-out is lifted by a later grant that names the very address, or that was
given for the same profile in the same words; a grant to a person who was merged in lifts nothing else.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from uuid import UUID

from services.profile.consent.domain.entries import (
    GATES,
    GUARDIAN,
    NO_HASH,
    OWN,
    PERSONALIZATION,
    PROCESSING,
    Entry,
    Flags,
    Kind,
    Reason,
    Scope,
    State,
)


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
    return (place for place, entry in last_words(entries).items() if entry.is_grant and _fits(wanted, entry.scope))


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


def last_words(entries: Iterable[Entry]) -> dict[tuple[UUID, Scope], Entry]:
    """The latest entry of each profile about each scope."""
    return {(entry.profile_id, entry.scope): entry for entry in sorted(entries, key=_standing)}
