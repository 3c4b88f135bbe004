"""What members are told of why they got something: spec value §2.3 `explain_template`, RW-03."""

from datetime import timedelta

import pytest
from bowen.incentive.v1 import campaign_pb2
from bowen.profile.v1.event_pb2 import TRUST_SERVER

from chassis.caller import Call, Caller, acting
from chassis.errors import InvalidArgument, NotFound
from chassis.stamps import stamp
from tests.service.incentive.campaigning import draft, edit, explain, gives, of_orders, publish, running, terms
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
