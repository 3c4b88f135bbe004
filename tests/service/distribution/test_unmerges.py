"""People who were taken for one are two again: whose orders, links and visits are (spec people §3.5)."""

import pytest
from bowen.distribution.v1 import commission_pb2, events_pb2, order_pb2
from bowen.distribution.v1 import order_service_pb2 as os_
from bowen.profile.v1 import events_pb2 as profile_events
from bowen.profile.v1 import profile_service_pb2

from chassis.ids import new_id
from chassis.stamps import stamp
from tests.service.distribution.network import HOUR, KOC, Network, a_line, a_member, a_merge, an_event


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

    reassignment = a_reassignment(event, loser, merge.merge_id, network)
    await network.tell(an_undoing(merge), reassignment)
    await network.tell(reassignment)

    (told,) = await network.told(events_pb2.OrderReassigned)
    assert (told.profile_id, told.from_profile_id, told.order.order_number) == (loser, survivor, "N1")
    assert (await orders_of(network, loser), await orders_of(network, survivor)) == ([("N1", loser)], [])


async def keys_of(network: Network, *buyers: order_pb2.Buyer) -> list[str]:
    """What stands for the identifiers that name buyers."""
    names = [{"type": each.identifier.type, "value": each.identifier.value, "verified": True} for each in buyers]
    request = profile_service_pb2.ResolveProfilesRequest(sets=[{"identifiers": [name]} for name in names])
    return [outcome.identifier_key for outcome in (await network.profiles.ResolveProfiles(request)).outcomes]


async def test_what_the_api_placed_since_the_merge_is_whose_the_id_or_identifier_is_that_named_them(network: Network):
    phone, card, handed_on = map(a_member, ("phone", "card", "handed on"))
    before, own = [await network.imported(network.a_row(buyer=buyer)) for buyer in (phone, handed_on)]
    loser, survivor = before.profile_id, own.profile_id
    await network.tell(a_merge((await network.imported(network.a_row(buyer=card))).profile_id, survivor))
    network.clock.advance(1)
    merge, merge_time = a_merge(loser, survivor), stamp(network.now())
    await network.tell(merge)
    rows = [network.a_row(buyer=buyer) for buyer in (phone, order_pb2.Buyer(profile_id=loser))]
    others = [network.a_row(buyer=buyer) for buyer in (card, order_pb2.Buyer(profile_id=survivor))]
    assert {(await network.imported(row)).profile_id for row in (*rows, *others)} == {survivor}
    network.clock.advance(1)
    undoing = an_undoing(
        merge,
        merge_time=merge_time,
        unmerge_time=stamp(network.now()),
        restored_identifier_keys=await keys_of(network, phone, handed_on),
    )

    for fact in (undoing, undoing, merge, undoing):
        await network.tell(fact)

    given, kept = [{row.order_number for row in each} for each in (rows, others)]
    assert set(await orders_of(network, loser)) == {(number, loser) for number in given | {before.order_number}}
    assert {number for number, _ in await orders_of(network, survivor)} > kept | {own.order_number}
    told = await network.told(events_pb2.OrderReassigned, len(given))
    assert sorted((item.order.order_number, item.profile_id, item.from_profile_id) for item in told) == sorted(
        (number, loser, survivor) for number in given
    )
    repeated = await network.import_rows(*rows, *others)
    assert {outcome.result for outcome in repeated} == {os_.ImportOrderOutcome.RESULT_DUPLICATE}


async def test_a_credit_holds_again_once_the_order_is_the_restored_persons_who_is_not_the_sharer(network: Network):
    await network.a_plan(koc=1_000)
    person = await network.imported(network.a_row())
    sharer = await network.a_partner(KOC, profile_id=person.profile_id)
    loser, survivor = [(await network.imported(network.a_row())).profile_id for _ in range(2)]
    merge = a_merge(loser, survivor)
    await network.tell(merge)
    await network.touch(await network.a_link(sharer), profile_id=survivor)
    row = network.a_row(a_line(10_000), buyer=order_pb2.Buyer(profile_id=loser))
    sold = await network.deliver(await network.pay(await network.imported(row)))
    await network.tell(a_merge(person.profile_id, survivor))
    await network.posted()
    assert (await network.balance(sharer), await state_of(network, sold)) == (0, [VOIDED])

    await network.tell(an_undoing(merge))
    await network.posted()

    assert (await network.order(sold.order_id)).profile_id == loser
    assert (await network.balance(sharer), await state_of(network, sold)) == (1_000, [ACCRUED])


