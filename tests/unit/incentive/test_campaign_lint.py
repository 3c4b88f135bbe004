"""What the law and the channels forbid: spec value §8."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from services.incentive.campaigns.domain import (
    Act,
    Amount,
    Audience,
    Beneficiary,
    Effect,
    Gift,
    Kind,
    Terms,
    Tier,
    Trigger,
    of_asset,
    per_person,
)
from services.incentive.campaigns.domain.experiments import Experiment
from services.incentive.campaigns.domain.lint import Severity, lint
from services.incentive.campaigns.domain.terms import Approval, Channel, Prize

NOON = datetime(2026, 6, 20, 4, 0, tzinfo=UTC)
PUBLISHED = Prize(
    kinds="a car", conditions="members", method="a drum", draw_time=NOON, quantity=1, top_prize_minor=5_000_000,
    redemption="in store", organiser="Bowen Tea",
)  # fmt: skip


def some(trigger: Trigger | None = None, *effects: Effect, **fields: object) -> Terms:
    """Careful terms: nothing is found."""
    terms = Terms(
        trigger or Trigger(Kind.ORDER),
        effects or (of_asset("points", Amount(fixed=10)),),
        NOON,
        NOON + timedelta(days=7),
        limits=(per_person(5),),
        experiment=Experiment(),
    )
    return replace(terms, **fields)  # type: ignore[arg-type]


def found(terms: Terms, before: Terms | None = None) -> list[tuple[str, str]]:
    return [(finding.rule, finding.field) for finding in lint(terms, before)]


def hard(terms: Terms, before: Terms | None = None) -> list[tuple[str, str]]:
    findings = [finding for finding in lint(terms, before) if finding.severity == Severity.HARD]
    return [(finding.rule, finding.field) for finding in findings]


def test_careful_terms_are_found_nothing_in() -> None:
    assert found(some()) == []


@pytest.mark.parametrize(
    ("template", "asked"),
    [
        ("", []),
        ("{amount} {asset}, {desired_amount}, {reversed_amount}, {campaign}, {reason}, {date}, {{braces}}", []),
        ("for {member}", ["{member}"]),
        ("{amount!r} and {amount:>9999999}", ["{amount!r}", "{amount:>9999999}"]),
        ("{amount.__class__} {asset[0]} {}", ["{amount.__class__}", "{asset[0]}", "{}"]),
        ("{amount", ["a brace"]),
        ("amount}", ["a brace"]),
    ],
)
def test_a_sentence_names_nothing_but_what_is_known(template: str, asked: list[str]) -> None:
    findings = lint(some(explain_template=template), None)

    assert [finding[:3] for finding in findings] == [("explain_template", "EXPLAIN_TEMPLATE", Severity.HARD)] * len(
        asked
    )
    assert all(finding.detail.startswith(name) for finding, name in zip(findings, asked, strict=True))


@pytest.mark.parametrize("act", [Act.SHARE, Act.HELP, Act.COLLECT])
def test_nobody_is_rewarded_for_sharing_helping_or_collecting_on_a_wechat_page(act: Act) -> None:
    trigger = Trigger(Kind.EVENT, act, act=act)

    assert hard(some(trigger, channel=Channel.WECHAT_H5)) == [("CHANNEL_POLICY", "trigger")]
    assert hard(some(Trigger(Kind.EVENT, act), channel=Channel.WECHAT_H5)) == [("CHANNEL_POLICY", "trigger")]
    assert hard(some(Trigger(Kind.CLICK), channel=Channel.WECHAT_H5)) == [("CHANNEL_POLICY", "trigger")]
    assert hard(some(trigger, channel=Channel.APP)) == []
    assert hard(some(Trigger(Kind.ORDER), channel=Channel.WECHAT_H5)) == []


def level_2(**fields: object) -> Effect:
    effect = of_asset("points", Amount(order_rate_bp=100))
    return replace(effect, beneficiary=Beneficiary.INVITER_OF_INVITER, **fields)  # type: ignore[arg-type]


def test_level_2_is_paid_on_net_sales_under_an_approval_and_not_in_wechat() -> None:
    approved = Approval("Counsel Chen", "L-17")
    at = "effects[0].beneficiary"

    assert hard(some(None, level_2(), approval=approved)) == []
    assert hard(some(None, level_2())) == [("LEVEL_2_APPROVAL", "approval")]
    fixed = level_2(tiers=(Tier(0, Amount(fixed=5)),))
    assert hard(some(None, fixed, approval=approved)) == [("LEVEL_2_ON_NET_SALES", at)]
    recruit = Trigger(Kind.EVENT, Act.REGISTER, act=Act.REGISTER)
    assert hard(some(recruit, level_2(), approval=approved)) == [("REWARD_PER_RECRUIT", at)]
    for channel in (Channel.WECHAT_H5, Channel.WECHAT_MINI_PROGRAM):
        assert hard(some(None, level_2(), approval=approved, channel=channel)) == [("CHANNEL_LEVELS", at)]


def test_prizes_of_chance_are_published_before_the_start_and_are_not_too_high() -> None:
    ticket = of_asset("ticket", Amount(fixed=1))

    assert hard(some(None, ticket)) == [("PRIZE_PUBLISHED", "prize")]
    assert hard(some(None, ticket, prize=PUBLISHED)) == []
    assert hard(some(None, ticket, prize=replace(PUBLISHED, top_prize_minor=5_000_001))) == [
        ("TOP_PRIZE", "prize.top_prize_minor")
    ]
    assert {field for _, field in hard(some(None, ticket, prize=Prize()))} == {
        "prize.kinds", "prize.conditions", "prize.method", "prize.draw_time", "prize.redemption", "prize.organiser",
        "prize.quantity", "prize.top_prize_minor",
    }  # fmt: skip
    assert hard(some(None, ticket, prize=replace(PUBLISHED, quantity=0, probability_ppm=10))) == []


WORSE = [
    ("trigger", {"trigger": Trigger(Kind.DELIVERY)}),
    ("when", {"when": '{"const": false}'}),
    ("end_time", {"end_time": NOON + timedelta(days=6)}),
    ("end_time", {"start_time": NOON + timedelta(days=1)}),
    ("audience", {"audience": Audience(UUID(int=1))}),
    ("limits[0]", {"limits": (per_person(4),)}),
    ("effects[0]", {"effects": (of_asset("points", Amount(fixed=9)),)}),
    ("effects[0]", {"effects": (of_asset("growth", Amount(fixed=10)),)}),
    ("effects[0]", {"effects": (Effect(Gift.ASSET, "points", (Tier(100, Amount(fixed=10)),)),)}),
]


@pytest.mark.parametrize(("field", "fields"), WORSE)
def test_after_publishing_a_draw_is_edited_in_the_members_favour_only(field: str, fields: dict[str, object]) -> None:
    of_chance = some(prize=PUBLISHED)

    assert hard(replace(of_chance, **fields), of_chance) == [("MEMBER_FAVOURABLE", field)]  # type: ignore[arg-type]
    assert hard(replace(some(), **fields), some()) == []  # type: ignore[arg-type]
    assert ("MEMBER_FAVOURABLE", field) in found(replace(some(), **fields), some())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "fields",
    [
        {"end_time": NOON + timedelta(days=8)},
        {"limits": ()},
        {"limits": (per_person(6),)},
        {"effects": (of_asset("points", Amount(fixed=11)),)},
        {"effects": (of_asset("points", Amount(fixed=10)), of_asset("points", Amount(fixed=1)))},
        {"priority": 7},
    ],
)
def test_what_is_in_the_members_favour_may_always_be_published(fields: dict[str, object]) -> None:
    of_chance = some(prize=PUBLISHED)

    assert found(replace(of_chance, **fields), of_chance) == []  # type: ignore[arg-type]


def test_what_was_published_of_prizes_stands() -> None:
    before = some(prize=PUBLISHED)

    assert hard(some(prize=replace(PUBLISHED, quantity=2)), before) == [("MEMBER_FAVOURABLE", "prize")]
    assert hard(some(), before) == [("MEMBER_FAVOURABLE", "prize")]


def test_what_is_only_worth_a_thought_keeps_nobody_from_publishing() -> None:
    register = Trigger(Kind.EVENT, Act.REGISTER, act=Act.REGISTER)
    inviter = replace(of_asset("points", Amount(fixed=5)), beneficiary=Beneficiary.INVITER)
    careless = some(register, inviter, of_asset("growth", Amount(fixed=5)), limits=(), experiment=None)

    assert hard(careless) == []
    assert {rule for rule, _ in found(careless)} == {
        "REWARD_ON_REGISTRATION", "BUDGET_UNITS", "UNCAPPED_EVENTS", "NO_HOLDOUT",
    }  # fmt: skip
