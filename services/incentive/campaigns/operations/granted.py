"""What was granted, and by which terms; how it reaches accounts and leaves them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from chassis.db import ReadTx, Tx
from services.incentive.campaigns import store
from services.incentive.campaigns.domain import Campaign, Gift, Grant, Refusal, Reversal, Terms
from services.incentive.campaigns.operations import tallying
from services.incentive.ledger import operations as ledger
from services.incentive.ledger.domain import Terms as LotTerms
from services.incentive.ledger.domain import earnings

SCOPE = "service:incentive/campaigns"
"""Whose transfer ids those of rewards are."""


class Granted:
    """The campaigns of grants, or of refusals, and the terms that each was judged by."""

    def __init__(self, campaigns: Mapping[UUID, Campaign], terms: Mapping[tuple[UUID, int], Terms]) -> None:
        self.campaigns = campaigns
        self._terms = terms

    def terms_of(self, judged: Grant | Refusal) -> Terms:
        """What the version says that it was judged by."""
        known = self._terms.get((judged.campaign_id, judged.campaign_version))
        return known if known is not None else self.campaigns[judged.campaign_id].terms


async def find_granted(tx: ReadTx, judged: Sequence[Grant | Refusal]) -> Granted:
    """The campaigns and terms of grants, or of refusals."""
    campaigns = await store.find_campaigns(tx, {each.campaign_id for each in judged})
    keys = {(each.campaign_id, each.campaign_version) for each in judged}
    return Granted(campaigns, await store.find_terms(tx, keys))


async def post(tx: Tx, grants: Sequence[Grant], names: Mapping[UUID, str]) -> Sequence[Grant]:
    """Have people earn what they were granted, and webhooks wait; what awaits a delivery does not count yet.

    Returns the grants, with what the bounds of programmes left of them.
    """
    await store.queue_calls(tx, [each for each in grants if each.gift == Gift.WEBHOOK and not each.awaits_delivery])
    earned = [_earning(grant, names) for grant in grants if grant.gift == Gift.ASSET and not grant.awaits_delivery]
    ungiven = await ledger.earn(tx, SCOPE, earned)
    if not ungiven:
        return grants
    clipped = [_clipped(grant, ungiven.get(_transfer_id(grant), 0)) for grant in grants]
    await store.save_ungiven(tx, [grant for grant in clipped if grant.ungiven_amount])
    return clipped


def _clipped(grant: Grant, amount: int) -> Grant:
    """A grant of which an amount is above the bounds. What was taken back before it was given was not given either."""
    return replace(grant, ungiven_amount=amount + grant.reversed_amount) if amount else grant


async def take_back(tx: Tx, reversals: Sequence[Reversal]) -> None:
    """Take back what reached an account."""
    posted = [item for item in reversals if item.grant.gift == Gift.ASSET and not item.grant.awaits_delivery]
    if posted:
        await ledger.take_back(tx, SCOPE, [_clawback(item) for item in posted])


async def note_delivered(tx: Tx, deliveries: Mapping[UUID, datetime]) -> list[Grant]:
    """Remember that orders were delivered, and hold them. Returns what was promised for that."""
    await store.note_delivered(tx, deliveries)
    return await store.find_awaiting(tx, deliveries.keys())


async def post_delivered(tx: Tx, grants: Sequence[Grant], deliveries: Mapping[UUID, datetime]) -> None:
    """Post those of these grants whose orders, which are held, were delivered, less what was taken back meanwhile."""
    due = [grant for grant in grants if grant.awaits_delivery and grant.cause in deliveries]
    if not due:
        return
    granted = await find_granted(tx, due)
    posted = [_delivered(grant, granted.terms_of(grant), deliveries[grant.cause]) for grant in due]
    names = {campaign_id: campaign.name for campaign_id, campaign in granted.campaigns.items()}
    await post(tx, [grant for grant in posted if grant.amount], names)
    await store.save_delivered(tx, due)
    await tallying.free(tx, due, granted.campaigns)


def _delivered(grant: Grant, terms: Terms, time: datetime) -> Grant:
    maturity = terms.effects[grant.effect - 1].maturity
    return replace(
        grant,
        amount=grant.amount - grant.reversed_amount,
        grant_time=max(time, grant.grant_time),
        mature_time=maturity.after(time) if maturity else None,
        awaits_delivery=False,
    )


def _transfer_id(grant: Grant) -> str:
    return f"grant/{grant.grant_id}"


def _earning(grant: Grant, names: Mapping[UUID, str]) -> earnings.Claim:
    return earnings.Claim(
        transfer_id=_transfer_id(grant),
        issuer=f"issuer/{grant.campaign_id}",
        profile_id=grant.profile_id,
        asset=grant.asset,
        amount=grant.amount,
        post_time=grant.grant_time,
        memo=names[grant.campaign_id],
        terms=LotTerms(grant.mature_time),
    )


def _clawback(reversal: Reversal) -> earnings.Claim:
    grant = reversal.grant
    return earnings.Claim(
        transfer_id=f"{_transfer_id(grant)}/reverse/{reversal.refund_id}",
        issuer=f"issuer/{grant.campaign_id}",
        profile_id=grant.profile_id,
        asset=grant.asset,
        amount=reversal.amount,
        post_time=reversal.time,
        memo=reversal.reason,
        reverses=_transfer_id(grant),
    )
