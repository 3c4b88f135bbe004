"""People who were taken for one are two again: whose orders, links and visits are (spec people §3.5)."""

import pytest
from bowen.distribution.v1 import order_service_pb2 as os_
from bowen.profile.v1 import events_pb2 as profile_events

from chassis.ids import new_id
from chassis.stamps import stamp
from tests.service.distribution.network import HOUR, Network, a_merge, an_event


def an_undoing(merge: profile_events.ProfileMerged, **fields: object) -> profile_events.ProfileUnmerged:
    values = {
        "merge_id": merge.merge_id,
        "survivor_id": merge.survivor_id,
        "restored_id": merge.loser_id,
        "remaining_id": merge.survivor_id,
    }
    return profile_events.ProfileUnmerged(**values | fields)


def a_reassignment(
    event: profile_events.EventRecorded, profile_id: str, merge_id: str, network: Network
) -> profile_events.EventReassigned:
    return profile_events.EventReassigned(
        event_id=event.event_id,
        profile_id=profile_id,
        from_profile_id=event.profile_id,
        merge_id=merge_id,
        message_id=event.message_id,
        type=event.type,
        name=event.name,
        source_id=event.source_id,
        trust=event.trust,
        anonymous_id=event.anonymous_id,
        properties=event.properties,
        timestamp=event.timestamp,
        reassign_time=stamp(network.now()),
    )


async def orders_of(network: Network, profile_id: str) -> list[tuple[str, str]]:
    """Numbers and buyers of a person's orders."""
    response = await network.orders.ListProfileOrders(os_.ListProfileOrdersRequest(profile_id=profile_id))
    return [(order.order_number, order.profile_id) for order in response.orders]


@pytest.mark.parametrize("undone_first", [False, True])
async def test_b10_orders_are_whose_they_were_in_whatever_order_it_is_told(network: Network, undone_first: bool):
    old, new = await network.imported(network.a_row()), await network.imported(network.a_row())
    merge = a_merge(old.profile_id, new.profile_id)

    if not undone_first:
        await network.tell(merge)
        assert len(await orders_of(network, old.profile_id)) == 2
    await network.tell(an_undoing(merge))
    await network.tell(merge)
    await network.tell(an_undoing(merge))

    assert await orders_of(network, old.profile_id) == [(old.order_number, old.profile_id)]
    assert await orders_of(network, new.profile_id) == [(new.order_number, new.profile_id)]


async def test_i21_a_chain_is_undone_in_its_middle(network: Network):
    a, b, c = [await network.imported(network.a_row()) for _ in range(3)]
    first, second = a_merge(a.profile_id, b.profile_id), a_merge(b.profile_id, c.profile_id)
    await network.tell(second, first)

    await network.tell(an_undoing(second, restored_from_ids=[a.profile_id]))

    people = [{buyer for _, buyer in await orders_of(network, each.profile_id)} for each in (a, b, c)]
    assert people == [{b.profile_id}, {b.profile_id}, {c.profile_id}]


async def test_what_an_event_bought_since_the_merge_is_whose_the_event_is(network: Network):
    loser, survivor = str(new_id()), str(new_id())
    merge = a_merge(loser, survivor)
    products = '[{"product_id": "p", "price": 9.99, "quantity": 1}]'
    properties = f'{{"order_id": "N1", "currency": "CNY", "products": {products}}}'
    event = an_event(survivor, name="Order Completed", properties=properties, timestamp=stamp(network.now()))
    await network.tell(merge, event)
    assert await orders_of(network, loser) == [("N1", survivor)]

    await network.tell(an_undoing(merge), a_reassignment(event, loser, merge.merge_id, network))

    assert (await orders_of(network, loser), await orders_of(network, survivor)) == ([("N1", loser)], [])


async def test_a_link_of_the_restored_person_credits_that_person_again(network: Network):
    order, sharer = await network.imported(network.a_row()), str(new_id())
    merge = a_merge(sharer, order.profile_id)
    await network.touch(await network.a_link(sharer_profile_id=sharer), profile_id=order.profile_id)
    await network.tell(merge)

    await network.tell(an_undoing(merge))
    network.clock.advance(HOUR.total_seconds())
    paid = await network.pay(order)

    assert paid.attribution.sharer_profile_id == sharer
