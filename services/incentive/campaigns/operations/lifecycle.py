"""From draft to archive."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from chassis.db import ReadTx, Tx
from chassis.ids import new_id
from services.incentive.audiences import store as audiences
from services.incentive.budgets import operations as budgets
from services.incentive.budgets.domain import Budget
from services.incentive.campaigns import store
from services.incentive.campaigns.convert.campaigns import not_publishable
from services.incentive.campaigns.domain import Campaign, Terms, Version, campaigns
from services.incentive.campaigns.domain.lint import Finding, Severity
from services.incentive.campaigns.domain.terms import AudienceMode
from services.incentive.campaigns.operations import linting


async def create_campaign(tx: Tx, campaign: Campaign, budget: Budget, parent_id: UUID | None) -> Budget:
    """Add a draft with a budget of its own, below a parent if one is named.

    Raises `BudgetNotFound`, `BudgetInvalid`.
    """
    budget = await budgets.create_budget(tx, budget, parent_id)
    await store.insert_campaign(tx, campaign)
    await _ask(tx, campaign.terms, campaign.create_time)
    return budget


async def update_campaign(tx: Tx, campaign_id: UUID, terms: Terms, now: datetime) -> tuple[Campaign, list[Finding]]:
    """Edit the next version. Returns what publishing it would find. Raises `CampaignNotFound`, `CampaignOver`."""
    before = await store.lock_campaign(tx, campaign_id)
    campaign = campaigns.edited(before)
    if campaign.is_draft:
        campaign = replace(campaign, terms=terms)
    await store.save_version(tx, campaign_id, Version(campaign.edited, terms))
    await store.save_campaign(tx, campaign)
    await _ask(tx, terms, now)
    return campaign, await linting.find(tx, terms, None if before.is_draft else before.terms, now)


async def find_lint(tx: ReadTx, campaign_id: UUID, now: datetime) -> list[Finding]:
    """What publishing would find. Raises `CampaignNotFound`."""
    campaign = await store.get_campaign(tx, campaign_id)
    before = None if campaign.is_draft else campaign.terms
    return await linting.find(tx, await _edited_terms(tx, campaign), before, now)


async def _edited_terms(tx: ReadTx, campaign: Campaign) -> Terms:
    if campaign.is_draft or not campaign.edited:
        return campaign.terms
    return (await store.find_version(tx, campaign, campaign.edited)).terms


async def publish_campaign(tx: Tx, campaign_id: UUID, now: datetime) -> tuple[Campaign, Sequence[Finding]]:
    """Freeze the edited version and have new facts judged by it.

    What is being judged keeps its version: the switch waits for it. Raises `CampaignNotFound`, `CampaignOver`,
    `CampaignNotPublishable`.
    """
    before = await store.lock_campaign(tx, campaign_id)
    if not before.edited:
        return before, []
    terms = await _edited_terms(tx, before)
    campaign = campaigns.published(before, terms)
    findings = await linting.find(tx, terms, None if before.is_draft else before.terms, now)
    if hard := [finding for finding in findings if finding.severity == Severity.HARD]:
        raise not_publishable(hard)
    campaign = replace(campaign, terms=await _with_copy(tx, terms, now))
    await store.save_version(tx, campaign_id, Version(campaign.version, campaign.terms, now))
    await store.turn_switch(tx)
    await store.save_campaign(tx, campaign)
    return campaign, findings


async def _ask(tx: Tx, terms: Terms, now: datetime) -> None:
    """Have tagging tell who is in the audience, so that it is known by the time at which the campaign gives."""
    if terms.audience is not None:
        await audiences.request_copies(tx, [terms.audience.segment_id], now=now)


async def _with_copy(tx: Tx, terms: Terms, now: datetime) -> Terms:
    await _ask(tx, terms, now)
    if terms.audience is None or terms.audience.mode != AudienceMode.SNAPSHOT:
        return terms
    snapshot_id = new_id()
    await audiences.copy_segment(tx, snapshot_id, terms.audience.segment_id, now=now)
    return replace(terms, audience=replace(terms.audience, snapshot_id=snapshot_id))


async def start_campaign(tx: Tx, campaign_id: UUID, now: datetime) -> Campaign:
    """Let a campaign give, published if it was not. Raises what publishing raises."""
    before = await store.lock_campaign(tx, campaign_id)
    if before.is_draft:
        return (await publish_campaign(tx, campaign_id, now))[0]
    return await _switched(tx, campaigns.started(before))


async def pause_campaign(tx: Tx, campaign_id: UUID, _now: datetime) -> Campaign:
    """Let a campaign give no more: whoever judges a claim after the commit finds it paused."""
    return await _switched(tx, campaigns.paused(await store.lock_campaign(tx, campaign_id)))


async def end_campaign(tx: Tx, campaign_id: UUID, now: datetime) -> Campaign:
    """Let a campaign answer to nothing that happens from now on."""
    return await _switched(tx, campaigns.ended(await store.lock_campaign(tx, campaign_id), now))


async def archive_campaign(tx: Tx, campaign_id: UUID, now: datetime) -> Campaign:
    """Put a campaign away for good."""
    return await _switched(tx, campaigns.archived(await store.lock_campaign(tx, campaign_id), now))


async def _switched(tx: Tx, campaign: Campaign) -> Campaign:
    await store.turn_switch(tx)
    await store.save_campaign(tx, campaign)
    return campaign
