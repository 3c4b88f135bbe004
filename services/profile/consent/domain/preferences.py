"""What events tell of the categories of a consent banner."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.profile.consent.domain.entries import Entry, Scope, State, Statement


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
