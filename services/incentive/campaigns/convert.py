"""Messages about campaigns, from and to what they mean."""

import re
from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

import msgspec
from bowen.distribution.v1 import order_pb2
from bowen.distribution.v1.events_pb2 import OrderPaid, OrderRefunded
from bowen.incentive.v1 import campaign_pb2, campaign_service_pb2
from bowen.profile.v1.events_pb2 import EventRecorded
from bowen.tagging.v1.events_pb2 import SegmentEntered

from chassis.errors import Violation
from chassis.stamps import moment, stamp
from logic.trees import TreeFault
from services.incentive.budgets.domain import Budget
from services.incentive.campaigns.domain import (
    RATE_BP_MAX,
    Campaign,
    Grant,
    Kind,
    Occasion,
    Refund,
    Reward,
    State,
    Trigger,
    compile_when,
)
from services.incentive.campaigns.errors import CampaignInvalid

AMOUNT_MAX = 10**15
EVENT_NAME_LENGTH_MAX = 200
_ASSET = re.compile(r"[a-z][a-zA-Z0-9._]{0,31}")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

_STATES = {
    State.DRAFT: campaign_pb2.Campaign.STATE_DRAFT,
    State.RUNNING: campaign_pb2.Campaign.STATE_RUNNING,
    State.PAUSED: campaign_pb2.Campaign.STATE_PAUSED,
}


def campaign_from_proto(
    request: campaign_service_pb2.CreateCampaignRequest, *, campaign_id: UUID, budget_id: UUID, now: datetime
) -> tuple[Campaign, Budget]:
    """The draft that is asked for, with its budget. Raises `CampaignInvalid` with all that does not fit."""
    violations = list(_violations(request))
    if violations:
        raise CampaignInvalid(violations)
    campaign = Campaign(
        campaign_id=campaign_id,
        name=request.name,
        state=State.DRAFT,
        trigger=_trigger(request.trigger),
        reward=_reward(request.reward),
        budget_id=budget_id,
        rewards_per_profile_max=request.rewards_per_profile_max,
        start_time=moment(request.start_time),
        end_time=moment(request.end_time),
        create_time=now,
        when=request.when,
    )
    return campaign, Budget(budget_id, request.budget, name=request.name, asset=request.reward.asset)


def _violations(request: campaign_service_pb2.CreateCampaignRequest) -> Iterator[Violation]:
    yield from _trigger_violations(request.trigger)
    yield from _reward_violations(request)
    yield from _when_violations(request)
    if moment(request.end_time) <= moment(request.start_time):
        yield "end_time", "must be after start_time"


def _trigger_violations(trigger: campaign_pb2.Trigger) -> Iterator[Violation]:
    match trigger.WhichOneof("on"):
        case "event_name":
            if not 0 < len(trigger.event_name) <= EVENT_NAME_LENGTH_MAX:
                yield "trigger.event_name", f"must have 1 to {EVENT_NAME_LENGTH_MAX} characters"
        case "segment_id":
            if not _UUID.fullmatch(trigger.segment_id):
                yield "trigger.segment_id", "must be a UUID"
        case "order_paid":
            if trigger.order_paid.net_minor_min < 0:
                yield "trigger.order_paid.net_minor_min", "must be at least 0"
        case _:
            yield "trigger", "must name event_name, segment_id or order_paid"


def _reward_violations(request: campaign_service_pb2.CreateCampaignRequest) -> Iterator[Violation]:
    reward = request.reward
    if not _ASSET.fullmatch(reward.asset):
        yield "reward.asset", "must be an asset code: a small letter, then letters, digits, dots or underscores"
    match reward.WhichOneof("amount"):
        case "fixed":
            yield from _fixed_violations(reward.fixed, request.budget)
        case "order_rate_bp":
            if not 1 <= reward.order_rate_bp <= RATE_BP_MAX:
                yield "reward.order_rate_bp", f"must be from 1 to {RATE_BP_MAX}"
            if request.trigger.WhichOneof("on") != "order_paid":
                yield "reward.order_rate_bp", "needs trigger order_paid"
        case _:
            yield "reward", "must name fixed or order_rate_bp"


def _when_violations(request: campaign_service_pb2.CreateCampaignRequest) -> Iterator[Violation]:
    if not request.when:
        return
    if request.trigger.WhichOneof("on") == "segment_id":
        yield "when", "needs trigger event_name or order_paid"
    try:
        compile_when(request.when)
    except TreeFault as fault:
        yield "when", str(fault)


def _fixed_violations(fixed: int, budget: int) -> Iterator[Violation]:
    if not 1 <= fixed <= AMOUNT_MAX:
        yield "reward.fixed", f"must be from 1 to {AMOUNT_MAX}"
    elif fixed > budget:
        yield "budget", "must pay for at least one reward"


