"""Conditions of campaigns: spec value §2.3."""

import json
import time
from typing import Any
from uuid import UUID

import pytest
from bowen.distribution.v1 import order_pb2
from bowen.incentive.v1 import campaign_pb2

from chassis.consumer import Delivery
from chassis.errors import InvalidArgument
from chassis.ids import new_id
from services.incentive.campaigns import store
from services.incentive.campaigns.convert import facts
from services.incentive.campaigns.domain import Campaign, claims_of
from tests.service.incentive.campaigning import evaluate
from tests.service.incentive.rewarding import NOON, Incentive, a_campaign, a_paid_order, an_event, new, on_order, points


def when(*leaves: dict[str, Any]) -> str:
    return json.dumps({"v": 1, "all": [{"attr": leaf} for leaf in leaves]})


async def test_only_events_that_the_condition_holds_for_are_rewarded(incentive: Incentive) -> None:
    await incentive.a_running_campaign(when=when({"path": "properties.channel", "op": "in", "value": ["pos", "mall"]}))
    fits, other, silent = new(), new(), new()

    await incentive.happen(
        an_event(fits, properties='{"channel": "POS"}'),
        an_event(other, properties='{"channel": "call"}'),
        an_event(silent),
    )

    assert [await incentive.has(each) for each in (fits, other, silent)] == [(10, 0), (0, 0), (0, 0)]


async def test_an_order_is_asked_for_its_store_its_goods_and_its_size(incentive: Incentive) -> None:
    store_id, buyer, other = new(), new(), new()
    await incentive.a_running_campaign(
        trigger=on_order(),
        reward=points(5),
        when=when(
            {"path": "store_id", "op": "eq", "value": store_id},
            {"path": "categories", "op": "has_any", "value": ["tea"]},
            {"path": "quantity", "op": "ge", "value": 7},
        ),
    )

    for profile_id, quantity in ((buyer, 7), (other, 6)):
        paid = a_paid_order(profile_id)
        paid.order.store_id = store_id
        paid.order.lines.append(order_pb2.OrderLine(sku="t-1", category="Tea", quantity=quantity))
        await incentive.happen(paid)

    assert [await incentive.has(each) for each in (buyer, other)] == [(5, 0), (0, 0)]


@pytest.mark.parametrize(
    "properties", ["", "{}", '{"a": null}', '{"a": "30"}', '{"a": [30]}', '{"a": {"b": 30}}', '{"b": 1e308}']
)
async def test_cmp_05_a_missing_or_strange_attribute_is_no_error(incentive: Incentive, properties: str) -> None:
    await incentive.a_running_campaign(when=when({"path": "properties.a", "op": "ge", "value": 30}))
    strange, fits = new(), new()

    await incentive.happen(an_event(strange, properties=properties), an_event(fits, properties='{"a": 30}'))

    assert [await incentive.has(each) for each in (strange, fits)] == [(0, 0), (10, 0)]


def deep(levels: int) -> str:
    return '{"not": ' * levels + '{"const": true}' + "}" * levels


@pytest.mark.parametrize(
    ("condition", "rule"),
    [
        (deep(8), "must not be deeper than 8 levels"),
        (when(*[{"path": "a", "op": "exists"}] * 64), "must not have more than 64 operators"),
        ('{"all": []}', "at least one condition"),
        ('{"event": {}}', "is not a condition"),
        ('{"attr": {"path": "a", "op": "is", "value": 1}}', "must be one of"),
        (json.dumps({"const": True, "pad": "x" * 5_000}), "4096"),
        ("[]", "must be a JSON object"),
        ("{", "must be a JSON object"),
    ],
)
async def test_cmp_05_a_condition_that_is_none_is_refused_with_its_rule(
    incentive: Incentive, condition: str, rule: str
) -> None:
    with pytest.raises(InvalidArgument) as refused:
        await incentive.campaigns.CreateCampaign(a_campaign(when=condition))  # type: ignore[misc]

    (violation,) = refused.value.violations
    assert violation[0] == "when"
    assert rule in violation[1]


STRANGE = {
    "ten megabytes": '{"a": "' + "x" * 10_000_000 + '"}',
    "open lists": "[" * 100_000,
    "open objects": '{"a": ' * 1_000,
    "no JSON": "nonsense",
}


@pytest.mark.parametrize("properties", STRANGE.values(), ids=STRANGE.keys())
async def test_cmp_05_a_payload_that_is_too_large_or_too_deep_is_skipped_in_no_time(
    incentive: Incentive, properties: str
) -> None:
    campaign_id = await incentive.a_running_campaign(when=when({"path": "properties.a", "op": "exists"}))
    delivery = Delivery(new_id(), an_event(strange := new(), properties=properties), NOON, NOON)
    campaigns = [await _stored(incentive, campaign_id)]

    started = time.process_time()
    occasion = facts.occasion_of_event(delivery)
    claims = claims_of(campaigns, [occasion] if occasion else [])
    seconds = time.process_time() - started

    assert claims == []
    assert seconds <= 0.05
    await incentive.happen(delivery.event, an_event(fits := new(), properties='{"a": 1}'))
    assert [await incentive.has(each) for each in (strange, fits)] == [(0, 0), (10, 0)]


async def _stored(incentive: Incentive, campaign_id: str) -> Campaign:
    async with incentive.db.read() as tx:
        return await store.get_campaign(tx, UUID(campaign_id))


async def test_cmp_05_facts_that_are_too_long_to_try_are_refused(incentive: Incentive) -> None:
    with pytest.raises(InvalidArgument) as refused:
        await evaluate(
            incentive,
            fact=campaign_pb2.Trigger(event_name="Product Shared"),
            facts=json.dumps({"properties": {"a": "x" * 70_000}}),
        )

    assert [field for field, _ in refused.value.violations] == ["facts"]


async def test_an_entry_into_a_segment_has_nothing_to_ask(incentive: Incentive) -> None:
    trigger = campaign_pb2.Trigger(segment_id=new())

    with pytest.raises(InvalidArgument) as refused:
        await incentive.campaigns.CreateCampaign(a_campaign(trigger=trigger, when=deep(1)))  # type: ignore[misc]

    assert refused.value.violations == [("when", "needs trigger event_name or order_paid")]


async def test_a_campaign_tells_its_condition(incentive: Incentive) -> None:
    campaign_id = await incentive.a_running_campaign(when=deep(2))

    assert (await incentive.campaign(campaign_id)).when == deep(2)
