"""What is wrong with the terms that somebody asks for, each fault with its field and its rule."""

from collections.abc import Iterator
from re import compile as pattern
from typing import Any

from bowen.incentive.v1 import campaign_pb2 as pb
from google.protobuf.message import Message

from chassis.errors import Violation
from chassis.stamps import moment
from logic.calendar import is_zone
from logic.trees import TreeFault
from services.incentive.campaigns.domain.effects import PACKET_MINOR_MAX, PACKET_MINOR_MIN, RATE_BP_MAX
from services.incentive.campaigns.domain.experiments import HOLDOUT
from services.incentive.campaigns.domain.terms import compile_when

AMOUNT_MAX = 10**15
EVENT_NAME_LENGTH_MAX = 200
DAYS_MAX = 3_660
_ASSET = pattern(r"[a-z][a-zA-Z0-9._]{0,31}")
_UUID = pattern(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_OF_NET = ("order_paid", "order_delivered", "order_refunded")


def terms_faults(terms: pb.CampaignTerms, budget: int) -> Iterator[Violation]:
    """All that does not fit together in terms, by fields of the terms."""
    yield from trigger_faults(terms.trigger)
    if not terms.effects:
        yield "effects", "must have at least 1 item"
    for number, effect in enumerate(terms.effects):
        yield from _effect_faults(f"effects[{number}]", effect, terms, budget)
    yield from _when_faults(terms)
    for number, limit in enumerate(terms.limits):
        yield from _limit_faults(f"limits[{number}]", limit)
    yield from _window_faults(terms)
    if terms.HasField("experiment"):
        yield from _arm_faults(terms)


def trigger_faults(trigger: pb.Trigger) -> Iterator[Violation]:
    """All that does not fit together in a trigger."""
    match trigger.WhichOneof("on"):
        case "event_name" if not 0 < len(trigger.event_name) <= EVENT_NAME_LENGTH_MAX:
            yield "trigger.event_name", f"must have 1 to {EVENT_NAME_LENGTH_MAX} characters"
        case "segment_id" if not _UUID.fullmatch(trigger.segment_id):
            yield "trigger.segment_id", "must be a UUID"
        case "act" if trigger.act == pb.ACT_UNSPECIFIED:
            yield "trigger.act", "must be one of the catalogue"
        case "order_paid":
            yield from _order_faults(trigger.order_paid)
        case None:
            yield "trigger", "must name event_name, segment_id, order_paid or another of the catalogue"


def _order_faults(order: pb.OrderPaidTrigger) -> Iterator[Violation]:
    if order.net_minor_min < 0:
        yield "trigger.order_paid.net_minor_min", "must be at least 0"
    if order.purchase_max and order.purchase_max < order.purchase_min:
        yield "trigger.order_paid.purchase_max", "must be at least purchase_min"


def _effect_faults(path: str, effect: pb.Effect, terms: pb.CampaignTerms, budget: int) -> Iterator[Violation]:
    if effect.budget_cost > budget:
        yield f"{path}.budget_cost", "must be at most the budget"
    if effect.arm and effect.arm not in {arm.name for arm in terms.experiment.arms}:
        yield f"{path}.arm", "must be an arm of the experiment"
    if effect.HasField("webhook") and not effect.HasField("maturity"):
        yield f"{path}.maturity", "is required: nothing takes a webhook back"
    if effect.HasField("maturity"):
        yield from _maturity_faults(f"{path}.maturity", effect, terms.trigger)
    match effect.WhichOneof("gives"):
        case "asset":
            yield from asset_faults(f"{path}.asset", effect.asset, terms.trigger, 0 if effect.budget_cost else budget)
        case "packet":
            yield from _packet_faults(path, effect, terms.trigger, budget)
        case None:
            yield path, "must name asset, coupon, tag, packet, mission or webhook"


def _maturity_faults(path: str, effect: pb.Effect, trigger: pb.Trigger) -> Iterator[Violation]:
    if effect.WhichOneof("gives") not in ("asset", "webhook"):
        yield path, "needs an asset or a webhook"
    is_of_order = trigger.WhichOneof("on") in ("order_paid", "order_delivered")
    if effect.maturity.base in (pb.Maturity.BASE_DELIVERED, pb.Maturity.BASE_VERIFIED) and not is_of_order:
        yield f"{path}.base", "needs trigger order_paid or order_delivered"


def _packet_faults(path: str, effect: pb.Effect, trigger: pb.Trigger, budget: int) -> Iterator[Violation]:
    if effect.budget_cost:
        yield f"{path}.budget_cost", "must be left out: a packet takes what it gives"
    packet = effect.packet
    if packet.WhichOneof("amount") == "fixed" and not PACKET_MINOR_MIN <= packet.fixed <= PACKET_MINOR_MAX:
        yield f"{path}.packet.fixed", f"must be from {PACKET_MINOR_MIN} to {PACKET_MINOR_MAX}"
    yield from _given_faults(f"{path}.packet", packet, trigger, budget)


def asset_faults(path: str, asset: pb.AssetEffect, trigger: pb.Trigger, budget: int) -> Iterator[Violation]:
    """What is wrong with an amount of an asset. A budget of 0 is not asked for it."""
    if not _ASSET.fullmatch(asset.asset):
        yield f"{path}.asset", "must be an asset code: a small letter, then letters, digits, dots or underscores"
    yield from _given_faults(path, asset, trigger, budget)


def _given_faults(path: str, asset: Any, trigger: pb.Trigger, budget: int) -> Iterator[Violation]:
    which = asset.WhichOneof("amount")
    if which == "tiers":
        yield from _tier_faults(f"{path}.tiers", asset.tiers, trigger)
    else:
        yield from _amount_faults(path, asset, trigger)
    if which == "fixed" and 1 <= asset.fixed <= AMOUNT_MAX and asset.fixed > budget > 0:
        yield "budget", "must pay for at least one reward"


def _tier_faults(path: str, tiers: pb.AmountTiers, trigger: pb.Trigger) -> Iterator[Violation]:
    if trigger.WhichOneof("on") not in _OF_NET:
        yield path, "needs trigger order_paid, order_delivered or order_refunded"
    bounds = [tier.net_minor_min for tier in tiers.tiers]
    if bounds != sorted(set(bounds)):
        yield path, "must have rising net_minor_min"
    for number, tier in enumerate(tiers.tiers):
        yield from _amount_faults(f"{path}.tiers[{number}]", tier, trigger)


def _amount_faults(path: str, amount: Any, trigger: pb.Trigger) -> Iterator[Violation]:
    match amount.WhichOneof("amount"):
        case "fixed":
            if not 1 <= amount.fixed <= AMOUNT_MAX:
                yield f"{path}.fixed", f"must be from 1 to {AMOUNT_MAX}"
        case "order_rate_bp":
            if not 1 <= amount.order_rate_bp <= RATE_BP_MAX:
                yield f"{path}.order_rate_bp", f"must be from 1 to {RATE_BP_MAX}"
            if trigger.WhichOneof("on") not in _OF_NET:
                yield f"{path}.order_rate_bp", "needs trigger order_paid"
        case _:
            yield path, "must name fixed or order_rate_bp"


def _when_faults(terms: pb.CampaignTerms) -> Iterator[Violation]:
    if not terms.when:
        return
    if terms.trigger.WhichOneof("on") == "segment_id":
        yield "when", "needs trigger event_name or order_paid"
    try:
        compile_when(terms.when)
    except TreeFault as fault:
        yield "when", str(fault)


def _limit_faults(path: str, limit: pb.Limit) -> Iterator[Violation]:
    if (limit.period == pb.Limit.PERIOD_ROLLING) != bool(limit.rolling_days):
        yield f"{path}.rolling_days", "must be set for PERIOD_ROLLING, and only for it"


def _window_faults(terms: pb.CampaignTerms) -> Iterator[Violation]:
    if not (_is_set(terms, "start_time") and _is_set(terms, "end_time")):
        for name in ("start_time", "end_time"):
            if not _is_set(terms, name):
                yield name, "is required"
    elif moment(terms.end_time) <= moment(terms.start_time):
        yield "end_time", "must be after start_time"
    if terms.time_zone and not is_zone(terms.time_zone):
        yield "time_zone", f"{terms.time_zone} is not an IANA time zone"


def _is_set(message: Message, name: str) -> bool:
    return message.HasField(name)


def _arm_faults(terms: pb.CampaignTerms) -> Iterator[Violation]:
    names = [arm.name for arm in terms.experiment.arms]
    if len(set(names)) < len(names):
        yield "experiment.arms", "must have different names"
    if HOLDOUT in names:
        yield "experiment.arms", f"must not be called {HOLDOUT}"
