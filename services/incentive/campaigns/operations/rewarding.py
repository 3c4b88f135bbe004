"""What campaigns give for facts."""

import secrets
from collections.abc import Mapping, Sequence
from uuid import UUID

from chassis.db import Tx
from chassis.errors import Refusal
from chassis.ids import new_id
from services.incentive.budgets import operations as budgets
from services.incentive.campaigns import domain, events, store
from services.incentive.campaigns.domain import Campaign, Claim, Docket, Gift, Grant, Kind, Occasion, PaidOrder
from services.incentive.campaigns.operations import granted, tallying
from services.incentive.campaigns.operations.dockets import hold_docket
from services.incentive.campaigns.operations.returning import reverse_refunded
from services.incentive.coupons import operations as coupons
from services.incentive.coupons.domain.claims import Claim as CouponClaim
from services.incentive.coupons.domain.codes import CODE_BITS, code_of
from services.incentive.packets import operations as packets
from services.incentive.packets.domain import Packet


async def reward(tx: Tx, kind: Kind, occasions: Sequence[Occasion]) -> None:
    """Give what running campaigns promise for facts of one kind, each fact once per campaign for ever."""
    await store.hold_switch(tx)
    campaigns = await store.find_answering(tx, kind, occasions)
    claims = domain.claims_of(campaigns, occasions)
    if not claims:
        return
    docket = await hold_docket(tx, claims, occasions)
    domain.judge(claims, docket, new_id)
    await _issue_coupons(tx, docket, claims)
    await budgets.save_purse(tx, docket.purse)
    await store.save_denials(tx, docket.denials)
    await store.save_exposures(tx, docket.exposures)
    if docket.grants:
        await _save_grants(tx, docket, {campaign.campaign_id: campaign for campaign in campaigns})


async def pay(tx: Tx, orders: Sequence[PaidOrder], occasions: Sequence[Occasion]) -> None:
    """Remember who paid what, and reward it."""
    await store.note_paid(tx, orders)
    if occasions:
        await reward(tx, Kind.ORDER, occasions)
    if orders:
        await tallying.note_purchases(tx, orders)


async def _issue_coupons(tx: Tx, docket: Docket, claims: Sequence[Claim]) -> None:
    """Issue the coupons that were granted. What a template refuses is refused here too."""
    effects = {claim.key: claim.campaign.terms.effects for claim in claims}
    asked = [
        _coupon(grant, template_id)
        for grant in docket.grants
        if (template_id := effects[grant.campaign_id, grant.cause][grant.effect - 1].template_id)
    ]
    if asked:
        outcomes = zip(asked, await coupons.issue_coupons(tx, asked), strict=True)
        refused = {each.coupon_id: found.reason for each, found in outcomes if isinstance(found, Refusal)}
        docket.withdraw(refused, claims)


def _coupon(grant: Grant, template_id: UUID) -> CouponClaim:
    code = code_of(secrets.randbits(CODE_BITS))
    return CouponClaim(template_id, grant.profile_id, grant.grant_id, code, grant.grant_time)


def _packet(grant: Grant, campaign: Campaign) -> Packet:
    effect = campaign.terms.effects[grant.effect - 1]
    return Packet(
        packet_id=grant.grant_id,
        profile_id=grant.profile_id,
        payee="",
        amount_minor=grant.amount,
        currency_code=effect.currency_code,
        budget_id=campaign.budget_id,
        issuer=f"issuer/{grant.campaign_id}",
        create_time=grant.grant_time,
        wishing=effect.wishing,
        grant_id=grant.grant_id,
        charge_time=grant.charge_time,
        charge_scope=grant.scope,
    )


async def _save_grants(tx: Tx, docket: Docket, campaigns: Mapping[UUID, Campaign]) -> None:
    await store.save_grants(tx, docket.grants)
    keys = {(grant.campaign_id, use.key) for grant in docket.grants for use in grant.uses}
    await store.save_counters(tx, {key: docket.counters[key] for key in keys})
    names = {campaign_id: each.name for campaign_id, each in campaigns.items()}
    grants = await granted.post(tx, docket.grants, names)
    await tallying.hold(tx, grants, campaigns)
    sent = [_packet(grant, campaigns[grant.campaign_id]) for grant in grants if grant.gift == Gift.PACKET]
    await packets.send_packets(tx, sent)  # from here on what their budgets paid is theirs
    await events.rewards_granted(tx, grants)
    await reverse_refunded(tx, grants, docket.refunds)
    if awaiting := {grant.cause for grant in grants if grant.awaits_delivery}:
        deliveries = await store.find_delivered(tx, awaiting)  # known before the payment
        await granted.post_delivered(tx, await store.find_awaiting(tx, deliveries.keys()), deliveries)