def _trigger(trigger: campaign_pb2.Trigger) -> Trigger:
    if trigger.WhichOneof("on") == "event_name":
        return Trigger(Kind.EVENT, trigger.event_name)
    if trigger.WhichOneof("on") == "segment_id":
        return Trigger(Kind.SEGMENT, trigger.segment_id)
    return Trigger(Kind.ORDER, net_minor_min=trigger.order_paid.net_minor_min)


def _reward(reward: campaign_pb2.Reward) -> Reward:
    if reward.WhichOneof("amount") == "fixed":
        return Reward(reward.asset, fixed=reward.fixed)
    return Reward(reward.asset, order_rate_bp=reward.order_rate_bp)


def campaign_to_proto(campaign: Campaign, budget: Budget) -> campaign_pb2.Campaign:
    """A campaign with what it spent."""
    return campaign_pb2.Campaign(
        campaign_id=str(campaign.campaign_id),
        name=campaign.name,
        state=_STATES[campaign.state],
        trigger=_trigger_to_proto(campaign.trigger),
        reward=_reward_to_proto(campaign.reward),
        budget=budget.cap,
        spent=budget.committed,
        rewards_per_profile_max=campaign.rewards_per_profile_max,
        start_time=stamp(campaign.start_time),
        end_time=stamp(campaign.end_time),
        create_time=stamp(campaign.create_time),
        when=campaign.when,
    )


def _trigger_to_proto(trigger: Trigger) -> campaign_pb2.Trigger:
    if trigger.kind == Kind.EVENT:
        return campaign_pb2.Trigger(event_name=trigger.value)
    if trigger.kind == Kind.SEGMENT:
        return campaign_pb2.Trigger(segment_id=trigger.value)
    return campaign_pb2.Trigger(order_paid=campaign_pb2.OrderPaidTrigger(net_minor_min=trigger.net_minor_min))


def _reward_to_proto(reward: Reward) -> campaign_pb2.Reward:
    if reward.fixed is not None:
        return campaign_pb2.Reward(asset=reward.asset, fixed=reward.fixed)
    return campaign_pb2.Reward(asset=reward.asset, order_rate_bp=reward.order_rate_bp or 0)


def grant_to_proto(grant: Grant, profile_id: str) -> campaign_pb2.Grant:
    """A grant of the person that `profile_id` stands for now."""
    return campaign_pb2.Grant(
        grant_id=str(grant.grant_id),
        campaign_id=str(grant.campaign_id),
        profile_id=profile_id,
        cause=str(grant.cause),
        asset=grant.asset,
        amount=grant.amount,
        reversed_amount=grant.reversed_amount,
        state=_grant_state(grant),
        grant_time=stamp(grant.grant_time),
    )


def _grant_state(grant: Grant) -> "campaign_pb2.Grant.State.ValueType":
    if grant.is_reversed:
        return campaign_pb2.Grant.STATE_REVERSED
    return campaign_pb2.Grant.STATE_PARTLY_REVERSED if grant.reversed_amount else campaign_pb2.Grant.STATE_GRANTED


def occasion_of_event(event: EventRecorded, now: datetime) -> Occasion | None:
    """A recorded event; None if it has no name, as those that only tell who somebody is."""
    if not event.name:
        return None
    return Occasion(
        kind=Kind.EVENT,
        value=event.name,
        cause=UUID(event.event_id),
        profile_id=event.profile_id,
        time=moment(event.timestamp),
        now=now,
        facts=lambda: {
            "source_id": event.source_id or None,
            "properties": msgspec.json.decode(event.properties or "{}"),
        },
    )


def occasion_of_entry(event: SegmentEntered, now: datetime) -> Occasion:
    """An entry into a segment."""
    entry_id, enter_time = UUID(event.entry_id), moment(event.enter_time)
    return Occasion(Kind.SEGMENT, event.segment_id, entry_id, event.profile_id, enter_time, now)


def occasion_of_order(event: OrderPaid, now: datetime) -> Occasion | None:
    """A paid order; None if nobody knows who bought."""
    if not event.profile_id:
        return None
    return Occasion(
        kind=Kind.ORDER,
        value="",
        cause=UUID(event.order_id),
        profile_id=event.profile_id,
        time=moment(event.pay_time),
        now=now,
        net_minor=event.order.net_minor,
        facts=lambda: _order_facts(event.order),
    )


def _order_facts(order: order_pb2.Order) -> dict[str, object]:
    return {
        "net_minor": order.net_minor,
        "currency_code": order.currency_code,
        "source": order.source or None,
        "store_id": order.store_id or None,
        "order_number": order.order_number,
        "quantity": sum(line.quantity for line in order.lines),
        "skus": [line.sku for line in order.lines],
        "categories": [line.category for line in order.lines if line.category],
    }


def refund_from_proto(event: OrderRefunded, now: datetime) -> Refund:
    """How far an order is refunded."""
    return Refund(UUID(event.order_id), UUID(event.refund_id), event.order.refunded_minor, now)
