"""What others are told about rewards."""

from collections.abc import Sequence
from datetime import datetime

from bowen.incentive.v1 import events_pb2

from chassis.db import Tx
from chassis.outbox import Fact, append
from chassis.stamps import stamp
from services.incentive.campaigns.domain import Effect, Grant, Reversal


async def rewards_granted(tx: Tx, grants: Sequence[Grant]) -> None:
    """People got rewards; who got nothing because of a programme's bounds did not."""
    await append(tx, [Fact(_granted(grant), grant.grant_time) for grant in grants if grant.given_amount])


async def rewards_reversed(tx: Tx, reversals: Sequence[Reversal]) -> None:
    """Rewards were taken back, of what people got."""
    await append(tx, [Fact(_reversed(reversal), reversal.time) for reversal in reversals if reversal.taken])


async def webhooks_matured(tx: Tx, calls: Sequence[tuple[Grant, Effect, datetime]], now: datetime) -> None:
    """Webhooks are to be called for these grants, each by its effect, mature since then."""
    await append(tx, [Fact(_matured(grant, effect, time), now) for grant, effect, time in calls])


def _granted(grant: Grant) -> events_pb2.RewardGranted:
    return events_pb2.RewardGranted(
        grant_id=str(grant.grant_id),
        campaign_id=str(grant.campaign_id),
        profile_id=grant.profile_id,
        cause=str(grant.cause),
        asset=grant.asset,
        amount=grant.given_amount,
        grant_time=stamp(grant.grant_time),
        campaign_version=grant.campaign_version,
        level=grant.level,
        coupon_id=str(grant.coupon_id or ""),
        tag_id=str(grant.tag_id or ""),
        packet_id=str(grant.packet_id or ""),
        desired_amount=grant.desired_amount,
        mission_id=str(grant.mission_id or ""),
        endpoint_id=str(grant.endpoint_id or ""),
    )


def _matured(grant: Grant, effect: Effect, time: datetime) -> events_pb2.WebhookMatured:
    return events_pb2.WebhookMatured(
        grant_id=str(grant.grant_id),
        endpoint_id=str(grant.endpoint_id),
        type=effect.call_type,
        campaign_id=str(grant.campaign_id),
        campaign_version=grant.campaign_version,
        profile_id=grant.profile_id,
        cause=str(grant.cause),
        level=grant.level,
        grant_time=stamp(grant.grant_time),
        mature_time=stamp(time),
    )


def _reversed(reversal: Reversal) -> events_pb2.RewardReversed:
    grant = reversal.grant
    return events_pb2.RewardReversed(
        grant_id=str(grant.grant_id),
        campaign_id=str(grant.campaign_id),
        profile_id=grant.profile_id,
        asset=grant.asset,
        amount=reversal.taken,
        reversed_amount=grant.taken_amount,
        reverse_time=stamp(reversal.time),
        returned=grant.return_time is not None,
        mission_id=str(grant.mission_id or ""),
        grant_time=stamp(grant.grant_time),
        coupon_id=str(grant.coupon_id or ""),
        tag_id=str(grant.tag_id or ""),
        packet_id=str(grant.packet_id or ""),
    )
