"""What the law and the channels forbid, and what is worth a thought, before a version is published (spec value §8)."""

from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum
from typing import NamedTuple

from services.incentive.campaigns.domain.effects import MAX_REWARD_DEPTH, Beneficiary, Effect, Gift
from services.incentive.campaigns.domain.limits import Entity, Limit
from services.incentive.campaigns.domain.occasions import Reason
from services.incentive.campaigns.domain.sentences import RefusePlaceholder, template_faults
from services.incentive.campaigns.domain.terms import Audience, Channel, Prize, Terms
from services.incentive.campaigns.domain.triggers import Act, Kind

TOP_PRIZE_MINOR_MAX = 5_000_000
_WECHAT = (Channel.WECHAT_H5, Channel.WECHAT_MINI_PROGRAM)
_FOR_SHARING = (Act.SHARE, Act.HELP, Act.COLLECT)
_PUBLISHED = ("kinds", "conditions", "method", "draw_time", "redemption", "organiser")


class Severity(StrEnum):
    """What a finding means for publishing."""

    SOFT = "soft"
    HARD = "hard"


class Finding(NamedTuple):
    """Something about a version that the publisher has to know. `field` is one of the terms."""

    field: str
    rule: str
    severity: Severity
    detail: str


def lint(terms: Terms, before: Terms | None) -> list[Finding]:
    """All there is to say about a version, hard findings first. `before` is the published one; None for the first."""
    findings = [
        *_of_channel(terms),
        *_of_levels(terms),
        *_of_prize(terms),
        *_of_sentence(terms),
        *_of_refusals(terms),
        *(_of_edit(terms, before) if before is not None else ()),
        *_of_budget(terms),
        *_of_care(terms),
    ]
    return sorted(findings, key=lambda finding: finding.severity != Severity.HARD)


def _of_channel(terms: Terms) -> Iterator[Finding]:
    trigger = terms.trigger
    is_sharing = trigger.act in _FOR_SHARING or trigger.kind == Kind.CLICK or trigger.value in _FOR_SHARING
    if terms.channel == Channel.WECHAT_H5 and is_sharing:
        detail = "no benefit for sharing, helping or collecting; reward what the invited buy"
        yield Finding("trigger", "CHANNEL_POLICY", Severity.HARD, detail)
    if terms.channel in _WECHAT:
        for number, effect in enumerate(terms.effects):
            if effect.beneficiary.level > 1:
                yield Finding(_beneficiary(number), "CHANNEL_LEVELS", Severity.HARD, "one level at most in WeChat")


def _of_levels(terms: Terms) -> Iterator[Finding]:
    deep = [number for number, effect in enumerate(terms.effects) if effect.beneficiary.level == MAX_REWARD_DEPTH]
    for number in deep:
        if not terms.trigger.kind.is_order:
            detail = "level 2 is paid on net sales of goods, never per recruit"
            yield Finding(_beneficiary(number), "REWARD_PER_RECRUIT", Severity.HARD, detail)
        elif not _is_on_sales(terms, number):
            detail = "level 2 is paid on net sales of goods: as a rate of the net amount"
            yield Finding(_beneficiary(number), "LEVEL_2_ON_NET_SALES", Severity.HARD, detail)
    if deep and terms.approval is None:
        yield Finding("approval", "LEVEL_2_APPROVAL", Severity.HARD, "level 2 needs an approver and a document")
    if terms.trigger.act == Act.REGISTER and any(effect.beneficiary.level == 1 for effect in terms.effects):
        detail = "pay for a first purchase instead: of those paid for registering 2 % buy"
        yield Finding("trigger", "REWARD_ON_REGISTRATION", Severity.SOFT, detail)


def _is_on_sales(terms: Terms, number: int) -> bool:
    effect = terms.effects[number]
    return effect.gift == Gift.ASSET and all(tier.amount.order_rate_bp is not None for tier in effect.tiers)


def _of_prize(terms: Terms) -> Iterator[Finding]:
    prize = terms.prize
    draws = [n for n, effect in enumerate(terms.effects) if effect.asset.split(".")[0] in ("ticket", "lottery")]
    if prize is None:
        if draws:
            detail = "tickets of a draw need what is published of its prizes"
            yield Finding("prize", "PRIZE_PUBLISHED", Severity.HARD, detail)
        return
    yield from _of_published(prize)
    if prize.top_prize_minor > TOP_PRIZE_MINOR_MAX:
        yield Finding("prize.top_prize_minor", "TOP_PRIZE", Severity.HARD, "the highest prize is at most ¥50,000")


def _of_published(prize: Prize) -> Iterator[Finding]:
    for name in _PUBLISHED:
        if not getattr(prize, name):
            yield Finding(f"prize.{name}", "PRIZE_PUBLISHED", Severity.HARD, "must be published before the start")
    if not prize.quantity and not prize.probability_ppm:
        detail = "quantity or probability must be published before the start"
        yield Finding("prize.quantity", "PRIZE_PUBLISHED", Severity.HARD, detail)
    if not prize.top_prize_minor:
        detail = "the amount must be published before the start"
        yield Finding("prize.top_prize_minor", "PRIZE_PUBLISHED", Severity.HARD, detail)


