"""Items of the review queue and what may be decided about them."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import IntEnum
from typing import NamedTuple
from uuid import UUID

from services.profile.reviews.errors import ReviewItemResolved


class Source(IntEnum):
    """Why two people are looked at. The numbers are those of the contract."""

    CONFLICT = 1
    SUGGESTION = 2


class State(IntEnum):
    """Where an item stands. The numbers are those of the contract."""

    OPEN = 1
    MERGED = 2
    SEPARATED = 3
    DISMISSED = 4


class Decision(IntEnum):
    """What may be decided. The numbers are those of the contract."""

    MERGE = 1
    NEVER_MERGE = 2
    DISMISS = 3


OUTCOME = {
    Decision.MERGE: State.MERGED,
    Decision.NEVER_MERGE: State.SEPARATED,
    Decision.DISMISS: State.DISMISSED,
}


class Weight(NamedTuple):
    """How much a field speaks for two people being one: log2 of its Bayes factor, in hundredths."""

    field: str
    centibits: int


class Item(NamedTuple):
    """Two people of whom somebody has to say whether they are one. The fields are the columns of the table."""

    review_item_id: UUID
    source: Source
    state: State
    low_id: UUID
    high_id: UUID
    rule: str
    identifier_type: str
    event_id: UUID | None
    probability_bp: int
    weights: Sequence[Weight]
    actor: str
    note: str
    merge_id: UUID | None
    create_time: datetime
    resolve_time: datetime | None


class Doubt(NamedTuple):
    """An identifier that would have linked two people, had a rule not forbidden it."""

    profile_id: UUID
    owner_id: UUID | None
    rule: str
    identifier_type: str
    event_id: UUID | None


class ConflictState(IntEnum):
    """What became of a claim that was not believed. The numbers are those of the contract."""

    OPEN = 1
    MERGED = 2
    SEPARATED = 3
    DISMISSED = 4
    ATTACHED = 5
    ALONE = 6


class ConflictRecord(NamedTuple):
    """A claim that was not believed, and what became of it. `key` is what stands for the identifier."""

    profile_id: UUID
    key: UUID
    rule: str
    type: str
    namespace: str
    value: str
    owner_id: UUID | None
    event_id: UUID | None
    source_id: str
    claim_count: int
    first_time: datetime
    last_time: datetime
    state: ConflictState
    review_item_id: UUID | None


class ConflictPlace(NamedTuple):
    """Where a conflict stands in the list of all."""

    first_time: datetime
    profile_id: UUID
    key: UUID
    rule: str


class Suggestion(NamedTuple):
    """Two people of whom what is known is alike."""

    one_id: UUID
    other_id: UUID
    probability_bp: int
    weights: Sequence[Weight]


class Filter(NamedTuple):
    """Which items are asked for. Zero and None: any."""

    state: int = 0
    source: int = 0
    profile_ids: Sequence[UUID] | None = None
    min_probability_bp: int = 0


def doubted(doubts: Iterable[Doubt]) -> list[Doubt]:
    """One doubt for each pair of people, the first; what concerns one person alone is none."""
    pairs: dict[tuple[UUID, ...], Doubt] = {}
    for doubt in doubts:
        if doubt.owner_id is not None and doubt.owner_id != doubt.profile_id:
            pairs.setdefault(tuple(sorted((doubt.profile_id, doubt.owner_id))), doubt)
    return list(pairs.values())


def item_of_doubt(doubt: Doubt, review_item_id: UUID, now: datetime) -> Item:
    """The item that a conflict becomes."""
    low, high = sorted((doubt.profile_id, doubt.owner_id or doubt.profile_id))
    told = doubt.rule, doubt.identifier_type, doubt.event_id
    return Item(review_item_id, Source.CONFLICT, State.OPEN, low, high, *told, 0, (), "", "", None, now, None)


def item_of_suggestion(suggestion: Suggestion, review_item_id: UUID, now: datetime) -> Item:
    """The item that a suggestion becomes."""
    low, high = sorted((suggestion.one_id, suggestion.other_id))
    told = "", "", None, suggestion.probability_bp, suggestion.weights
    return Item(review_item_id, Source.SUGGESTION, State.OPEN, low, high, *told, "", "", None, now, None)


def resolve(item: Item, decision: Decision, actor: str, note: str, *, merge_id: UUID | None, now: datetime) -> Item:
    """The item, decided."""
    return item._replace(state=OUTCOME[decision], actor=actor, note=note, merge_id=merge_id, resolve_time=now)


def is_decided(item: Item, decision: Decision) -> bool:
    """Whether the same was decided before. Raises `ReviewItemResolved` when something else was."""
    if item.state is State.OPEN:
        return False
    if item.state is not OUTCOME[decision]:
        raise ReviewItemResolved(item.review_item_id, item.state.name)
    return True
