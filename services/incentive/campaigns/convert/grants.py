"""Grants and refusals in the contract's words."""

import msgspec
from bowen.incentive.v1 import campaign_pb2 as pb

from chassis.stamps import stamp
from services.incentive.campaigns.domain import Denial, Grant, Refusal
from services.incentive.campaigns.domain.explaining import Check
from services.incentive.campaigns.domain.sentences import refusal_sentence


def grant_to_proto(grant: Grant, profile_id: str) -> pb.Grant:
    """A grant of the person that `profile_id` stands for now."""
    return pb.Grant(
        grant_id=str(grant.grant_id) if grant.grant_id.int else "",
        campaign_id=str(grant.campaign_id),
        profile_id=profile_id,
        cause=str(grant.cause),
        asset=grant.asset,
        amount=grant.given_amount,
        reversed_amount=grant.taken_amount,
        state=_state(grant),
        grant_time=stamp(grant.grant_time),
        campaign_version=grant.campaign_version,
        effect=grant.effect,
        level=grant.level,
        desired_amount=grant.desired_amount,
        coupon_id=str(grant.coupon_id or ""),
        tag_id=str(grant.tag_id or ""),
        packet_id=str(grant.packet_id or ""),
        mission_id=str(grant.mission_id or ""),
        endpoint_id=str(grant.endpoint_id or ""),
        arm=grant.arm,
        snapshot_id=str(grant.snapshot.get("snapshot_id", "")),
        awaits_delivery=grant.awaits_delivery,
        return_time=None if grant.return_time is None else stamp(grant.return_time),
    )


def snapshot_text(grant: Grant) -> str:
    """What was stored of the fact, as JSON; empty when nothing was."""
    return msgspec.json.encode(grant.snapshot).decode() if grant.snapshot else ""


def _state(grant: Grant) -> "pb.Grant.State.ValueType":
    if grant.return_time is not None:
        return pb.Grant.STATE_RETURNED
    if grant.is_reversed:
        return pb.Grant.STATE_REVERSED
    return pb.Grant.STATE_PARTLY_REVERSED if grant.taken_amount else pb.Grant.STATE_GRANTED


def denial_to_proto(denial: Denial) -> pb.Refusal:
    """What would be refused."""
    campaign, now = denial.claim.campaign, denial.claim.occasion.now
    return pb.Refusal(
        campaign_id=str(campaign.campaign_id),
        campaign_version=campaign.version,
        cause=str(denial.claim.occasion.cause),
        profile_id=denial.profile_id,
        effect=denial.effect,
        amount=denial.amount,
        reason=denial.reason,
        detail=denial.miss.detail,
        refuse_time=stamp(now),
        sentence=refusal_sentence(campaign.terms, denial.reason, now, campaign=campaign.name),
    )


def refusal_to_proto(refusal: Refusal, sentence: str) -> pb.Refusal:
    """What was refused, and what is told of it."""
    return pb.Refusal(
        campaign_id=str(refusal.campaign_id),
        campaign_version=refusal.campaign_version,
        cause=str(refusal.cause),
        profile_id=refusal.profile_id,
        effect=refusal.effect,
        amount=refusal.amount,
        reason=refusal.reason,
        detail=refusal.detail,
        refuse_time=stamp(refusal.refuse_time),
        sentence=sentence,
    )


def check_to_proto(check: Check) -> pb.Check:
    """One thing that was looked at."""
    return pb.Check(name=check.name, held=check.held, detail=check.detail)
