"""Rules are tried on what is stored before they hold (spec people B15). Nothing is written."""

import asyncio
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from uuid import UUID

from chassis.db import ReadTx
from chassis.ids import new_id
from services.profile.identity import store
from services.profile.identity.domain import (
    Case,
    Change,
    ChangeKind,
    Claim,
    Crowds,
    Group,
    Heard,
    Held,
    Origin,
    Replayed,
    Rules,
    Sign,
    Trust,
    claim,
    replay,
)
from services.profile.identity.errors import IdentifierInvalid
from services.profile.timeline import store as timeline_store
from services.profile.timeline.domain import Named, keys_in
from services.profile.vault.domain import Vault

PEOPLE_AT_ONCE = 500
REACH_MAX = 5_000
"""How many people are looked at beside those asked for, because they have to do with them."""

EVENTS_AT_ONCE = 20_000
EVENTS_MAX = 50_000
"""How much is decided again in one go, which is in memory, and in one answer."""

EXAMPLES_MAX = 10
GROUPS_MAX = 10


@dataclass(slots=True)
class Simulation:
    """What rules would change. `after` is the person behind whom to go on; None when all were looked at.

    `skipped_count`: people of whom too much is stored to decide it again.
    """

    before_count: int = 0
    after_count: int = 0
    assumed_count: int = 0
    skipped_count: int = 0
    event_count: int = 0
    counts: Counter[ChangeKind] = field(default_factory=Counter)
    examples: list[Change] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    after: UUID | None = None

    def add(self, replayed: Replayed, event_count: int) -> None:
        """Count what became of some people."""
        self.before_count += replayed.before_count
        self.after_count += replayed.after_count
        self.assumed_count += replayed.assumed_count
        self.event_count += event_count
        shown = Counter(each.kind for each in self.examples)
        for change in replayed.changes:
            self.counts[change.kind] += change.times
            shown[change.kind] += 1
            if shown[change.kind] <= EXAMPLES_MAX:
                self.examples.append(change)
        larger = sorted([*self.groups, *replayed.groups], key=lambda group: -group.identifier_count)
        self.groups = larger[:GROUPS_MAX]


async def simulate(tx: ReadTx, vault: Vault, rules: Rules, *, after: UUID, limit: int) -> Simulation:
    """Decide again, under other rules, all that is stored of people behind the id `after`, at most `limit` of them.

    People who have to do with each other are decided together, and count where the first of them stands in order of id:
    the answers for one part after another add up. Memory and time are bounded: of people of whom too much is stored it
    only says that they are there, and the answer ends early where there is much of many.
    """
    found = Simulation(after=after)
    while found.after is not None and limit > 0 and found.event_count < EVENTS_MAX:
        roots = await store.people_after(tx, found.after, limit=min(limit, PEOPLE_AT_ONCE))
        limit -= len(roots)
        if not roots:
            found.after = None
            break
        await _simulate(tx, vault, rules, roots, found)
    if found.after is not None and not await store.people_after(tx, found.after, limit=1):
        found.after = None
    return found


async def _simulate(tx: ReadTx, vault: Vault, rules: Rules, roots: Sequence[UUID], found: Simulation) -> None:
    """Decide again what is stored of some people, until that is enough for one answer."""
    crowds, open_ended = await _crowds(tx, roots)
    own, leaders = set(roots), [crowds.leader(root) for root in roots]
    skipped = {crowds.leader(each) for each in open_ended}
    members = crowds.members(set(leaders) - skipped)
    counts = await _counts(tx, members)
    skipped |= {leader for leader in members if counts[leader] > EVENTS_AT_ONCE}
    wanted = [each for each in sorted(members) if each in own and each not in skipped]
    found.after = roots[-1]
    for portion in _portions(wanted, counts):
        case = await _case(tx, vault, set(chain.from_iterable(members[each] for each in portion)))
        found.add(replay(case, rules, new_id), sum(isinstance(step, Heard) for step in case.steps))
        if found.event_count >= EVENTS_MAX and portion[-1] != wanted[-1]:
            found.after = portion[-1]
            break
        await asyncio.sleep(0)  # others are served meanwhile
    found.skipped_count += sum(crowds.leader(each) in skipped for each in roots if each <= found.after)


async def _crowds(tx: ReadTx, roots: Sequence[UUID]) -> tuple[Crowds, Collection[UUID]]:
    """Who has to do with whom, and those at whom nobody looked any more because it was too many."""
    crowds, reached, keys = Crowds(roots), set(roots), set[bytes]()
    edge: set[UUID] = set(roots)
    while edge and len(reached) <= PEOPLE_AT_ONCE + REACH_MAX:
        tied, named = await store.tied_to(tx, edge), await store.named_by(tx, edge)
        fresh = {key for _, key in named} - keys
        keys |= fresh
        naming = await store.naming(tx, fresh)
        for one, other in tied:
            crowds.unite(one, other)
        for root, key in (*named, *naming):
            crowds.unite(root, key)
        edge = {*(root for _, root in tied), *(root for root, _ in naming)} - reached
        reached |= edge
    return crowds, edge


