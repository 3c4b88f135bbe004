"""What facts are given for. Pure: the same claims on the same docket are judged alike, each once for ever."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.incentive.campaigns.domain import limits
from services.incentive.campaigns.domain.campaigns import LATENESS_MAX
from services.incentive.campaigns.domain.charging import against_limits, charge, uses_of, want_of
from services.incentive.campaigns.domain.dockets import Denial, Docket, Exposure
from services.incentive.campaigns.domain.effects import Effect, Gift
from services.incentive.campaigns.domain.experiments import HOLDOUT, arm_of
from services.incentive.campaigns.domain.limits import Action
from services.incentive.campaigns.domain.occasions import Claim, Miss, Occasion, Reason
from services.incentive.campaigns.domain.returns import Grant, due
from services.incentive.campaigns.domain.terms import Audience, compile_when
from services.incentive.campaigns.domain.triggers import Kind
from services.incentive.subjects.domain import Person


def judge(claims: Sequence[Claim], docket: Docket, new_id: Callable[[], UUID]) -> None:
    """Judge claims one after another, each once for ever."""
    for claim in claims:
        if claim.key in docket.judged or docket.is_barred(docket.person(claim)):
            continue
        miss = _against(claim, docket)
        if miss is not None and miss.reason == Reason.NOT_IN_AUDIENCE and not docket.tells(claim):
            continue
        docket.judged.add(claim.key)
        arm = ""
        if miss is None and claim.campaign.terms.experiment is not None:
            arm = _expose(claim, docket)
            miss = Miss(Reason.HOLDOUT) if arm == HOLDOUT else None
        if miss is not None:
            docket.denials.append(Denial(claim, docket.person(claim).profile_id, miss))
            continue
        _give(claim, arm, docket, new_id)


def _against(claim: Claim, docket: Docket) -> Miss | None:
    """What speaks against the claim as a whole."""
    occasion, terms = claim.occasion, claim.campaign.terms
    if claim.miss is not None:
        return claim.miss
    if (occasion.known_time or occasion.time) - occasion.time > LATENESS_MAX:
        return Miss(Reason.LATE)
    person = docket.person(claim)
    if terms.audience is not None and not _is_in(terms.audience, person, occasion, docket):
        is_known = _is_known(terms.audience, person, docket)
        return Miss(Reason.NOT_IN_AUDIENCE if is_known else Reason.AUDIENCE_INCOMPLETE)
    if terms.eval_group is not None and (terms.eval_group.name, occasion.cause) in docket.won:
        return Miss(Reason.OUTRANKED, terms.eval_group.name)
    return _against_history(claim, person, docket)


def _is_planned(person: Person, claim: Claim, docket: Docket) -> bool:
    """Whether the plan was made for a person: who invited somebody of the audience need not be of it."""
    audience = claim.campaign.terms.audience
    return audience is None or _is_in(audience, person, claim.occasion, docket)


def _is_in(audience: Audience, person: Person, occasion: Occasion, docket: Docket) -> bool:
    of, spells = audience.snapshot_id or audience.segment_id, docket.hearsay.spells
    return any((spell := spells.get((of, each))) and spell.covers(occasion.time) for each in person.ids)


def _is_known(audience: Audience, person: Person, docket: Docket) -> bool:
    """Whether all is known that there is to know of a person who seems not to be in an audience."""
    of, hearsay = audience.snapshot_id or audience.segment_id, docket.hearsay
    return audience.segment_id not in hearsay.incomplete or all((of, each) in hearsay.spells for each in person.ids)


def _against_history(claim: Claim, person: Person, docket: Docket) -> Miss | None:
    trigger, occasion = claim.campaign.terms.trigger, claim.occasion
    registration = docket.registrations.get(person.profile_id)
    if trigger.is_registration and registration is not None and registration.cause != occasion.cause:
        return Miss(Reason.REGISTERED_BEFORE)
    if trigger.registered_days_max:
        days = timedelta(days=trigger.registered_days_max)
        if registration is None or not timedelta() <= occasion.time - registration.time < days:
            return Miss(Reason.PURCHASE_NUMBER, f"not within {trigger.registered_days_max} days of registration")
    if trigger.counts_purchases:
        number = docket.purchases.get(occasion.cause, 1)
        if number < trigger.purchase_min or number > (trigger.purchase_max or number):
            return Miss(Reason.PURCHASE_NUMBER, str(number))
    return None


def _expose(claim: Claim, docket: Docket) -> str:
    experiment, campaign, occasion = claim.campaign.terms.experiment, claim.campaign, claim.occasion
    profile_id = docket.person(claim).profile_id
    if experiment is None:
        return ""
    arm = arm_of(experiment, campaign.campaign_id, profile_id, occasion.time, campaign.terms.time_zone)
    docket.exposures.append(Exposure(campaign.campaign_id, profile_id, arm, occasion.time))
    return arm


def _give(claim: Claim, arm: str, docket: Docket, new_id: Callable[[], UUID]) -> None:
    """Give all effects that can be given, each on its own."""
    terms, counted = claim.campaign.terms, set[UUID]()
    for number, effect in enumerate(terms.effects, 1):
        desired = effect.amount(claim.occasion.net)
        if desired <= 0 or effect.arm not in ("", arm):
            continue
        person = docket.beneficiary(effect, claim)
        grant = _grant(claim, number, person, desired, arm, docket, counted)
        if isinstance(grant, Miss):
            whom = person or docket.person(claim)
            docket.denials.append(Denial(claim, whom.profile_id, grant, number, desired))
            continue
        grant_id = new_id()
        coupon_id = grant_id if effect.gift == Gift.COUPON else None
        docket.grants.append(replace(grant, grant_id=grant_id, coupon_id=coupon_id))
        if terms.eval_group is not None:
            docket.won.add((terms.eval_group.name, claim.occasion.cause))


def _grant(
    claim: Claim, number: int, person: Person | None, desired: int, arm: str, docket: Docket, counted: set[UUID]
) -> Grant | Miss:
    campaign, occasion, effect = claim.campaign, claim.occasion, claim.campaign.terms.effects[number - 1]
    if person is None:
        return Miss(Reason.NO_BENEFICIARY)
    if effect.beneficiary.level and person.profile_id == docket.person(claim).profile_id:
        return Miss(Reason.SELF_REWARD)
    if not _is_of_currency(effect, occasion):
        return Miss(Reason.CURRENCY_DIFFERS, str(occasion.facts()["currency_code"]))
    if effect.gift == Gift.PACKET and docket.owes(person, effect.currency_code):
        return Miss(Reason.IN_DEBT, effect.currency_code)
    refund = docket.refunds.get(occasion.cause) if occasion.kind.is_order else None
    if refund and due(campaign.terms, effect, desired, occasion.net, refund) >= desired:
        return Miss(Reason.ORDER_REFUNDED)
    miss = against_limits(claim, effect, person, desired, docket, counted)
    if miss is not None:
        return miss
    want = want_of(claim, effect, arm)
    asked = want._replace(member=person.profile_id, planned=_is_planned(person, claim, docket))
    amount = charge(claim, effect, desired, asked, docket.purse)
    if isinstance(amount, Miss):
        return amount
    uses = uses_of(claim, effect, person, amount, counted)
    limits.count(docket.counters, campaign.campaign_id, [(use.key, use.amount) for use in uses])
    counted.update(use.key for use in uses if use.action == Action.GRANTS)
    return Grant(
        grant_id=UUID(int=0),
        campaign_id=campaign.campaign_id,
        cause=occasion.cause,
        profile_id=person.profile_id,
        asset=effect.asset,
        amount=amount,
        reversed_amount=0,
        order_net_minor=occasion.net if occasion.kind.is_order else None,
        grant_time=occasion.now,
        campaign_version=campaign.version,
        effect=number,
        level=effect.beneficiary.level,
        desired_amount=desired,
        cost=effect.cost(amount),
        scope=want.scope,
        charge_time=docket.purse.time,
        lease_id=docket.purse.lease_of(want) if want.amount else None,
        uses=uses,
        tag_id=effect.tag_id,
        mission_id=effect.mission_id,
        endpoint_id=effect.endpoint_id,
        arm=arm,
        mature_time=_mature_time(effect, occasion),
        awaits_delivery=_awaits(effect, occasion),
        snapshot=snapshot_of(claim, docket),
        actor_id=_other(docket.person(claim), person),
    )


def _is_of_currency(effect: Effect, occasion: Occasion) -> bool:
    """Whether money that follows from an order is of the order's currency, where the fact says it."""
    if effect.gift != Gift.PACKET or not effect.is_of_net:
        return True
    return occasion.facts().get("currency_code") in (None, effect.currency_code)


