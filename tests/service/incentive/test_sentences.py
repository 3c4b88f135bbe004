"""What members are told of why they got something: spec value §2.3 `explain_template`, RW-03."""

import json
from datetime import timedelta

import pytest
from bowen.incentive.v1 import campaign_pb2
from bowen.incentive.v1 import campaign_service_pb2 as pb
from bowen.profile.v1.event_pb2 import TRUST_SERVER

from chassis.caller import Call, Caller, acting
from chassis.errors import InvalidArgument, NotFound
from chassis.stamps import stamp
from tests.service.incentive.campaigning import (
    draft,
    edit,
    evaluate,
    explain,
    gives,
    of_orders,
    publish,
    running,
    terms,
)
from tests.service.incentive.packeting import a_packets
from tests.service.incentive.rewarding import NOON, Incentive, a_paid_order, a_refund, an_event, new
from tests.service.incentive.test_what_was_given import PACKET, bounded

TOLD = "{{{campaign}}} {amount} of {desired_amount} {asset}, {reversed_amount} back: {reason}, {date}"


async def told(incentive: Incentive, profile_id: str) -> list[str]:
    """What is told of somebody's grants, by their effects."""
    grants = sorted(await incentive.grants(profile_id), key=lambda grant: grant.effect)
    return [(await explain(incentive, grant.grant_id)).sentence for grant in grants]


async def test_rw_03_a_member_reads_in_a_sentence_why_they_got_what_reached_them(incentive: Incentive) -> None:
    await bounded(incentive, 70)  # the programme is called Points
    template_id = await incentive.a_template(name="Ten off")
    coupon = campaign_pb2.Effect(coupon=campaign_pb2.CouponEffect(template_id=template_id))
    tag = campaign_pb2.Effect(tag=campaign_pb2.TagEffect(tag_id=new()))
    effects = [gives(rate=100), gives("cash.CNY", rate=5), gives("cash.JPY", fixed=7), PACKET, coupon, tag]
    said = of_orders(*effects, gives("growth", fixed=3), explain_template=TOLD)
    await running(incentive, said)
    async with a_packets(incentive):
        await incentive.happen(paid := a_paid_order(buyer := new(), 10_000))

    day = "ORDER_PAID, 2026-06-20"
    given = [
        f"{{Share and earn}} 70 of 100 Points, 0 back: {day}",
        f"{{Share and earn}} 0.05 of 0.05 CNY, 0.00 back: {day}",
        f"{{Share and earn}} 7 of 7 JPY, 0 back: {day}",
        f"{{Share and earn}} 5.00 of 5.00 CNY, 0.00 back: {day}",
        f"{{Share and earn}} 1 of 1 Ten off, 0 back: {day}",
        f"{{Share and earn}} 1 of 1 tag, 0 back: {day}",
        f"{{Share and earn}} 3 of 3 growth, 0 back: {day}",
    ]
    assert await told(incentive, buyer) == given
    await incentive.happen(a_refund(paid, 5_000))
    assert (await told(incentive, buyer))[0] == f"{{Share and earn}} 70 of 100 Points, 20 back: {day}"


async def test_a_sentence_is_of_the_version_that_was_judged_and_puts_names_in_as_they_are(incentive: Incentive) -> None:
    named = terms(explain_template="{reason} on {date}", time_zone="Pacific/Kiritimati")  # fourteen hours ahead
    named.trigger.event_name = "{amount} {{"
    campaign_id = await running(incentive, named)
    fact = an_event(profile_id := new(), named.trigger.event_name, trust=TRUST_SERVER)
    fact.timestamp.CopyFrom(stamp(NOON + timedelta(hours=6)))
    await incentive.happen(fact)
    await edit(incentive, campaign_id, terms(trigger=named.trigger))
    await publish(incentive, campaign_id)
    await incentive.happen(an_event(other := new(), named.trigger.event_name))

    with acting(Call(Caller("shopper", frozenset({"incentive.campaigns:read"}), profile_id=profile_id))):
        assert await told(incentive, profile_id) == ["{amount} {{ on 2026-06-21"]
    assert await told(incentive, other) == [""]
    (grant,) = await incentive.grants(profile_id)
    with acting(Call(Caller("shopper", frozenset({"incentive.campaigns:read"}), profile_id=other))):
        with pytest.raises(NotFound):
            await explain(incentive, grant.grant_id)