async def _counts(tx: ReadTx, members: Mapping[UUID, Collection[UUID]]) -> Counter[UUID]:
    """How many events are stored of each crowd."""
    crowd_of = {root: leader for leader, several in members.items() for root in several}
    roots = await store.ids_of(tx, crowd_of)
    counts: Counter[UUID] = Counter()
    for profile_id, count in (await timeline_store.counts_of(tx, list(roots))).items():
        counts[crowd_of[roots[profile_id]]] += count
    return counts


def _portions(leaders: Sequence[UUID], counts: Mapping[UUID, int]) -> Iterator[list[UUID]]:
    """Crowds, as many at once as fit into memory."""
    portion: list[UUID] = []
    size = 0
    for leader in leaders:
        if portion and size + counts[leader] > EVENTS_AT_ONCE:
            yield portion
            portion, size = [], 0
        portion.append(leader)
        size += counts[leader]
    if portion:
        yield portion


async def _case(tx: ReadTx, vault: Vault, members: Collection[UUID]) -> Case:
    """All that is stored of people."""
    ids = await store.ids_of(tx, members)
    held, releases = await store.held_by(tx, vault, members)
    events = await timeline_store.named_in(tx, vault, list(ids))
    moved, corrections = await store.moved_of(tx, vault, ids)
    refused, merges = await store.refused_to(tx, vault, ids), await store.merges_of(tx, vault, ids)
    heard = [_heard(vault, each) for each in events if each.identifiers]
    told = {each.event_id for each in events}
    said = await store.said_of(tx, ids, {each.survivor_id for each in merges if not each.is_standing})
    lone = [each.reunion() for each in merges if each.is_standing and _is_lone(each, told, said)]
    named = {key for each in said for key in each.keys} | {each.key for each in corrections}
    return Case(
        ids,
        await store.create_times(tx, list(ids)),
        [_based(each, told, named) for each in held],
        _previous(vault, events) | moved | refused | {each.key: Sign(*each[2:6]) for each in held},
        await _apart(tx, ids, merges),
        [each.stood() for each in merges if each.is_standing],
        refused.keys(),
        sorted([*heard, *said, *corrections, *releases, *lone], key=lambda step: step.step_id.bytes),
    )


def _heard(vault: Vault, event: Named) -> Heard:
    origin = Origin(event.timestamp, event.source_id, event.event_id, Trust(event.trust))
    previous = tuple(vault.index(claim.key) for claim in _claims(event.previous_id))
    keys = keys_in(event.identifiers)
    return Heard(event.event_id, event.was_id, event.is_id, origin, keys, event.proven, previous)


def _previous(vault: Vault, events: Iterable[Named]) -> dict[bytes, Sign]:
    """What stands for the other ids of aliases, which nobody may hold."""
    claims = [claim for event in events for claim in _claims(event.previous_id)]
    return {vault.index(claim.key): Sign(claim.kind.name, claim.namespace, claim.value) for claim in claims}


def _claims(previous_id: str) -> list[Claim]:
    """What the other id of an alias may be: a user's or a browser's."""
    if not previous_id:
        return []
    with suppress(IdentifierInvalid):
        return [claim("user_id", "", previous_id), claim("anonymous_id", "", previous_id)]
    return []


def _based(held: Held, told: Collection[UUID], named: Collection[bytes]) -> Held:
    """The identifier, with whether what attached it is still there."""
    return held._replace(has_evidence=held.event_id in told if held.event_id else held.key in named)


def _is_lone(merge: store.MergeRow, told: Collection[UUID], said: Iterable[Heard]) -> bool:
    """Whether no evidence says the merge: somebody did it by hand, or what said it is gone."""
    if merge.event_id:
        return merge.event_id not in told
    return merge.is_manual or not any(merge.keys.issubset(each.keys) for each in said)


async def _apart(tx: ReadTx, ids: Mapping[UUID, UUID], merges: Iterable[store.MergeRow]) -> dict[UUID, frozenset[UUID]]:
    """Who was told apart from whom, and who went with them when a merge was undone and has not met again."""
    apart = await store.apart_from(tx, ids)
    for merge in merges:
        if not merge.is_standing and ids[merge.survivor_id] != ids[merge.loser_id]:
            apart[merge.survivor_id].add(merge.loser_id)
            apart[merge.loser_id].add(merge.survivor_id)
    return {each: frozenset(others) for each, others in apart.items()}
