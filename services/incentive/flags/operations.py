"""What changes flags. They are held last of all rows."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from uuid import UUID

from chassis.db import ReadTx, Tx
from chassis.errors import Refusal
from chassis.ids import new_id
from services.incentive.campaigns import store as campaigns
from services.incentive.campaigns.domain import Grant
from services.incentive.campaigns.operations import returning
from services.incentive.campaigns.operations.granted import find_granted
from services.incentive.coupons import operations as coupons
from services.incentive.coupons.store import coupons as coupon_store
from services.incentive.coupons.store import templates as template_store
from services.incentive.flags import domain, events, store
from services.incentive.flags.domain import Doubt, Flag, FlagKind, FlagState, Item
from services.incentive.subjects import store as subjects

Known = dict[tuple[FlagKind, UUID], Flag]


async def look(tx: Tx, profile_ids: Collection[str], now: datetime) -> None:
    """Flag what is doubtful of what people got, and clear what is so no longer (spec people §3.5).

    It follows from who is who now: whatever the order in which that was told, the flags are the same. Merges are held.
    """
    ids, more = set[str](), set(profile_ids)
    known, doubts = Known(), list[Doubt]()
    while more:  # who is concerned by what is doubtful is looked at too, in full
        ids |= {each for person in (await subjects.find_people(tx, more)).values() for each in person.ids}
        known = {flag.key: flag for flag in await store.lock_flags_of(tx, ids)}
        doubts = [*await _doubts_of_grants(tx, ids, known), *await _doubts_of_coupons(tx, ids)]
        more = {each for flag in known.values() for each in (flag.profile_id, flag.other_id)}
        more = (more | {each for doubt in doubts for each in (doubt.profile_id, doubt.other_id)}) - ids
    raised, cleared = domain.turn(doubts, known, now, new_id)
    await store.save_flags(tx, [*raised, *cleared])
    await events.flags_turned(tx, raised, cleared)


async def _doubts_of_grants(tx: ReadTx, ids: Collection[str], known: Known) -> list[Doubt]:
    """What operators took back because of its flag counts as if it were there: else the flag would clear itself."""
    taken = {flag.item_id for flag in known.values() if flag.state == FlagState.REVERSED}
    found = await campaigns.find_involving(tx, ids)
    grants = [grant for grant in found if not grant.is_reversed or grant.grant_id in taken]
    if not grants:
        return []
    granted = await find_granted(tx, grants)
    owners = await store.find_owners(tx, {grant.cause for grant in grants})
    return domain.doubts_of_grants(
        grants,
        {grant.grant_id: granted.terms_of(grant) for grant in grants},
        await _stands(tx, grants, owners.values()),
        owners,
        await store.find_void(tx, {grant.cause for grant in grants}),
    )


async def _stands(tx: ReadTx, grants: Iterable[Grant], owners: Iterable[str]) -> dict[str, str]:
    named = {each for grant in grants for each in (grant.profile_id, grant.actor_id) if each} | set(owners)
    return {asked: person.profile_id for asked, person in (await subjects.find_people(tx, named)).items()}


async def _doubts_of_coupons(tx: ReadTx, ids: Collection[str]) -> list[Doubt]:
    if len(ids) < 2:
        return []
    owned = await coupon_store.find_owned(tx, ids)
    templates = await template_store.find_templates(tx, {each.template_id for each in owned})
    people = await subjects.find_people(tx, ids)
    return domain.doubts_of_coupons(owned, templates, {asked: person.profile_id for asked, person in people.items()})


async def look_at_merged(tx: Tx, profile_ids: Collection[str], now: datetime) -> None:
    """Look at what those got who are of several profiles; the others cannot have got anything twice.

    What was granted while a merge was committed is seen here: the merge did not see it yet.
    """
    await subjects.hold_merges(tx)
    people = await subjects.find_people(tx, set(profile_ids) - {""})
    if merged := {person.profile_id for person in people.values() if len(person.ids) > 1}:
        await look(tx, merged, now)


async def assign(tx: Tx, owners: Sequence[tuple[UUID, str, datetime]], people: Collection[str], now: datetime) -> None:
    """Facts are other people's than was told: triples of cause, profile and time."""
    await subjects.hold_merges(tx)
    await store.assign_facts(tx, owners)
    await campaigns.give_orders(tx, await store.find_owners(tx, {cause for cause, _, _ in owners}))
    await look(tx, people, now)


async def turn_touches(
    tx: Tx, touches: Sequence[tuple[UUID, bool, datetime]], sharers: Collection[str], now: datetime
) -> None:
    """Visits are void, or count again: triples of touch, whether it is void, and time."""
    await subjects.hold_merges(tx)
    await store.turn_touches(tx, touches)
    if sharers:
        await look(tx, sharers, now)


async def resolve_flag(
    tx: Tx, flag_id: UUID, *, reverse: bool, resolver: str, reason: str, void_id: UUID, now: datetime
) -> Flag:
    """Keep a flagged reward, or take it back by its inverse.

    Raises `FlagNotFound`, `FlagNotOpen`, and for a coupon why it cannot be taken back.
    """
    flag = await store.get_flag(tx, flag_id)
    state = FlagState.REVERSED if reverse else FlagState.KEPT
    domain.resolved(flag, state, resolver, reason, now)
    if reverse:
        await _reverse(tx, flag, reason, void_id, now)
    flag = domain.resolved(await store.lock_flag(tx, flag_id), state, resolver, reason, now)
    await store.save_flags(tx, [flag])
    await events.flag_resolved(tx, flag)
    return flag


async def _reverse(tx: Tx, flag: Flag, reason: str, void_id: UUID, now: datetime) -> None:
    if flag.item == Item.GRANT:
        await returning.void_grant(tx, flag.item_id, void_id, reason, now)
        return
    outcome = (await coupons.revoke_coupons(tx, [flag.item_id], now=now)).get(flag.item_id)
    if isinstance(outcome, Refusal):
        raise outcome
