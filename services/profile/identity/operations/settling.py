"""What sources say of who is who. All of it goes through `settle`."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from chassis.db import Database, Tx
from chassis.ids import new_id
from services.profile.attributes import domain as attributes
from services.profile.attributes import operations as attribute_operations
from services.profile.identity import events, store
from services.profile.identity.domain import (
    RULES,
    Claim,
    Evidence,
    Merge,
    Move,
    MoveRecord,
    Origin,
    People,
    PersonState,
    Rules,
    Trust,
    Verdict,
    ranked,
    resolve,
)
from services.profile.identity.operations.suppressing import admitted
from services.profile.timeline import store as timeline_store
from services.profile.vault.domain import Vault

T = TypeVar("T")

_STATE_FIELDS = tuple(each.name for each in fields(PersonState))


async def transact(db: Database, work: Callable[[Tx], Awaitable[T]]) -> T:
    """Do `work`, which settles who is who, in one transaction beside others.

    Where two name the same new people, the later one is repeated while nobody else settles: it cannot lose twice.
    """
    tries = 0

    async def attempt(tx: Tx) -> T:
        nonlocal tries
        tries += 1
        await store.take_turn(tx, alone=tries > 1)
        return await work(tx)

    return await db.transact(attempt)


async def settle(
    tx: Tx,
    vault: Vault,
    batch: Sequence[tuple[Evidence, attributes.Values]],
    *,
    now: datetime,
    rules: Rules = RULES,
) -> list[Verdict]:
    """Decide whom each piece of evidence is about, in order, and let what it says of them count.

    Set-based: the people of the whole batch are read and held at once, decided in memory, and saved by one statement
    per table. The outcome does not depend on how a stream is cut into batches. Raises `Clash` (the transaction is
    then repeated) when another one gave somebody the same identifiers meanwhile.
    """
    people = await store.load(tx, vault, [evidence for evidence, _ in batch], rules)
    verdicts = [resolve(people, evidence, new_id, rules) for evidence, _ in batch]
    await store.save(tx, vault, people)
    heard = [(evidence, verdict) for (evidence, _), verdict in zip(batch, verdicts, strict=True)]
    await store.save_encounters(tx, vault, set(_encounters(people, heard)))
    await store.save_evidence(tx, vault, list(_without_event(people, heard)))
    unions, shut_out = await attribute_operations.apply(tx, vault, _changes(batch, verdicts), now=now)
    verdicts = _gated(batch, verdicts, shut_out)
    merges = [merge for verdict in verdicts for merge in verdict.merges]
    united = list(zip(merges, unions, strict=True))
    await store.save_merges(tx, vault, [(merge, before(merge, union)) for merge, union in united], now=now)
    await events.profile_merged(tx, united, now=now)
    await _tell_apart(tx, vault, batch, verdicts, now)
    created = sum(verdict.is_created for verdict in verdicts)
    await timeline_store.count(tx, {"profiles": created - len(merges), "merges": len(merges)})
    return verdicts


def _gated(
    batch: Sequence[tuple[Evidence, attributes.Values]],
    verdicts: Sequence[Verdict],
    shut_out: Iterable[tuple[str, ...]],
) -> list[Verdict]:
    """The verdicts, with what may not be known of what each piece of evidence stated."""
    names = iter(shut_out)
    told = [next(names) if traits else () for _, traits in batch]
    return [each._replace(shut_out=shut) if shut else each for each, shut in zip(verdicts, told, strict=True)]


def _encounters(people: People, heard: Sequence[tuple[Evidence, Verdict]]) -> Iterator[tuple[bytes, UUID]]:
    """By which identifiers people were named that are not theirs, or went over to others."""
    for evidence, verdict in heard:
        root = verdict.person.root
        for key in evidence.keys_named():
            if people.owner(key) is not root:
                yield key, root.profile_id
        for move in verdict.moves:
            yield move.link.key, move.from_id


def _without_event(people: People, heard: Sequence[tuple[Evidence, Verdict]]) -> Iterator[tuple[Evidence, UUID]]:
    """What was said without an event and changed something."""
    for evidence, verdict in heard:
        if evidence.origin.event_id is None and (any(verdict[1:]) or _is_news(people, evidence)):
            yield evidence, verdict.person.profile_id


def _is_news(people: People, evidence: Evidence) -> bool:
    links = [link for claim in evidence.claims if (link := people.links.get(claim.key))]
    return any(link.is_new or (link.is_changed and link.kind.has_proof) for link in links)


async def _tell_apart(
    tx: Tx,
    vault: Vault,
    batch: Sequence[tuple[Evidence, attributes.Values]],
    verdicts: Sequence[Verdict],
    now: datetime,
) -> None:
    """Write down, and tell, what was not believed, which contacts went over and which values name nobody now."""
    settled = [(evidence.origin, verdict) for (evidence, _), verdict in zip(batch, verdicts, strict=True)]
    conflicts = [(conflict, origin) for origin, verdict in settled for conflict in verdict.conflicts]
    refused = [each for each in await store.save_conflicts(tx, vault, conflicts, now=now) if each[0].is_refused_merge]
    await events.merge_refused(tx, refused, now=now)
    moves = [
        _moved(move, origin, now) for origin, verdict in settled for move in verdict.moves if move.link.kind.has_proof
    ]
    await store.save_moves(tx, vault, moves)
    await events.identifier_moved(tx, [record for _, record in moves])
    quarantined = [each for _, verdict in settled for each in verdict.quarantined]
    await events.identifier_quarantined(tx, quarantined, now=now)


def _moved(move: Move, origin: Origin, now: datetime) -> tuple[bytes, MoveRecord]:
    link = move.link
    named = link.kind.name, link.namespace, link.value, link.verified
    return link.key, MoveRecord(
        new_id(), *named, move.from_id, move.to_id, move.reason, origin.source_id, origin.event_id, "", "", now
    )


def _changes(
    batch: Sequence[tuple[Evidence, attributes.Values]], verdicts: Sequence[Verdict]
) -> list[attributes.Stated | attributes.United]:
    """What the batch does to what is known of people, in order."""
    changes: list[attributes.Stated | attributes.United] = []
    for (evidence, traits), verdict in zip(batch, verdicts, strict=True):
        for merge in verdict.merges:
            changes.append(attributes.United(merge.survivor.profile_id, merge.loser.profile_id))
        if traits:
            facts = attributes.stated(traits, evidence.origin.time, evidence.origin.source_id)
            changes.append(attributes.Stated(verdict.person.profile_id, facts))
    return changes


def before(merge: Merge, union: attributes.Union) -> dict[str, Any]:
    """How both sides of a merge stood, as its record holds it."""
    return {
        "survivor": {
            **_shallow(merge.survivor),
            "facts": attributes.stored(union.survivor.facts),
            "version": union.survivor.version,
        },
        "loser": {
            **_shallow(merge.loser),
            "facts": attributes.stored(union.loser.facts),
            "version": union.loser.version,
        },
    }


def _shallow(state: PersonState) -> dict[str, Any]:
    """The fields as they are; `asdict` would copy every identifier of every person that merges."""
    return {name: getattr(state, name) for name in _STATE_FIELDS}


async def ensure_profiles(
    tx: Tx, sets: Sequence[Sequence[Claim]], *, vault: Vault, source_id: str, now: datetime, rules: Rules = RULES
) -> list[UUID | None]:
    """Who each set of identifiers is: identifiers that stand together become one person's.

    None for a set of which every identifier is suppressed.
    """
    origin = Origin(now, source_id, None, Trust.SERVER)
    named = await admitted(tx, vault, sets)
    evidence: list[tuple[Evidence, attributes.Values]] = [
        (Evidence(tuple(ranked(claims)), origin), {}) for claims in named if claims
    ]
    verdicts = iter(await settle(tx, vault, evidence, now=now, rules=rules))
    return [next(verdicts).person.root.profile_id if claims else None for claims in named]
