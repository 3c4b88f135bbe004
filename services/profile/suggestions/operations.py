"""The batch job: read everybody, compare, and put into the review queue who is alike. It merges nobody."""

from collections.abc import Sequence
from functools import partial
from uuid import UUID

from chassis.clock import Clock
from chassis.db import Database
from services.profile.attributes import store as attributes
from services.profile.attributes.domain import NOTHING, Known
from services.profile.identity import store as identity
from services.profile.reviews import operations as reviews
from services.profile.reviews.domain import Suggestion, Weight
from services.profile.suggestions import domain, matching, store
from services.profile.suggestions.domain import Match, Record
from services.profile.suggestions.errors import TooManyPeople
from services.profile.vault.domain import Vault

THRESHOLD = 0.5
CHUNK = 1_000
ITEMS_MAX = 500
PEOPLE_MAX = 500_000
"""How many people a run compares unless told otherwise: all are in memory at once, with what is compared of them about
3 KiB each."""


async def suggest(
    db: Database, vault: Vault, clock: Clock, *, threshold: float = THRESHOLD, people_max: int = PEOPLE_MAX
) -> int:
    """Suggest pairs that are one person with at least a probability. Returns how many.

    Raises `TooManyPeople`, before anything is compared, where there are more than `people_max`.

    Nobody is suggested again about whom somebody has said something. What is compared is open in this process alone.
    """
    records = await _records(db, vault, people_max)
    async with db.read() as tx:
        settled = await store.settled(tx)
    found = matching.matches(records, threshold=threshold)
    news = [_suggestion(match) for match in found if frozenset(match[:2]) not in settled]
    for start in range(0, len(news), ITEMS_MAX):
        some = news[start : start + ITEMS_MAX]
        await db.transact(partial(reviews.suggest, suggestions=some, now=clock.now()))
    return len(news)


async def _records(db: Database, vault: Vault, people_max: int) -> list[Record]:
    records: list[Record] = []
    after = UUID(int=0)
    while True:
        async with db.read() as tx:
            ids = await attributes.list_after(tx, after, limit=CHUNK)
            known = await attributes.known_of(tx, vault, ids)
            phones = await identity.contacts_of(tx, vault, "phone", ids)
            emails = await identity.contacts_of(tx, vault, "email", ids)
        records += [_record(each, known.get(each, NOTHING), phones[each], emails[each]) for each in ids]
        if len(records) > people_max:
            raise TooManyPeople(people_max)
        if len(ids) < CHUNK:
            return records
        after = ids[-1]


def _record(profile_id: UUID, known: Known, phones: Sequence[str], emails: Sequence[str]) -> Record:
    values = {name: fact.value for name, fact in known.facts.items()}
    return domain.record_of(str(profile_id), values, phones=phones, emails=emails)


def _suggestion(match: Match) -> Suggestion:
    weights = [Weight(field, round(bits * 100)) for field, bits in match.weights.items()]
    return Suggestion(UUID(match.one), UUID(match.other), int(match.probability * 10_000), weights)
