"""What changes campaigns, and what they do about facts: lock, judge, save, tell.

Rows are held in one order everywhere: the switch, orders, claimants, budgets, accounts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from chassis.db import Tx
from chassis.ids import new_id
from services.incentive.budgets import operations as budgets
from services.incentive.budgets import store as budget_store
from services.incentive.budgets.domain import Budget, Want
from services.incentive.campaigns import domain, events, store
from services.incentive.campaigns.domain import (
    Campaign,
    Claim,
    Docket,
    Grant,
    Kind,
    Occasion,
    Refund,
    Reversal,
    Tallies,
)
from services.incentive.ledger import operations as ledger
from services.incentive.ledger.domain import earnings
from services.incentive.subjects import store as subjects
from services.incentive.subjects.domain import Person
from services.incentive.subjects.errors import MergedMeanwhile

SCOPE = "service:incentive/campaigns"
"""Whose transfer ids those of rewards are."""


async def create_campaign(tx: Tx, campaign: Campaign, budget: Budget) -> None:
    """Add a draft with a budget of its own."""
    await budget_store.insert_budget(tx, budget)
    await store.insert_campaign(tx, campaign)


async def start_campaign(tx: Tx, campaign_id: UUID) -> Campaign:
    """Let a campaign give."""
    await store.turn_switch(tx)
    campaign = domain.started(await store.get_campaign(tx, campaign_id))
    await store.save_state(tx, campaign)
    return campaign


async def pause_campaign(tx: Tx, campaign_id: UUID) -> Campaign:
    """Let a campaign give no more: whoever judges a claim after the commit finds it paused."""
    await store.turn_switch(tx)
    campaign = domain.paused(await store.get_campaign(tx, campaign_id))
    await store.save_state(tx, campaign)
    return campaign


async def reward(tx: Tx, kind: Kind, occasions: Sequence[Occasion]) -> None:
    """Give what running campaigns promise for facts of one kind, each fact once per campaign for ever."""
    await store.hold_switch(tx)
    campaigns = await store.find_running(tx, kind, {occasion.value for occasion in occasions})
    claims = domain.claims_of(campaigns, occasions)
    if not claims:
        return
    docket = await _load(tx, claims)
    domain.judge(claims, docket, new_id)
    await budgets.save_purse(tx, docket.purse)
    await store.save_denials(tx, docket.denials)
    if not docket.grants:
        return
    await store.save_grants(tx, docket.grants)
    await store.save_tallies(tx, docket.tallies)
    names = {campaign.campaign_id: campaign.name for campaign in campaigns}
    await ledger.earn(tx, SCOPE, [_earning(grant, names) for grant in docket.grants])
    await events.rewards_granted(tx, docket.grants)
    await _reverse(tx, domain.reversals_of(docket.grants, docket.refunds))


async def _load(tx: Tx, claims: Sequence[Claim]) -> Docket:
    """Hold all that the claims are judged by. The budgets come last: they are what many claims meet at.

    Budgets that are paid from leases are not held: two transactions may judge a claim at once, and the second to save
    it is repeated. Where something is to be put back at once the budgets are held: leases come after budgets.
    """
    orders = {claim.occasion.cause for claim in claims if claim.occasion.kind == Kind.ORDER}
    refunds = await store.lock_orders(tx, orders)
    people, tallies = await _hold_people(tx, claims)
    if refunds:
        purse = await budgets.open_purse(tx, {claim.campaign.budget_id for claim in claims})
    else:
        purse = await budgets.open_purse(tx, wants=[claim.want for claim in claims])
    judged = await store.find_judged(tx, {claim.key for claim in claims})
    return Docket(judged, people, tallies, refunds, purse)


async def _hold_people(tx: Tx, claims: Sequence[Claim]) -> tuple[dict[str, Person], Tallies]:
    """The people behind claims. Where a campaign limits rewards per person, all rows of the person are held.

    Raises `MergedMeanwhile`.
    """
    limited = {(claim.campaign.campaign_id, claim.occasion.profile_id) for claim in claims if claim.campaign.is_limited}
    people = await subjects.find_people(tx, {claim.occasion.profile_id for claim in claims})
    if not limited:
        return people, {}
    pairs = {(campaign_id, each) for campaign_id, profile_id in limited for each in people[profile_id].ids}
    tallies = await store.lock_claimants(tx, pairs)
    if await subjects.find_people(tx, people.keys()) != people:
        raise MergedMeanwhile
    return people, tallies


def _earning(grant: Grant, names: Mapping[UUID, str]) -> earnings.Claim:
    return earnings.Claim(
        transfer_id=f"grant/{grant.grant_id}",
        issuer=f"issuer/{grant.campaign_id}",
        profile_id=grant.profile_id,
        asset=grant.asset,
        amount=grant.amount,
        post_time=grant.grant_time,
        memo=names[grant.campaign_id],
    )


async def refund(tx: Tx, refunds: Sequence[Refund]) -> None:
    """Take rewards of refunded orders back in proportion; remember refunds of orders not yet seen paid."""
    raised = await store.note_refunds(tx, domain.highest(refunds))
    grants = await store.find_order_grants(tx, raised.keys())
    await _reverse(tx, domain.reversals_of(grants, raised))


async def _reverse(tx: Tx, reversals: Sequence[Reversal]) -> None:
    if not reversals:
        return
    campaigns = await store.find_campaigns(tx, {item.grant.campaign_id for item in reversals})
    await _give_places_back(tx, reversals, campaigns)
    wants = [
        Want(campaigns[item.grant.campaign_id].budget_id, item.amount, time=item.grant.charge_time)
        for item in reversals
    ]
    await budgets.release_all(tx, wants)
    await store.save_reversals(tx, reversals)
    await ledger.take_back(tx, SCOPE, [_clawback(item) for item in reversals])
    survivors = await subjects.find_survivors(tx, {item.grant.profile_id for item in reversals})
    await events.rewards_reversed(tx, [_of_survivor(item, survivors) for item in reversals])


def _of_survivor(reversal: Reversal, survivors: Mapping[str, str]) -> Reversal:
    profile_id = reversal.grant.profile_id
    return reversal._replace(grant=replace(reversal.grant, profile_id=survivors.get(profile_id, profile_id)))


async def _give_places_back(tx: Tx, reversals: Sequence[Reversal], campaigns: Mapping[UUID, Campaign]) -> None:
    """A reward that was taken back in full does not count towards a limit."""
    ended = [item.grant for item in reversals if item.grant.is_reversed]
    pairs = [(grant.campaign_id, grant.profile_id) for grant in ended if campaigns[grant.campaign_id].is_limited]
    tallies = await store.lock_claimants(tx, set(pairs))
    for pair in pairs:
        tallies[pair] -= 1
    await store.save_tallies(tx, tallies)


def _clawback(reversal: Reversal) -> earnings.Claim:
    grant = reversal.grant
    return earnings.Claim(
        transfer_id=f"grant/{grant.grant_id}/reverse/{reversal.refund_id}",
        issuer=f"issuer/{grant.campaign_id}",
        profile_id=grant.profile_id,
        asset=grant.asset,
        amount=reversal.amount,
        post_time=reversal.time,
        memo=f"refund {reversal.refund_id}",
        reverses=f"grant/{grant.grant_id}",
    )
