"""Terms of campaigns out of the contract's words."""

from collections.abc import Mapping
from typing import Any, TypeVar
from uuid import UUID

from bowen.incentive.v1 import campaign_pb2 as pb

from chassis.stamps import moment
from logic.calendar import ZONE_DEFAULT
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
from services.incentive.campaigns.domain.effects import CALL_TYPE_DEFAULT, Maturity, MaturityBase
from services.incentive.campaigns.domain.experiments import (
    HOLDOUT_BP_DEFAULT,
    OUTCOME_DAYS_DEFAULT,
    Arm,
    Experiment,
)
from services.incentive.campaigns.domain.limits import Action, Entity, Period
from services.incentive.campaigns.domain.terms import (
    Approval,
    AudienceMode,
    EvalGroup,
    GroupMode,
    Prize,
    RefuseTemplate,
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
        time_zone=terms.time_zone or ZONE_DEFAULT,
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
        explain_template=terms.explain_template,
        refuse_templates=tuple(RefuseTemplate(each.reason, each.template) for each in terms.refuse_templates),
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
    maturity = _maturity(effect.maturity) if effect.HasField("maturity") else None
    match effect.WhichOneof("gives"):
        case "coupon":
            return Effect(Gift.COUPON, template_id=UUID(effect.coupon.template_id), **common)
        case "tag":
            return Effect(Gift.TAG, tag_id=UUID(effect.tag.tag_id), **common)
        case "mission":
            mission = effect.mission
            return Effect(Gift.MISSION, mission_id=UUID(mission.mission_id), progress=mission.progress, **common)
        case "webhook":
            webhook = effect.webhook
            endpoint_id, call_type = UUID(webhook.endpoint_id), webhook.type or CALL_TYPE_DEFAULT
            return Effect(Gift.WEBHOOK, endpoint_id=endpoint_id, call_type=call_type, maturity=maturity, **common)
        case "packet":
            said = effect.packet
            tiers = _tiers(said)
            return Effect(Gift.PACKET, tiers=tiers, currency_code=said.currency_code, wishing=said.wishing, **common)
    asset = effect.asset
    tiers = _tiers(asset)
    return Effect(Gift.ASSET, asset.asset, tiers, asset.amount_max, maturity=maturity, **common)


def _tiers(given: Any) -> tuple[Tier, ...]:
    if given.WhichOneof("amount") == "tiers":
        return tuple(Tier(tier.net_minor_min, amount_from_proto(tier)) for tier in given.tiers.tiers)
    return (Tier(0, amount_from_proto(given)),)


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


PRIZE_PLAIN = (
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
    return Prize(draw_time=draw_time, **{name: getattr(prize, name) for name in PRIZE_PLAIN})
