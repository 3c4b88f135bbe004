"""All that claims are judged by: held for those who give, read for those who ask what would be given."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from chassis.db import ReadTx, Tx
from services.incentive.audiences import store as audiences
from services.incentive.audiences.domain import Hearsay
from services.incentive.budgets import operations as budgets
from services.incentive.budgets import store as budget_store
from services.incentive.budgets.domain import Budget, Purse, Want
from services.incentive.campaigns import store
from services.incentive.campaigns.domain import Claim, Docket, Gift, Kind, Occasion
from services.incentive.campaigns.domain.charging import meter_of, want_of
from services.incentive.campaigns.domain.experiments import arm_of
from services.incentive.campaigns.domain.invitations import Registration
from services.incentive.campaigns.domain.terms import TouchChoice
from services.incentive.ledger.store import reads as ledger
from services.incentive.packets import store as packets
from services.incentive.subjects import store as subjects
from services.incentive.subjects.domain import Person
from services.incentive.subjects.errors import MergedMeanwhile


@dataclass(slots=True)
class _History:
    """Who is concerned, and what is known of them."""

    people: dict[str, Person]
    registrations: dict[str, Registration] = field(default_factory=dict)
    inviters: dict[tuple[TouchChoice, str], list[str]] = field(default_factory=dict)
    barred: frozenset[str] = frozenset()


async def hold_docket(tx: Tx, claims: Sequence[Claim], occasions: Sequence[Occasion]) -> Docket:
    """Hold all that the claims are judged by. The budgets come last: they are what many claims meet at.

    Budgets that are paid from leases are not held: two transactions may judge a claim at once, and the second to save
    it is repeated. Where something is to be put back at once the budgets are held: leases come after budgets. Raises
    `MergedMeanwhile` when a person turned out to be another one while their rows were waited for.
    """
    refunds = await store.lock_orders(tx, {c.occasion.cause for c in claims if c.occasion.kind.is_order})
    history = await _history(tx, claims)
    buyers = _buyers(claims, history.people)
    if buyers:
        await store.lock_buyers(tx, {history.people[each].profile_id for each in buyers})
    opened, read = _keys(claims, history)
    counters = await store.open_counters(tx, opened, read)
    if (opened or buyers) and await subjects.find_people(tx, history.people.keys()) != history.people:
        raise MergedMeanwhile
    purchases = await _purchases(tx, occasions, history.people, buyers)
    hearsay = await _hearsay(tx, claims, history.people)
    if hearsay.incomplete:
        await audiences.request_copies(tx, hearsay.incomplete, now=claims[0].occasion.now)
    put_back = bool(refunds) or any(_may_be_refused(claim) for claim in claims)
    purse = await _open_purse(tx, _wants(claims, history.people), put_back=put_back)
    judged = await store.find_judged(tx, {claim.key for claim in claims})
    return Docket(
        judged,
        history.people,
        counters,
        refunds,
        purse,
        hearsay,
        history.barred,
        purchases,
        history.registrations,
        history.inviters,
        owing=await _owing(tx, claims, history.people),
    )


async def read_docket(tx: ReadTx, claims: Sequence[Claim], occasion: Occasion) -> Docket:
    """What the claims would be judged by at this moment; nothing is held, and nothing counts as judged."""
    history = await _history(tx, claims)
    opened, read = _keys(claims, history)
    return Docket(
        judged=set(),
        people=history.people,
        counters=await store.find_counters(tx, {*opened, *read}),
        refunds={},
        purse=Purse(await _concerned(tx, _wants(claims, history.people))),
        hearsay=await _hearsay(tx, claims, history.people),
        barred=history.barred,
        purchases=await _purchases(tx, [occasion], history.people, _buyers(claims, history.people)),
        registrations=history.registrations,
        inviters=history.inviters,
        explains=True,
        owing=await _owing(tx, claims, history.people),
    )


async def _history(tx: ReadTx, claims: Sequence[Claim]) -> _History:
    named = {claim.occasion.profile_id for claim in claims} | {claim.occasion.sharer_id for claim in claims}
    history = _History(await subjects.find_people(tx, named - {""}))
    asking = [claim for claim in claims if _asks_registrations(claim)]
    if asking:
        people = {history.people[claim.occasion.profile_id] for claim in asking}
        history.registrations = await registrations_of(tx, people)
        await _climb(tx, people, history, {claim.campaign.terms.inviter_touch for claim in asking})
    ids = {UUID(each) for person in history.people.values() for each in person.ids}
    history.barred = frozenset(map(str, await subjects.barred_among(tx, ids)))
    return history


def _asks_registrations(claim: Claim) -> bool:
    terms = claim.campaign.terms
    return terms.asks_inviters or terms.trigger.is_registration or bool(terms.trigger.registered_days_max)


async def registrations_of(tx: ReadTx, people: Iterable[Person]) -> dict[str, Registration]:
    """The first registration of each person, by the profile that stands for them."""
    owners = {each: person.profile_id for person in people for each in person.ids}
    found = await store.find_registrations(tx, owners.keys())
    first: dict[str, Registration] = {}
    for profile_id, registration in sorted(found.items(), key=lambda item: (item[1].time, item[0])):
        first.setdefault(owners[profile_id], registration)
    return first


async def _climb(tx: ReadTx, people: Collection[Person], history: _History, choices: Iterable[TouchChoice]) -> None:
    """Two steps up the reward tree. Nobody moves up for one who is not there."""
    for choice in choices:
        first = _above(people, history.registrations, choice)
        inviters = await subjects.find_people(tx, set(first.values()))
        second = _above(inviters.values(), await registrations_of(tx, inviters.values()), choice)
        history.people |= inviters | await subjects.find_people(tx, set(second.values()))
        for profile_id, inviter_id in first.items():
            above = second.get(inviters[inviter_id].profile_id)
            history.inviters[choice, profile_id] = [inviter_id, above] if above else [inviter_id]


def _above(people: Iterable[Person], registrations: Mapping[str, Registration], choice: TouchChoice) -> dict[str, str]:
    found = {person.profile_id: registrations.get(person.profile_id) for person in people}
    return {own: inviter_id for own, each in found.items() if each and (inviter_id := each.inviter_id(choice))}


Keys = set[tuple[UUID, UUID]]


def _keys(claims: Sequence[Claim], history: _History) -> tuple[Keys, Keys]:
    """The counters that claims may count up, and those that they look at."""
    docket = Docket(set(), history.people, {}, {}, Purse(()), barred=history.barred, inviters=history.inviters)
    opened, read = Keys(), Keys()
    for claim in claims:
        limits = claim.campaign.terms.limits if claim.miss is None else ()
        people = {docket.beneficiary(effect, claim) for effect in claim.campaign.terms.effects} if limits else ()
        meters = [meter_of(limit, claim, person) for limit in limits for person in people if person]
        for at in meters:
            if at is not None:
                opened |= {(claim.campaign.campaign_id, key) for key in at.held}
                read |= {(claim.campaign.campaign_id, key) for window in at.windows for key in window}
    return opened, read


def _wants(claims: Sequence[Claim], people: Mapping[str, Person]) -> list[Want]:
    """All that the claims may ask of their budgets, and of which parts of them."""
    return [
        want
        for claim in claims
        if claim.miss is None
        for effect in claim.campaign.terms.effects
        if (want := want_of(claim, effect, _arm(claim, people))).amount
    ]


def _may_be_refused(claim: Claim) -> bool:
    """Whether something that the budget pays for may be refused by who issues it."""
    return any(effect.gift == Gift.COUPON and effect.budget_cost for effect in claim.campaign.terms.effects)


def _arm(claim: Claim, people: Mapping[str, Person]) -> str:
    occasion, campaign = claim.occasion, claim.campaign
    if campaign.terms.experiment is None:
        return ""
    own = people[occasion.profile_id].profile_id
    return arm_of(campaign.terms.experiment, campaign.campaign_id, own, occasion.time, campaign.terms.time_zone)


async def _open_purse(tx: Tx, wants: Sequence[Want], *, put_back: bool) -> Purse:
    if put_back:
        return await budgets.open_purse(tx, {want.budget_id for want in wants}, wants=wants)
    return await budgets.open_purse(tx, wants=wants)


async def _concerned(tx: ReadTx, wants: Sequence[Want]) -> list[Budget]:
    parts = {(want.budget_id, kind, value) for want in wants for kind, value in want.scope}
    return await budget_store.find_concerned(tx, {want.budget_id for want in wants}, parts)


def _buyers(claims: Sequence[Claim], people: Mapping[str, Person]) -> list[str]:
    return sorted(
        {
            claim.occasion.profile_id
            for claim in claims
            if claim.occasion.kind == Kind.ORDER and claim.campaign.terms.trigger.counts_purchases
        }
        & people.keys()
    )


async def _purchases(
    tx: ReadTx, occasions: Sequence[Occasion], people: Mapping[str, Person], buyers: Sequence[str]
) -> dict[UUID, int]:
    """Which purchase of its buyer each order is: of those that are kept, in the order in which they became known."""
    if not buyers:
        return {}
    kept = await store.find_kept(tx, {each for buyer in buyers for each in people[buyer].ids})
    orders = {each.cause: people[each.profile_id].ids for each in occasions if each.profile_id in people}
    known = {each: {order_id for one in each for order_id in kept.get(one, ())} for each in orders.values()}
    before = {each: order_ids - orders.keys() for each, order_ids in known.items()}
    numbers: dict[UUID, int] = {}
    for cause, person in orders.items():
        numbers[cause] = 1 + len(before[person])
        if cause in known[person]:
            before[person].add(cause)
    return numbers


async def _owing(tx: ReadTx, claims: Sequence[Claim], people: Mapping[str, Person]) -> set[tuple[str, str]]:
    effects = [effect for claim in claims for effect in claim.campaign.terms.effects if effect.gift == Gift.PACKET]
    if not effects:
        return set()
    ids = {each for person in people.values() for each in person.ids}
    assets = {effect.budget_asset: effect.currency_code for effect in effects}
    owing = await ledger.find_owing(tx, ids, assets.keys())
    return {(each, assets[asset]) for each, asset in owing} | await packets.find_wanted_back(tx, ids)


async def _hearsay(tx: ReadTx, claims: Sequence[Claim], people: Mapping[str, Person]) -> Hearsay:
    asked = [audience for claim in claims if (audience := claim.campaign.terms.audience)]
    if not asked:
        return Hearsay()
    incomplete = await audiences.find_incomplete(tx, {audience.segment_id for audience in asked})  # before the spells
    ids = {each for person in people.values() for each in person.ids}  # all who may get something, not only who acted
    copies = {audience.snapshot_id for audience in asked if audience.snapshot_id}
    segments = {audience.segment_id for audience in asked if not audience.snapshot_id}
    live = await audiences.find_spells(tx, segments, ids) if segments else {}
    return Hearsay(live | (await audiences.find_copied(tx, copies, ids) if copies else {}), incomplete)
