"""What campaigns give for facts."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from chassis.db import Tx
from chassis.ids import new_id
from services.incentive.budgets import operations as budgets
from services.incentive.campaigns import domain, events, store
from services.incentive.campaigns.domain import Docket, Gift, Grant, Kind, Occasion, PaidOrder
from services.incentive.campaigns.operations.dockets import hold_docket
from services.incentive.campaigns.operations.returning import SCOPE, reverse_refunded
from services.incentive.ledger import operations as ledger
from services.incentive.ledger.domain import earnings


async def reward(tx: Tx, kind: Kind, occasions: Sequence[Occasion]) -> None:
    """Give what running campaigns promise for facts of one kind, each fact once per campaign for ever."""
    await store.hold_switch(tx)
    campaigns = await store.find_answering(tx, kind, {occasion.value for occasion in occasions})
    claims = domain.claims_of(campaigns, occasions)
    if not claims:
        return
    docket = await hold_docket(tx, claims)
    domain.judge(claims, docket, new_id)
    await budgets.save_purse(tx, docket.purse)
    await store.save_denials(tx, docket.denials)
    await store.save_exposures(tx, docket.exposures)
    if docket.grants:
        await _save_grants(tx, docket, {campaign.campaign_id: campaign.name for campaign in campaigns})


async def pay(tx: Tx, orders: Sequence[PaidOrder], occasions: Sequence[Occasion]) -> None:
    """Remember who paid what, and reward it."""
    await store.note_paid(tx, orders)
    if occasions:
        await reward(tx, Kind.ORDER, occasions)


async def _save_grants(tx: Tx, docket: Docket, names: Mapping[UUID, str]) -> None:
    await store.save_grants(tx, docket.grants)
    keys = {(grant.campaign_id, use.key) for grant in docket.grants for use in grant.uses}
    await store.save_counters(tx, {key: docket.counters[key] for key in keys})
    assets = [grant for grant in docket.grants if grant.gift == Gift.ASSET]
    if assets:
        await ledger.earn(tx, SCOPE, [_earning(grant, names) for grant in assets])
    await events.rewards_granted(tx, docket.grants)
    await reverse_refunded(tx, docket.grants, docket.refunds)


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
