"""What has to hold of a fact for it to score in a pot: spec value §2.5, qualification."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from bowen.distribution.v1 import events_pb2
from bowen.incentive.v1 import pot_pb2
from bowen.profile.v1.event_pb2 import TRUST_SERVER
from bowen.profile.v1.events_pb2 import EventRecorded

from chassis.errors import FailedPrecondition, InvalidArgument
from chassis.stamps import stamp
from services.incentive.pots.consumers import on_event_recorded, on_order_paid, on_order_refunded
from tests.service.incentive.potting import SHARED, WEEK, Pots, a_pots
from tests.service.incentive.rewarding import NOON, Incentive, an_event, new
from tests.service.incentive.test_pot_orders import BY_ITEMS, BY_LEVELS, an_order, refunded


def asks(path: str, op: str, value: Any) -> str:
    return json.dumps({"v": 1, "attr": {"path": path, "op": op, "value": value}})


OF_TEA = asks("properties.drink", "eq", "tea")


@pytest.fixture
async def pots(incentive: Incentive) -> AsyncIterator[Pots]:
    async with a_pots(incentive) as pots:
        yield pots
        await incentive.ledger.check()


def a_share(profile_id: str, properties: str, **fields: Any) -> EventRecorded:
    return an_event(profile_id, SHARED, trust=TRUST_SERVER, properties=properties, **fields)


async def test_an_event_scores_where_the_pots_condition_holds(pots: Pots) -> None:
    tea_id, any_id, other_id = (
        await pots.create(when=OF_TEA),
        await pots.create(),
        await pots.create(event_name="Drink Bought", when=OF_TEA),
    )
    sharer = new()
    told = [
        a_share(sharer, properties)
        for properties in ('{"drink": "tea"}', '{"drink": "coffee"}', "{}", "", "[" * 10_000, '["tea"]')
    ]
    late = a_share(sharer, '{"drink": "tea"}', timestamp=stamp(NOON + WEEK))

    await pots.incentive.happen(*told, late, handler=on_event_recorded)
    await pots.incentive.happen(*told, handler=on_event_recorded)

    assert [(await pots.standing(each, sharer)).score for each in (tea_id, any_id, other_id)] == [1, 6, 0]
    assert (await pots.get(tea_id)).when == OF_TEA


async def test_a_late_event_that_meets_the_condition_qualifies_until_the_grace_is_over(pots: Pots) -> None:
    pot_id, sharer = await pots.create(when=OF_TEA, grace_hours=48), new()
    pots.incentive.clock.advance((WEEK + timedelta(hours=47)).total_seconds())

    with pytest.raises(FailedPrecondition):
        await pots.freeze(pot_id)
    late = (a_share(sharer, '{"drink": "tea"}'), a_share(new(), '{"drink": "coffee"}'))
    await pots.incentive.happen(*late, handler=on_event_recorded)
    pots.incentive.clock.advance(3_600)

    assert (await pots.freeze(pot_id)).winner_count == 1
    await pots.incentive.happen(a_share(new(), '{"drink": "tea"}'), handler=on_event_recorded)
    assert (await pots.share(pot_id, sharer)).score == 1


@pytest.mark.parametrize(
    ("when", "score"),
    [
        (asks("quantity", "ge", 5), 3),
        (asks("net_minor", "lt", 700), 0),
        (asks("skus", "has_any", ["s2"]), 3),
        (asks("store_id", "eq", "s-1"), 0),
    ],
)
async def test_an_order_is_asked_as_it_was_paid_in_every_order_of_arrival(pots: Pots, when: str, score: int) -> None:
    pot_id, buyers = await pots.create(**BY_ITEMS, when=when), []
    for order in permutations(range(3)):
        bought = an_order(buyer := new(), 4, 3)
        facts = [(on_order_paid, bought), *((on_order_refunded, refunded(bought, 1, each)) for each in (0, 3))]
        for handler, fact in [facts[index] for index in order]:
            await pots.incentive.happen(fact, handler=handler)
        buyers.append(buyer)

    assert {(await pots.standing(pot_id, buyer)).score for buyer in buyers} == {score}


async def test_a_level_is_claimed_with_what_met_the_condition_and_lost_with_it(pots: Pots) -> None:
    pot_id, buyer = await pots.create(**BY_LEVELS, when=asks("currency_code", "eq", "CNY")), new()
    counting, abroad = an_order(buyer, 3), an_order(buyer, 9)
    abroad.order.currency_code = "JPY"
    await pots.incentive.happen(counting, abroad, handler=on_order_paid)

    assert (await pots.claim(pot_id, buyer, 1)).state == pot_pb2.PotClaim.STATE_PAID
    refunds: list[events_pb2.OrderRefunded] = [refunded(abroad, 9), refunded(counting, 1)]
    states = []
    for refund in refunds:
        await pots.incentive.happen(refund, handler=on_order_refunded)
        states += [claim.state for claim in (await pots.standing(pot_id, buyer)).claims]
    assert states == [pot_pb2.PotClaim.STATE_PAID, pot_pb2.PotClaim.STATE_TAKEN_BACK]


@pytest.mark.parametrize(
    "when", ["{", "[]", '{"attr": {"path": "net_minor", "op": "like", "value": 1}}', '{"seq": []}', " " * 4_097]
)
async def test_a_condition_that_is_none_is_refused(pots: Pots, when: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        await pots.create(when=when)

    assert refused.value.violations[0][0] == "when"
