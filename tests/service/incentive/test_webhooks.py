"""Campaigns that call a webhook: spec value §2.3, an effect without an inverse is deferred until it matures."""

from datetime import timedelta

import pytest
from bowen.incentive.v1 import campaign_pb2
from bowen.incentive.v1.events_pb2 import RewardGranted, WebhookMatured

from chassis.errors import InvalidArgument
from chassis.stamps import stamp
from services.incentive.campaigns.operations.calling import call_matured
from services.incentive.privacy import consumers as privacy
from tests.service.forgetting import an_erasure
from tests.service.incentive.campaigning import draft, of_orders, running, terms
from tests.service.incentive.rewarding import NOON, Incentive, a_paid_order, a_refund, an_event, new
from tests.service.incentive.test_gifts import delivery

ENDPOINT = new()
Maturity = campaign_pb2.Maturity


def calls(days: int = 7, base: "Maturity.Base.ValueType" = Maturity.BASE_PAID, **fields: str) -> campaign_pb2.Effect:
    webhook = campaign_pb2.WebhookEffect(endpoint_id=ENDPOINT, **fields)
    return campaign_pb2.Effect(webhook=webhook, maturity=Maturity(base=base, days=days))


async def called(incentive: Incentive, days: float) -> list[WebhookMatured]:
    """All that were called until so many days after noon."""
    now = NOON + timedelta(days=days)
    while await incentive.db.transact(lambda tx: call_matured(tx, now)):
        pass
    return await incentive.told(WebhookMatured)


async def test_a_webhook_is_called_once_and_not_before_it_matures(incentive: Incentive) -> None:
    profile_id = new()
    campaign_id = await running(incentive, of_orders(calls(type="member.welcome")))

    await incentive.happen(paid := a_paid_order(profile_id))
    await incentive.happen(paid)
    assert await called(incentive, 6.99) == []
    (call,) = await called(incentive, 7)
    assert await called(incentive, 70) == [call]

    (grant,) = await incentive.grants(profile_id)
    assert (grant.endpoint_id, grant.amount, grant.asset, grant.packet_id) == (ENDPOINT, 1, "", "")
    assert call == WebhookMatured(
        grant_id=grant.grant_id,
        endpoint_id=ENDPOINT,
        type="member.welcome",
        campaign_id=campaign_id,
        campaign_version=1,
        profile_id=profile_id,
        cause=paid.order_id,
        grant_time=grant.grant_time,
        mature_time=stamp(NOON + timedelta(days=7)),
    )
    assert [fact.endpoint_id for fact in await incentive.told(RewardGranted)] == [ENDPOINT]
    assert await incentive.spent(campaign_id) == 0


async def test_what_is_taken_back_before_it_matures_is_never_called(incentive: Incentive) -> None:
    await running(incentive, of_orders(calls()))
    kept, returned = a_paid_order(new()), a_paid_order(new())

    await incentive.happen(kept, returned)
    await incentive.happen(a_refund(returned, 10_000))
    await incentive.happen(a_refund(kept, 9_999))

    assert [call.cause for call in await called(incentive, 8)] == [kept.order_id]


async def test_days_from_delivery_begin_with_the_delivery(incentive: Incentive) -> None:
    await running(incentive, of_orders(calls(base=Maturity.BASE_DELIVERED, days=1)))
    await incentive.happen(paid := a_paid_order(new()))
    assert await called(incentive, 300) == []

    await incentive.happen(delivery(paid, timedelta(days=3)))

    assert await called(incentive, 3.99) == []
    assert [call.type for call in await called(incentive, 4)] == ["reward.granted"]


async def test_nothing_is_called_about_a_person_who_was_erased(incentive: Incentive) -> None:
    await running(incentive, terms(calls(days=1)))
    await incentive.happen(an_event(erased := new()), an_event(other := new()))

    await incentive.happen(an_erasure(erased), handler=privacy.on_profile_erased)

    assert [call.profile_id for call in await called(incentive, 2)] == [other]


async def test_a_webhook_without_maturity_is_refused(incentive: Incentive) -> None:
    said = campaign_pb2.Effect(webhook=campaign_pb2.WebhookEffect(endpoint_id=ENDPOINT))

    with pytest.raises(InvalidArgument) as refused:
        await draft(incentive, of_orders(said))

    assert [field for field, _ in refused.value.violations] == ["terms.effects[0].maturity"]
