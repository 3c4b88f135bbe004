"""Terms of campaigns in the contract's words."""

from datetime import datetime
from typing import Any

from bowen.incentive.v1 import campaign_pb2 as pb

from chassis.stamps import stamp
from services.incentive.campaigns.convert import words
from services.incentive.campaigns.convert.terms import PRIZE_PLAIN
from services.incentive.campaigns.domain import Amount, Audience, Effect, Gift, Kind, Limit, Terms, Trigger
from services.incentive.campaigns.domain.effects import Maturity
from services.incentive.campaigns.domain.experiments import Experiment
from services.incentive.campaigns.domain.terms import EvalGroup, Prize


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
        explain_template=terms.explain_template,
        refuse_templates=[
            pb.RefuseTemplate(reason=each.reason, template=each.template) for each in terms.refuse_templates
        ],
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
    if effect.gift == Gift.MISSION:
        mission = pb.MissionEffect(mission_id=str(effect.mission_id), progress=effect.progress)
        return pb.Effect(mission=mission, **common)
    if effect.gift == Gift.WEBHOOK:
        webhook = pb.WebhookEffect(endpoint_id=str(effect.endpoint_id), type=effect.call_type)
        return pb.Effect(webhook=webhook, maturity=_maturity_to_proto(effect.maturity), **common)
    if effect.gift == Gift.PACKET:
        packet = pb.PacketEffect(currency_code=effect.currency_code, wishing=effect.wishing)
        _set_tiers(packet, effect)
        return pb.Effect(packet=packet, **common)
    asset = pb.AssetEffect(asset=effect.asset, amount_max=effect.amount_max)
    _set_tiers(asset, effect)
    return pb.Effect(asset=asset, maturity=_maturity_to_proto(effect.maturity), **common)


def _maturity_to_proto(maturity: Maturity | None) -> pb.Maturity | None:
    return pb.Maturity(base=words.MATURITY_BASES[maturity.base], days=maturity.days) if maturity else None


def _set_tiers(message: Any, effect: Effect) -> None:
    if len(effect.tiers) == 1 and not effect.tiers[0].net_minor_min:
        _set_amount(message, effect.tiers[0].amount)
        return
    for tier in effect.tiers:
        _set_amount(message.tiers.tiers.add(net_minor_min=tier.net_minor_min), tier.amount)


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
    plain = {name: getattr(prize, name) for name in PRIZE_PLAIN}
    return pb.Prize(draw_time=_stamp(prize.draw_time), **plain)


def _stamp(time: datetime | None) -> Any:
    return None if time is None else stamp(time)
