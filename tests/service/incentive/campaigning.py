"""Campaigns in full, and what they say."""

from datetime import timedelta
from typing import Any

from bowen.incentive.v1 import campaign_pb2
from bowen.incentive.v1 import campaign_service_pb2 as pb

from chassis.stamps import stamp
from tests.service.incentive.rewarding import NOON, Incentive, new, on_order

Limit = campaign_pb2.Limit
Effect = campaign_pb2.Effect


def gives(asset: str = "points", fixed: int = 0, rate: int = 0, **fields: Any) -> campaign_pb2.Effect:
    """An amount of an asset."""
    amount = {"fixed": fixed} if fixed else {"order_rate_bp": rate}
    return campaign_pb2.Effect(asset=campaign_pb2.AssetEffect(asset=asset, **amount), **fields)


def by_tiers(*tiers: tuple[int, int]) -> campaign_pb2.Effect:
    """Points by net amount."""
    told = [campaign_pb2.AmountTier(net_minor_min=net, fixed=amount) for net, amount in tiers]
    return campaign_pb2.Effect(
        asset=campaign_pb2.AssetEffect(asset="points", tiers=campaign_pb2.AmountTiers(tiers=told))
    )


def caps(entity: "Limit.Entity.ValueType", cap: int, **fields: Any) -> campaign_pb2.Limit:
    return campaign_pb2.Limit(entity=entity, cap=cap, **fields)


def terms(*effects: campaign_pb2.Effect, **fields: Any) -> campaign_pb2.CampaignTerms:
    """Ten points for every shared product, on the day around noon."""
    defaults = {
        "trigger": campaign_pb2.Trigger(event_name="Product Shared"),
        "effects": effects or [gives(fixed=10)],
        "start_time": stamp(NOON - timedelta(hours=12)),
        "end_time": stamp(NOON + timedelta(hours=12)),
    }
    return campaign_pb2.CampaignTerms(**defaults | fields)


def of_orders(*effects: campaign_pb2.Effect, **fields: Any) -> campaign_pb2.CampaignTerms:
    """The same for paid orders."""
    return terms(*effects, **{"trigger": on_order()} | fields)


async def draft(incentive: Incentive, said: campaign_pb2.CampaignTerms, budget: int = 1_000_000) -> str:
    request = pb.CreateCampaignRequest(request_id=new(), name="Share and earn", terms=said, budget=budget)
    return str((await incentive.campaigns.CreateCampaign(request)).campaign.campaign_id)  # type: ignore[misc]


async def running(incentive: Incentive, said: campaign_pb2.CampaignTerms, budget: int = 1_000_000) -> str:
    await incentive.start(campaign_id := await draft(incentive, said, budget))
    return campaign_id


async def edit(incentive: Incentive, campaign_id: str, said: campaign_pb2.CampaignTerms) -> Any:
    request = pb.UpdateCampaignRequest(request_id=new(), campaign_id=campaign_id, terms=said)
    return await incentive.campaigns.UpdateCampaign(request)  # type: ignore[misc]


async def publish(incentive: Incentive, campaign_id: str) -> Any:
    request = pb.PublishCampaignRequest(request_id=new(), campaign_id=campaign_id)
    return await incentive.campaigns.PublishCampaign(request)  # type: ignore[misc]


async def end(incentive: Incentive, campaign_id: str) -> Any:
    request = pb.EndCampaignRequest(request_id=new(), campaign_id=campaign_id)
    return (await incentive.campaigns.EndCampaign(request)).campaign  # type: ignore[misc]


async def archive(incentive: Incentive, campaign_id: str) -> Any:
    request = pb.ArchiveCampaignRequest(request_id=new(), campaign_id=campaign_id)
    return (await incentive.campaigns.ArchiveCampaign(request)).campaign  # type: ignore[misc]


async def refusals(incentive: Incentive, **fields: Any) -> list[tuple[str, int]]:
    """Reasons and effects of what was refused, newest first."""
    page = await incentive.campaigns.ListRefusals(pb.ListRefusalsRequest(**fields))  # type: ignore[misc]
    return [(item.reason, item.effect) for item in page.refusals]


async def explain(incentive: Incentive, grant_id: str) -> Any:
    return await incentive.campaigns.ExplainGrant(pb.ExplainGrantRequest(grant_id=grant_id))  # type: ignore[misc]


async def void(incentive: Incentive, grant_id: str) -> Any:
    request = pb.VoidGrantRequest(request_id=new(), grant_id=grant_id, reason="a mistake")
    return (await incentive.campaigns.VoidGrant(request)).grants  # type: ignore[misc]


async def evaluate(incentive: Incentive, **fields: Any) -> Any:
    request = pb.EvaluateCampaignsRequest(**{"profile_id": new()} | fields)
    return await incentive.campaigns.EvaluateCampaigns(request)  # type: ignore[misc]
