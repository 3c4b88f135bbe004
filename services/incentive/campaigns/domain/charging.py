"""What a grant takes of budgets and limits. Pure."""

from collections.abc import Collection
from uuid import UUID

from services.incentive.budgets.domain import Kind as BudgetKind
from services.incentive.budgets.domain import Outcome, Purse, Want
from services.incentive.campaigns.domain import limits
from services.incentive.campaigns.domain.dockets import Docket
from services.incentive.campaigns.domain.effects import Effect, Gift
from services.incentive.campaigns.domain.limits import Action, Entity, Limit, Meter
from services.incentive.campaigns.domain.occasions import Claim, Miss, Reason
from services.incentive.campaigns.domain.returns import Use
from services.incentive.subjects.domain import Person


def charge(claim: Claim, effect: Effect, desired: int, want: Want, purse: Purse) -> int | Miss:
    """Take an effect from the budget, in part where the campaign allows it. Returns how much there is to give."""
    if not want.amount:
        return desired
    outcome = purse.charge(want)
    if outcome is Outcome.PAID:
        return desired
    room = purse.room(want) if claim.campaign.terms.partial_allowed and effect.is_divisible else 0
    if room > 0 and purse.reserve(want._replace(amount=room)):
        return room
    return Miss(Reason(outcome))


def want_of(claim: Claim, effect: Effect, arm: str) -> Want:
    """What an effect asks of the budget, and of its parts for the store and the region of the fact, and for the arm."""
    parts = {
        BudgetKind.STORE: claim.occasion.entity(Entity.STORE),
        BudgetKind.REGION: claim.occasion.entity(Entity.REGION),
        BudgetKind.ARM: arm,
    }
    scope = tuple((kind, value) for kind, value in parts.items() if value)
    return Want(claim.campaign.budget_id, effect.cost(effect.amount(claim.occasion.net)), scope)


def against_limits(
    claim: Claim, effect: Effect, person: Person, amount: int, docket: Docket, counted: Collection[UUID]
) -> Miss | None:
    """The limit that a grant would exceed, or whose entity the fact does not say. `counted` are counters that the fact
    has counted up already."""
    for limit in claim.campaign.terms.limits:
        at = meter_of(limit, claim, person)
        if at is None:
            return Miss(Reason.ENTITY_MISSING, limit.entity)
        more = 0 if at.own in counted else _counts(limit, effect, amount)
        if more and not limits.holds(limit, at, claim.campaign.campaign_id, docket.counters, more):
            return Miss(Reason(f"{limit.entity.upper()}_LIMIT"), f"{limit.cap} per {limit.period}")
    return None


def uses_of(claim: Claim, effect: Effect, person: Person, amount: int, counted: Collection[UUID]) -> tuple[Use, ...]:
    """What a grant counts towards the limits; a fact counts once for an entity, whatever it is given.

    What rests on a place that the fact has already counts nothing there, but keeps it when the other falls.
    """
    uses: dict[UUID, Use] = {}
    for limit in claim.campaign.terms.limits:
        at, more = meter_of(limit, claim, person), _counts(limit, effect, amount)
        if at is not None and more:
            uses[at.own] = Use(at.own, 0 if at.own in counted else more, limit.action)
    return tuple(uses.values())


def _counts(limit: Limit, effect: Effect, amount: int) -> int:
    if limit.action == Action.GRANTS:
        return 1
    return amount if effect.gift == Gift.ASSET else 0


def meter_of(limit: Limit, claim: Claim, person: Person) -> Meter | None:
    """Where a limit counts a claim of a beneficiary; None when the fact does not say whose it is."""
    occasion = claim.occasion
    match limit.entity:
        case Entity.CAMPAIGN:
            own, values = "campaign", {"campaign"}
        case Entity.PERSON:
            own, values = person.profile_id, set(person.ids)
        case Entity.MEMBER:
            own = occasion.profile_id if occasion.profile_id in person.ids else person.profile_id
            values = {own}
        case _:
            own = occasion.entity(limit.entity)
            values = {own}
    return limits.meter(limit, own, values, occasion.time, claim.campaign.terms.time_zone) if own else None
