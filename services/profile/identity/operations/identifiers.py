"""Identifiers, corrected by hand: taken away, given to others, released, blocked."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from chassis.db import Tx
from chassis.ids import new_id
from services.profile.identity import domain, events, store
from services.profile.identity.domain import (
    BLOCKED_MAX,
    Author,
    BlockedValue,
    Claim,
    Link,
    Move,
    MoveReason,
    MoveRecord,
    Origin,
    People,
    Person,
    Rules,
    Trust,
)
from services.profile.identity.errors import (
    BlockedValueInvalid,
    BlockedValueNotFound,
    BlockedValuesMax,
    IdentifierNotFound,
    ProfileNotFound,
    ProfilesAreOne,
)
from services.profile.vault.domain import Vault


@dataclass(frozen=True, slots=True)
class Held:
    """An identifier on a person, as somebody asks for it."""

    profile_id: UUID
    claim: Claim


async def remove_identifier(
    tx: Tx, vault: Vault, held: Held, author: Author, *, now: datetime, rules: Rules
) -> MoveRecord:
    """Let an identifier name nobody. Raises `ProfileNotFound` or `IdentifierNotFound`."""
    await store.take_turn(tx, alone=True)
    _, (person,) = await _people(tx, vault, rules, held.profile_id)
    link = _link(person, held)
    await store.remove_identifier(tx, vault, link.key)
    return await _record(tx, vault, Move(link, person.profile_id, None, MoveReason.REMOVED), author, now)


async def reassign_identifier(
    tx: Tx, vault: Vault, held: Held, to_id: UUID, author: Author, *, now: datetime, rules: Rules
) -> MoveRecord:
    """Give an identifier of one person to another.

    Raises `ProfileNotFound`, `IdentifierNotFound`, `ProfilesAreOne` or `IdentifierRefused`.
    """
    await store.take_turn(tx, alone=True)
    people, (person, other) = await _people(tx, vault, rules, held.profile_id, to_id)
    if person is other:
        raise ProfilesAreOne(person.profile_id)
    origin = Origin(now, author.actor, None, Trust.SERVER)
    move = domain.reassign(people, _link(person, held), other, rules.graded(held.claim), origin, rules)
    await store.save(tx, vault, people)
    return await _record(tx, vault, move, author, now)


async def _people(tx: Tx, vault: Vault, rules: Rules, *profile_ids: UUID) -> tuple[People, list[Person]]:
    """Those whom ids lead to, held, with all identifiers they have."""
    roots = await store.roots_of(tx, profile_ids)
    people = await store.load_by_id(tx, vault, sorted(set(roots.values())), rules)
    for profile_id in profile_ids:
        if roots[profile_id] not in people.persons:
            raise ProfileNotFound(profile_id=str(profile_id))
    return people, [people.persons[roots[profile_id]] for profile_id in profile_ids]


def _link(person: Person, held: Held) -> Link:
    link = person.links.get(held.claim.key)
    if link is None:
        raise IdentifierNotFound(held.claim.kind.name, person.profile_id)
    return link


async def _record(tx: Tx, vault: Vault, move: Move, author: Author, now: datetime) -> MoveRecord:
    link = move.link
    named = link.kind.name, link.namespace, link.value, link.verified
    record = MoveRecord(
        new_id(), *named, move.from_id, move.to_id, move.reason, "", None, author.actor, author.note, now
    )
    await store.save_moves(tx, vault, [(link.key, record)])
    await store.save_encounters(tx, vault, [(link.key, move.from_id)])
    await events.identifier_moved(tx, [record])
    return record


async def block_value(tx: Tx, vault: Vault, blocked: BlockedValue) -> BlockedValue:
    """Have a value or pattern name nobody; what was blocked before stays as it is.

    Raises `BlockedValuesMax` or `BlockedValueInvalid`.
    """
    await store.take_turn(tx, alone=True)
    kept = await store.block(tx, vault, blocked)
    listed = await store.list_blocked(tx)
    if len(listed) > BLOCKED_MAX:
        raise BlockedValuesMax(BLOCKED_MAX)
    try:
        domain.blocked_of(store.open_blocked(vault, listed))
    except domain.PatternInvalid as told:
        raise BlockedValueInvalid("value", f"is too much together with the other patterns: {told}") from None
    return kept


async def unblock_value(tx: Tx, blocked_value_id: UUID) -> None:
    """Take a value or pattern off the list. Raises `BlockedValueNotFound`."""
    if not await store.unblock(tx, blocked_value_id):
        raise BlockedValueNotFound(blocked_value_id)