async def test_a_sentence_that_asks_for_what_is_not_known_is_not_published(incentive: Incentive) -> None:
    campaign_id = await draft(incentive, terms(explain_template="Thanks, {member.phone}!"))

    with pytest.raises(InvalidArgument) as refused:
        await publish(incentive, campaign_id)

    assert refused.value.reason == "CAMPAIGN_NOT_PUBLISHABLE"
    ((field, rule),) = refused.value.violations
    assert field.endswith("explain_template")
    assert "{member.phone} is no placeholder" in rule


def why_not(**texts: str) -> list[campaign_pb2.RefuseTemplate]:
    """Texts by reason; `other` is for the rest."""
    return [
        campaign_pb2.RefuseTemplate(reason="" if reason == "other" else reason, template=text)
        for reason, text in texts.items()
    ]


async def why_refused(incentive: Incentive, profile_id: str) -> list[str]:
    """What is told of somebody's refusals, newest first."""
    request = pb.ListRefusalsRequest(profile_id=profile_id)
    page = await incentive.campaigns.ListRefusals(request)  # type: ignore[misc]
    return [refusal.sentence for refusal in page.refusals]


async def test_rw_03_who_got_nothing_reads_why_in_the_brands_words_for_that_reason(incentive: Incentive) -> None:
    once, others = "Once is enough: {campaign}, {date}", "Not this time ({{{reason}}})"
    said = terms(
        gives(fixed=7),
        limits=[campaign_pb2.Limit(entity=campaign_pb2.Limit.ENTITY_PERSON, cap=1)],
        refuse_templates=why_not(PERSON_LIMIT=once, other=others),
        time_zone="Pacific/Kiritimati",  # fourteen hours ahead
    )
    campaign_id = await running(incentive, said, budget=7)
    person, late = new(), new()
    incentive.clock.advance(timedelta(hours=7).total_seconds())
    for profile_id in (person, person, late):
        await incentive.happen(an_event(profile_id))
    await edit(incentive, campaign_id, terms(gives(fixed=7), limits=said.limits))
    await publish(incentive, campaign_id)

    assert await why_refused(incentive, person) == ["Once is enough: Share and earn, 2026-06-21"]
    assert await why_refused(incentive, late) == ["Not this time ({BUDGET_EXHAUSTED})"]
    await incentive.happen(an_event(person))
    assert await why_refused(incentive, person) == ["", "Once is enough: Share and earn, 2026-06-21"]


async def test_what_would_be_refused_is_told_in_the_same_words_and_no_others_are_published(
    incentive: Incentive,
) -> None:
    shared = campaign_pb2.Trigger(event_name="Product Shared")
    await running(incentive, terms(when=json.dumps({"const": False}), refuse_templates=why_not(CONDITION_FALSE="No.")))
    (skipped,) = (await evaluate(incentive, fact=shared, facts="{}")).skipped
    assert (skipped.reason, skipped.sentence) == ("CONDITION_FALSE", "No.")

    wrong = [*why_not(NO_SUCH="x", LATE="{detail}", PACED="a"), *why_not(PACED="b")]
    with pytest.raises(InvalidArgument) as refused:
        await publish(incentive, await draft(incentive, terms(refuse_templates=wrong)))

    assert [
        (field.partition(".")[2] or field, rule.partition(": ")[2].partition(";")[0])
        for field, rule in refused.value.violations
    ] == [
        ("refuse_templates[0].reason", "NO_SUCH is no reason"),
        ("refuse_templates[1].template", "{detail} is no placeholder"),
        ("refuse_templates[3].reason", "PACED has a text already"),
    ]
