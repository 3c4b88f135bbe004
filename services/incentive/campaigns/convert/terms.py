"""Terms of campaigns in the contract's words, and back."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from bowen.incentive.v1 import campaign_pb2 as pb

from chassis.stamps import moment, stamp
from services.incentive.campaigns.convert import words
from services.incentive.campaigns.domain import (
    Act,
    Amount,
    Audience,
    Beneficiary,
    Effect,
    Gift,
    Kind,
    Limit,
    Terms,
    Tier,
    Trigger,
)
from services.incentive.campaigns.domain.effects import Maturity, MaturityBase
from services.incentive.campaigns.domain.experiments import (
    HOLDOUT_BP_DEFAULT,
    OUTCOME_DAYS_DEFAULT,
    Arm,
    Experiment,
)
from services.incentive.campaigns.domain.limits import Action, Entity, Period
from services.incentive.campaigns.domain.terms import (
    TIME_ZONE_DEFAULT,
    Approval,
    AudienceMode,
    EvalGroup,
    GroupMode,
    Prize,
    TouchChoice,
)

T = TypeVar("T")


def _of(words_of: Mapping[T, int], value: int, default: T) -> T:
    return next((ours for ours, theirs in words_of.items() if theirs == value), default)


def terms_from_proto(terms: pb.CampaignTerms) -> Terms:
    """What terms without faults say."""
    return Terms(
        trigger=trigger_from_proto(terms.trigger),
        effects=tuple(_effect(effect) for effect in terms.effects),
        start_time=moment(terms.start_time),
        end_time=moment(terms.end_time),
        time_zone=terms.time_zone or TIME_ZONE_DEFAULT,
        when=terms.when,
        limits=tuple(_limit(limit) for limit in terms.limits),
        audience=_audience(terms.audience) if terms.HasField("audience") else None,
        eval_group=_group(terms.eval_group) if terms.HasField("eval_group") else None,
        priority=terms.priority,
        channel=_of(words.CHANNELS, terms.channel, None),
        experiment=_experiment(terms.experiment) if terms.HasField("experiment") else None,
        prize=_prize(terms.prize) if terms.HasField("prize") else None,
        approval=Approval(terms.approval.approver, terms.approval.document_id) if terms.HasField("approval") else None,
        reevaluate_on_return=terms.reevaluate_on_return,
        partial_allowed=terms.partial_allowed,
        void_together=terms.void_together,
        inviter_touch=_of(words.TOUCH_CHOICES, terms.inviter_touch, TouchChoice.LAST),
    )


def trigger_from_proto(trigger: pb.Trigger) -> Trigger:
    """What a campaign answers to."""
    match trigger.WhichOneof("on"):
        case "event_name":
            return Trigger(Kind.EVENT, trigger.event_name)
        case "segment_id":
            return Trigger(Kind.SEGMENT, trigger.segment_id)
        case "act":
            act = _of(words.ACTS, trigger.act, Act.CHECK_IN)
            return Trigger(Kind.EVENT, act, act=act)
        case "order_delivered":
            return Trigger(Kind.DELIVERY, net_minor_min=trigger.order_delivered.net_minor_min)
        case "order_refunded":
            return Trigger(Kind.REFUND, net_minor_min=trigger.order_refunded.amount_minor_min)
        case "share_click":
            return Trigger(Kind.CLICK)
    paid = trigger.order_paid
    return Trigger(
        Kind.ORDER,
        net_minor_min=paid.net_minor_min,
        purchase_min=paid.purchase_min,
        purchase_max=paid.purchase_max,
        registered_days_max=paid.registered_days_max,
    )


def _effect(effect: pb.Effect) -> Effect:
    beneficiary = _of(words.BENEFICIARIES, effect.beneficiary, Beneficiary.ACTOR)
    common: dict[str, Any] = {"beneficiary": beneficiary, "budget_cost": effect.budget_cost, "arm": effect.arm}
    match effect.WhichOneof("gives"):
        case "coupon":
            return Effect(Gift.COUPON, template_id=UUID(effect.coupon.template_id), **common)
        case "tag":
            return Effect(Gift.TAG, tag_id=UUID(effect.tag.tag_id), **common)
    asset = effect.asset
    tiers = (
        tuple(Tier(tier.net_minor_min, amount_from_proto(tier)) for tier in asset.tiers.tiers)
        if asset.WhichOneof("amount") == "tiers"
        else (Tier(0, amount_from_proto(asset)),)
    )
    maturity = _maturity(effect.maturity) if effect.HasField("maturity") else None
    return Effect(Gift.ASSET, asset.asset, tiers, asset.amount_max, maturity=maturity, **common)


def _maturity(maturity: pb.Maturity) -> Maturity:
    return Maturity(_of(words.MATURITY_BASES, maturity.base, MaturityBase.PAID), maturity.days)


def amount_from_proto(amount: Any) -> Amount:
    """A fixed amount or a rate."""
    if amount.WhichOneof("amount") == "fixed":
        return Amount(fixed=amount.fixed)
    return Amount(order_rate_bp=amount.order_rate_bp)


def _limit(limit: pb.Limit) -> Limit:
    return Limit(
        _of(words.ACTIONS, limit.action, Action.GRANTS),
        _of(words.ENTITIES, limit.entity, Entity.PERSON),
        _of(words.PERIODS, limit.period, Period.NONE),
        limit.cap,
        limit.rolling_days,
    )


def _audience(audience: pb.Audience) -> Audience:
    return Audience(UUID(audience.segment_id), _of(words.AUDIENCE_MODES, audience.mode, AudienceMode.LIVE))


def _group(group: pb.EvalGroup) -> EvalGroup:
    return EvalGroup(group.name, _of(words.GROUP_MODES, group.mode, GroupMode.FIRST))


def _experiment(experiment: pb.Experiment) -> Experiment:
    return Experiment(
        experiment.holdout_bp if experiment.HasField("holdout_bp") else HOLDOUT_BP_DEFAULT,
        tuple(Arm(arm.name, arm.weight) for arm in experiment.arms),
        experiment.outcome_days or OUTCOME_DAYS_DEFAULT,
    )


_PRIZE_PLAIN = (
    "kinds",
    "conditions",
    "method",
    "quantity",
    "probability_ppm",
    "top_prize_minor",
    "redemption",
    "organiser",
)


def _prize(prize: pb.Prize) -> Prize:
    draw_time = moment(prize.draw_time) if prize.HasField("draw_time") else None
    return Prize(draw_time=draw_time, **{name: getattr(prize, name) for name in _PRIZE_PLAIN})


def terms_to_proto(terms: Terms) -> pb.CampaignTerms:
    """What a version says."""
    return pb.CampaignTerms(
        trigger=trigger_to_proto(terms.trigger),
        when=terms.when,
        effects=[_effect_to_proto(effect) for effect in terms.effects],
        limits=[_limit_to_proto(limit) for limit in terms.limits],
        audience=_audience_to_proto(terms.audience) if terms.audience else None,
        start_time=stamp(terms.start_time),
        end_time=stamp(terms.end_time),
        time_zone=terms.time_zone,
        eval_group=_group_to_proto(terms.eval_group) if terms.eval_group else None,
        priority=terms.priority,
        channel=words.CHANNELS[terms.channel],
        experiment=_experiment_to_proto(terms.experiment) if terms.experiment else None,
        prize=_prize_to_proto(terms.prize) if terms.prize else None,
        approval=pb.Approval(approver=terms.approval.approver, document_id=terms.approval.document_id)
        if terms.approval
        else None,
        reevaluate_on_return=terms.reevaluate_on_return,
        partial_allowed=terms.partial_allowed,
        void_together=terms.void_together,
        inviter_touch=words.TOUCH_CHOICES[terms.inviter_touch],
    )


def trigger_to_proto(trigger: Trigger) -> pb.Trigger:
    """What a campaign answers to."""
    if trigger.act is not None:
        return pb.Trigger(act=words.ACTS[trigger.act])
    match trigger.kind:
        case Kind.EVENT:
            return pb.Trigger(event_name=trigger.value)
        case Kind.SEGMENT:
            return pb.Trigger(segment_id=trigger.value)
        case Kind.DELIVERY:
            return pb.Trigger(order_delivered=pb.OrderDeliveredTrigger(net_minor_min=trigger.net_minor_min))
        case Kind.REFUND:
            return pb.Trigger(order_refunded=pb.OrderRefundedTrigger(amount_minor_min=trigger.net_minor_min))
        case Kind.CLICK:
            return pb.Trigger(share_click=pb.ShareClickTrigger())
    paid = pb.OrderPaidTrigger(
        net_minor_min=trigger.net_minor_min,
        purchase_min=trigger.purchase_min,
        purchase_max=trigger.purchase_max,
        registered_days_max=trigger.registered_days_max,
    )
    return pb.Trigger(order_paid=paid)


def _effect_to_proto(effect: Effect) -> pb.Effect:
    common: dict[str, Any] = {
        "beneficiary": words.BENEFICIARIES[effect.beneficiary],
        "budget_cost": effect.budget_cost,
        "arm": effect.arm,
    }
    if effect.gift == Gift.COUPON:
        return pb.Effect(coupon=pb.CouponEffect(template_id=str(effect.template_id)), **common)
    if effect.gift == Gift.TAG:
        return pb.Effect(tag=pb.TagEffect(tag_id=str(effect.tag_id)), **common)
    asset = pb.AssetEffect(asset=effect.asset, amount_max=effect.amount_max)
    if len(effect.tiers) == 1 and not effect.tiers[0].net_minor_min:
        _set_amount(asset, effect.tiers[0].amount)
    else:
        for tier in effect.tiers:
            _set_amount(asset.tiers.tiers.add(net_minor_min=tier.net_minor_min), tier.amount)
    return pb.Effect(asset=asset, maturity=_maturity_to_proto(effect.maturity), **common)


def _maturity_to_proto(maturity: Maturity | None) -> pb.Maturity | None:
    return pb.Maturity(base=words.MATURITY_BASES[maturity.base], days=maturity.days) if maturity else None


def _set_amount(message: Any, amount: Amount) -> None:
    if amount.fixed is not None:
        message.fixed = amount.fixed
    else:
        message.order_rate_bp = amount.order_rate_bp or 0


def _limit_to_proto(limit: Limit) -> pb.Limit:
    return pb.Limit(
        action=words.ACTIONS[limit.action],
        entity=words.ENTITIES[limit.entity],
        period=words.PERIODS[limit.period],
        rolling_days=limit.rolling_days,
        cap=limit.cap,
    )


def _audience_to_proto(audience: Audience) -> pb.Audience:
    return pb.Audience(
        segment_id=str(audience.segment_id),
        mode=words.AUDIENCE_MODES[audience.mode],
        snapshot_id=str(audience.snapshot_id or ""),
    )


def _group_to_proto(group: EvalGroup) -> pb.EvalGroup:
    return pb.EvalGroup(name=group.name, mode=words.GROUP_MODES[group.mode])


def _experiment_to_proto(experiment: Experiment) -> pb.Experiment:
    arms = [pb.Arm(name=arm.name, weight=arm.weight) for arm in experiment.arms]
    return pb.Experiment(holdout_bp=experiment.holdout_bp, arms=arms, outcome_days=experiment.outcome_days)


def _prize_to_proto(prize: Prize) -> pb.Prize:
    plain = {name: getattr(prize, name) for name in _PRIZE_PLAIN}
    return pb.Prize(draw_time=_stamp(prize.draw_time), **plain)


def _stamp(time: datetime | None) -> Any:
    return None if time is None else stamp(time)