async def test_a_link_of_the_restored_person_credits_that_person_again(network: Network):
    order, sharer = await network.imported(network.a_row()), str(new_id())
    merge = a_merge(sharer, order.profile_id)
    await network.touch(await network.a_link(sharer_profile_id=sharer), profile_id=order.profile_id)
    await network.tell(merge)

    await network.tell(an_undoing(merge))
    network.clock.advance(HOUR.total_seconds())
    paid = await network.pay(order)

    assert paid.attribution.sharer_profile_id == sharer


ESTIMATED, ACCRUED, REVERSED, VOIDED = (
    getattr(commission_pb2.Commission, f"STATE_{name}") for name in ("ESTIMATED", "ACCRUED", "REVERSED", "VOIDED")
)


async def a_sale(network: Network, partner: object, *, delivered: bool = True) -> order_pb2.Order:
    """An order that its buyer clicked for."""
    order = await network.imported(network.a_row(a_line(10_000)))
    await network.touch(await network.a_link(partner), profile_id=order.profile_id)
    paid = await network.pay(order)
    return await network.deliver(paid) if delivered else paid


async def state_of(network: Network, order: order_pb2.Order) -> list[int]:
    return [commission.state for commission in await network.commissions_of(order)]


async def test_i25_a_purchase_that_turns_out_to_be_the_sharers_own_earns_nothing_until_that_is_undone(network: Network):
    await network.a_plan(koc=1_000, parent_rate_bp=500)
    person = await network.imported(network.a_row())
    parent = await network.a_partner(KOC)
    sharer = await network.a_partner(KOC, profile_id=person.profile_id, parent_partner_id=parent.partner_id)
    sold = await a_sale(network, sharer)
    await network.posted()
    assert (await network.balance(sharer), await network.balance(parent)) == (1_000, 500)
    merge = a_merge(sold.profile_id, person.profile_id)

    await network.tell(merge)
    await network.posted()

    assert (await network.balance(sharer), await network.balance(parent)) == (0, 0)
    assert await state_of(network, sold) == [VOIDED, VOIDED]
    assert (await network.order(sold.order_id)).attribution.void_reason == "SELF_PURCHASE"
    (voided,) = await network.told(events_pb2.TouchVoided)
    assert (voided.touch.profile_id, voided.sharer_partner_id) == (sold.profile_id, sharer.partner_id)

    await network.refund(sold, line_1=5_000)  # takes nothing of what is void
    for _ in range(2):
        await network.tell(an_undoing(merge))
    await network.tell(merge)
    await network.posted()

    assert (await network.balance(sharer), await network.balance(parent)) == (500, 250)
    assert await state_of(network, sold) == [ACCRUED, ACCRUED]
    assert not (await network.order(sold.order_id)).attribution.void_reason
    (restored,) = await network.told(events_pb2.TouchRestored)
    assert restored.touch.touch_id == voided.touch.touch_id
    assert [item.order.attribution.void_reason for item in await network.told(events_pb2.OrderRecredited, 2)] == [
        "SELF_PURCHASE",
        "",
    ]

    await network.refund(sold)
    await network.posted()
    assert (await network.balance(sharer), await network.balance(parent)) == (0, 0)
    assert await state_of(network, sold) == [REVERSED, REVERSED]


async def test_i25_what_is_not_delivered_is_void_and_what_was_spent_is_owed(network: Network):
    await network.a_plan(koc=1_000)
    person = await network.imported(network.a_row())
    sharer = await network.a_partner(KOC, profile_id=person.profile_id)
    waiting, spent = await a_sale(network, sharer, delivered=False), await a_sale(network, sharer)
    await network.posted()
    await network.pay_out(sharer, 1_000)

    merges = [a_merge(order.profile_id, person.profile_id) for order in (waiting, spent)]
    await network.tell(*merges)
    await network.deliver(waiting)
    await network.posted()
    assert (await state_of(network, waiting), await state_of(network, spent)) == ([VOIDED], [VOIDED])
    assert (await network.balance(sharer), await network.balance(sharer, "debt")) == (0, -1_000)

    await network.tell(*map(an_undoing, merges))
    await network.posted()
    assert await network.balance(sharer) + await network.balance(sharer, "debt") == 1_000


async def test_i25_a_visit_of_a_device_is_its_only_owners(network: Network):
    sharer, visitor, other = (str(new_id()) for _ in range(3))
    link = await network.a_link(sharer_profile_id=sharer)
    own = await network.touch(link, visitor_id="own")
    await network.touch(link, visitor_id="shared")
    await network.tell(
        *(an_event(who, anonymous_id=of) for who, of in [(visitor, "own"), (visitor, "shared"), (other, "shared")])
    )

    await network.tell(a_merge(visitor, sharer))

    assert [item.touch.touch_id for item in await network.told(events_pb2.TouchVoided)] == [own.touch_id]
    (ripple,) = await network.rows("SELECT count(*) FROM voided_touch")
    assert ripple["count"] == 1