def _of_sentence(terms: Terms) -> Iterator[Finding]:
    for detail in template_faults(terms.explain_template):
        yield Finding("explain_template", "EXPLAIN_TEMPLATE", Severity.HARD, detail)


def _of_refusals(terms: Terms) -> Iterator[Finding]:
    told: set[str] = set()
    for number, (reason, template) in enumerate((each.reason, each.template) for each in terms.refuse_templates):
        field = f"refuse_templates[{number}]"
        if reason and reason not in list(Reason):
            detail = f"{reason} is no reason; known are {', '.join(Reason)}"
            yield Finding(f"{field}.reason", "REFUSE_TEMPLATE", Severity.HARD, detail)
        if reason in told:
            detail = f"{reason or 'what has no text of its own'} has a text already"
            yield Finding(f"{field}.reason", "REFUSE_TEMPLATE", Severity.HARD, detail)
        for detail in template_faults(template, RefusePlaceholder):
            yield Finding(f"{field}.template", "REFUSE_TEMPLATE", Severity.HARD, detail)
        told.add(reason)


def _of_edit(terms: Terms, before: Terms) -> Iterator[Finding]:
    """After publishing only edits in the members' favour: the law's for draws, a promise kept for all else."""
    severity = Severity.HARD if before.prize is not None or terms.prize is not None else Severity.SOFT
    for field, detail in _worse(terms, before):
        yield Finding(field, "MEMBER_FAVOURABLE", severity, detail)


def _worse(terms: Terms, before: Terms) -> Iterator[tuple[str, str]]:
    if terms.trigger != before.trigger:
        yield "trigger", "another trigger is another promise"
    if terms.when not in ("", before.when):
        yield "when", "a new condition may leave out people who were promised"
    if terms.end_time < before.end_time or terms.start_time > before.start_time:
        yield "end_time", "its time is shorter than published"
    if _has_moved(terms.audience, before.audience):
        yield "audience", "a new audience may leave out people who were promised"
    if before.prize is not None and terms.prize != before.prize:
        yield "prize", "what was published of the prizes stands"
    yield from _worse_effects(terms, before)
    for number, limit in enumerate(terms.limits):
        if not any(_is_as_strict(old, limit) for old in before.limits):
            yield f"limits[{number}]", "a new or lower cap takes away what was promised"


def _has_moved(audience: Audience | None, before: Audience | None) -> bool:
    if audience is None:
        return False
    return before is None or audience.segment_id != before.segment_id


def _worse_effects(terms: Terms, before: Terms) -> Iterator[tuple[str, str]]:
    for number, old in enumerate(before.effects):
        if number >= len(terms.effects):
            yield "effects", "an effect that was promised is left out"
            continue
        new = terms.effects[number]
        if _kind(new) != _kind(old):
            yield f"effects[{number}]", "another effect than was promised"
            continue
        bounds = {tier.net_minor_min for effect in (old, new) for tier in effect.tiers} | {terms.trigger.net_minor_min}
        if any(new.amount(net) < old.amount(net) for bound in bounds for net in (bound, bound + 10**9)):
            yield f"effects[{number}]", "less than was promised"


def _kind(effect: Effect) -> tuple[object, ...]:
    whereto = (effect.template_id, effect.tag_id, effect.mission_id, effect.endpoint_id, effect.call_type)
    return (effect.gift, effect.budget_asset, *whereto, effect.beneficiary)


def _is_as_strict(old: Limit, new: Limit) -> bool:
    return replace(old, cap=new.cap) == new and old.cap <= new.cap


def _of_budget(terms: Terms) -> Iterator[Finding]:
    charged = {effect.budget_asset for effect in terms.effects if effect.is_amount and not effect.budget_cost}
    if len(charged) > 1:
        detail = f"amounts of {', '.join(sorted(charged))} take from one budget as they are; say each one's budget_cost"
        yield Finding("effects", "BUDGET_UNITS", Severity.SOFT, detail)


def _of_care(terms: Terms) -> Iterator[Finding]:
    if terms.trigger.kind == Kind.EVENT and not any(
        limit.entity in (Entity.PERSON, Entity.MEMBER, Entity.DEVICE) for limit in terms.limits
    ):
        detail = "anybody who reads a browser's write key can claim events: cap rewards per person"
        yield Finding("limits", "UNCAPPED_EVENTS", Severity.SOFT, detail)
    if terms.experiment is None:
        yield Finding("experiment", "NO_HOLDOUT", Severity.SOFT, "what it costs per additional buyer cannot be told")
    if any(effect.beneficiary == Beneficiary.SHARER for effect in terms.effects) and terms.trigger.kind not in (
        Kind.ORDER, Kind.DELIVERY, Kind.REFUND
    ):  # fmt: skip
        yield Finding("effects", "NO_SHARER", Severity.SOFT, "only orders are credited to a sharer")


def _beneficiary(number: int) -> str:
    return f"effects[{number}].beneficiary"
