"""What campaigns would do about a fact."""

from collections.abc import Collection
from dataclasses import replace
from uuid import UUID

from chassis.db import ReadTx
from services.incentive.campaigns import domain, store
from services.incentive.campaigns.domain import Campaign, Docket, Occasion
from services.incentive.campaigns.errors import CampaignNotFound
from services.incentive.campaigns.operations.dockets import read_docket

NO_ID = UUID(int=0)


async def evaluate(tx: ReadTx, occasion: Occasion, campaign_ids: Collection[UUID]) -> Docket:
    """Judge a fact without any effect, by the campaigns that run or by those that are named.

    Raises `CampaignNotFound`.
    """
    campaigns = await _campaigns(tx, occasion, campaign_ids)
    claims = domain.claims_of(campaigns, [occasion], explain=True)
    docket = await read_docket(tx, claims, occasion)
    domain.judge(claims, docket, lambda: NO_ID)
    return docket


async def _campaigns(tx: ReadTx, occasion: Occasion, campaign_ids: Collection[UUID]) -> list[Campaign]:
    if not campaign_ids:
        return await store.find_answering(tx, occasion.kind, [occasion])
    found = await store.find_campaigns(tx, campaign_ids)
    for campaign_id in campaign_ids:
        if campaign_id not in found:
            raise CampaignNotFound(campaign_id)
    edited = [await _edited(tx, campaign) for campaign in found.values()]
    return [campaign for campaign in edited if campaign.terms.trigger.kind == occasion.kind]


async def _edited(tx: ReadTx, campaign: Campaign) -> Campaign:
    """A campaign as it would be published."""
    if not campaign.draft_version:
        return campaign
    version = await store.find_version(tx, campaign, campaign.draft_version)
    return replace(campaign, terms=version.terms, version=version.number)