def _other(actor: Person, person: Person) -> str:
    return "" if actor.profile_id == person.profile_id else actor.profile_id


def _awaits(effect: Effect, occasion: Occasion) -> bool:
    """Whether it reaches an account only when the order is delivered."""
    return occasion.kind == Kind.ORDER and effect.maturity is not None and effect.maturity.awaits_delivery


def _mature_time(effect: Effect, occasion: Occasion) -> datetime | None:
    return effect.maturity.after(occasion.time) if effect.maturity and not _awaits(effect, occasion) else None


def snapshot_of(claim: Claim, docket: Docket) -> dict[str, Any]:
    """What a claim was judged by, for those who have to explain it: of the facts only what the condition asks."""
    occasion, terms = claim.occasion, claim.campaign.terms
    found = {
        "time": occasion.time.isoformat(),
        "known_time": (occasion.known_time or occasion.time).isoformat(),
        "net_minor": occasion.net_minor,
        "facts": compile_when(terms.when).pick(occasion.facts()) if terms.when else {},
    }
    if terms.audience is not None:
        found["segment_id"] = str(terms.audience.segment_id)
        if terms.audience.snapshot_id is not None:
            found["snapshot_id"] = str(terms.audience.snapshot_id)
    if occasion.kind == Kind.ORDER and terms.trigger.counts_purchases:
        found["purchase"] = docket.purchases.get(occasion.cause, 1)
    return found
