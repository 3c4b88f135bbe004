"""Who is credited with a sale."""

from bowen.distribution.v1 import order_pb2, ripple_pb2
from bowen.distribution.v1 import ripple_service_pb2 as rs

from chassis.ids import new_id
from tests.service.distribution.network import EMPLOYEE, HOUR, INACTIVE, STORE, Network, a_line, a_merge, an_event

A = order_pb2.Attribution


async def clicked(network: Network, *links, **touch) -> order_pb2.Order:
    """An order whose buyer clicked the links, a minute after one another."""
    order = await network.imported(network.a_row())
    for link in links:
        await network.touch(link, profile_id=order.profile_id, **touch)
        network.clock.advance(60)
    return order


def reasons(order: order_pb2.Order) -> list[tuple[str, str]]:
    return [(loser.partner_id, loser.reason) for loser in order.attribution.losers]


async def test_shr_04_the_last_click_wins_and_the_earlier_one_is_kept(network: Network):
    a, b = await network.a_partner(), await network.a_partner()
    order = await clicked(network, await network.a_link(a), await network.a_link(b))

    paid = await network.pay(order)

    assert paid.attribution.partner_id == b.partner_id
    assert reasons(paid) == [(a.partner_id, "EARLIER_CLICK")]


async def test_a_click_of_the_very_product_beats_a_later_click(network: Network):
    a, b = await network.a_partner(), await network.a_partner()
    of_product = await network.a_link(a, content_id="sku-1")
    order = await clicked(network, of_product, await network.a_link(b, content_id="sku-7"))

    paid = await network.pay(order)

    assert paid.attribution.token == of_product.token
    assert reasons(paid) == [(b.partner_id, "LOWER_STEP")]


async def test_the_seller_named_at_the_till_beats_clicks_and_the_store(network: Network):
    store, guide, other = await network.a_partner(STORE), await network.a_partner(), await network.a_partner()
    row = network.a_row(store_id=store.partner_id, seller_partner_id=guide.partner_id)
    order = await network.imported(row)
    await network.touch(await network.a_link(other), profile_id=order.profile_id)

    paid = await network.pay(order)

    assert (paid.attribution.step, paid.attribution.partner_id) == (A.STEP_NAMED_SELLER, guide.partner_id)
    assert reasons(paid) == [(other.partner_id, "LOWER_STEP"), (store.partner_id, "LOWER_STEP")]


async def test_shr_11_a_sharer_who_left_between_click_and_order_is_passed_over(network: Network):
    a, b = await network.a_partner(), await network.a_partner()
    order = await clicked(network, await network.a_link(a), await network.a_link(b))
    await network.update(b, state=INACTIVE)

    paid = await network.pay(order)

    assert paid.attribution.partner_id == a.partner_id
    assert reasons(paid) == [(b.partner_id, "PARTNER_INACTIVE")]


async def test_i27_an_employee_who_shops_is_one_person_paid_by_role_for_what_she_sells(network: Network):
    """She earns at the rate of her role, shares as a consumer when she is at home, and earns nothing by herself."""
    await network.a_plan(employee=2_000, koc=500)
    bought, sold, shared = [await network.imported(network.a_row(a_line(10_000))) for _ in range(3)]
    known_as, shopper = str(new_id()), bought.profile_id
    employee = await network.a_partner(EMPLOYEE, profile_id=known_as)
    await network.tell(a_merge(known_as, shopper))
    at_work, at_home = await network.a_link(employee), await network.a_link(sharer_profile_id=known_as)
    for order, link in ((bought, at_work), (sold, at_work), (shared, at_home)):
        await network.touch(link, profile_id=order.profile_id)

    paid = [await network.deliver(await network.pay(order)) for order in (bought, sold, shared)]
    await network.posted()

    assert (at_work.ring, at_home.ring) == (ripple_pb2.RING_TEAM, ripple_pb2.RING_PROSPECT)
    earned = [[each.amount_minor for each in await network.commissions_of(order)] for order in paid]
    assert earned == [[], [2_000], []]
    assert await network.balance(employee) == 2_000
    assert [each.attribution.sharer_profile_id for each in paid] == ["", "", shopper]


async def test_com_17_a_purchase_by_the_sharer_earns_the_sharer_nothing(network: Network):
    store = await network.a_partner(STORE)
    order = await network.imported(network.a_row(store_id=store.partner_id))
    known_as = str(new_id())
    employee = await network.a_partner(profile_id=known_as)
    await network.a_plan(guide=1_000)
    await network.tell(a_merge(known_as, order.profile_id))
    await network.touch(await network.a_link(employee), profile_id=order.profile_id)

    paid = await network.pay(order)

    assert paid.attribution.step == A.STEP_STORE
    assert reasons(paid) == [(employee.partner_id, "SELF_PURCHASE")]
    assert await network.commissions_of(order) == []


async def test_a_consumer_who_shared_wins_the_touch_and_earns_no_commission(network: Network):
    store, sharer = await network.a_partner(STORE), str(new_id())
    await network.a_plan(store=1_000)
    order = await network.imported(network.a_row(store_id=store.partner_id))
    link = await network.a_link(sharer_profile_id=sharer)
    await network.touch(link, profile_id=order.profile_id)

    paid = await network.pay(order)

    assert (paid.attribution.step, paid.attribution.partner_id) == (A.STEP_LAST_CLICK, "")
    assert paid.attribution.sharer_profile_id == sharer
    assert await network.commissions_of(order) == []
    ripple = (await network.ripples.GetRipple(rs.GetRippleRequest(chain_id=link.chain_id))).ripple
    assert ripple.order_count == 1


async def test_nobody_buys_on_the_strength_of_the_own_link(network: Network):
    order = await network.imported(network.a_row())
    await network.touch(await network.a_link(sharer_profile_id=order.profile_id), profile_id=order.profile_id)

    paid = await network.pay(order)

    assert paid.attribution.step == A.STEP_HOUSE
    assert reasons(paid) == [("", "SELF_PURCHASE")]


async def test_shr_08_clicks_of_devices_count_for_the_person_also_after_a_merge(network: Network):
    guide, anonymous = await network.a_partner(), str(new_id())
    order = await network.imported(network.a_row())
    await network.touch(await network.a_link(guide), visitor_id="old phone")
    await network.tell(an_event(anonymous, anonymous_id="old phone"))
    await network.tell(a_merge(anonymous, order.profile_id))

    paid = await network.pay(order)

    assert paid.attribution.partner_id == guide.partner_id


async def test_com_15_an_inactive_parent_earns_nothing_and_nobody_moves_up(network: Network):
    top = await network.a_partner(STORE)
    middle = await network.a_partner(STORE, parent_partner_id=top.partner_id)
    guide = await network.a_partner(parent_partner_id=middle.partner_id)
    await network.a_plan(guide=1_000, parent_rate_bp=500)
    await network.update(middle, state=INACTIVE)
    network.clock.advance(60)

    order = await network.imported(network.a_row(a_line(1_000), seller_partner_id=guide.partner_id, paid=HOUR))

    assert [item.partner_id for item in await network.commissions_of(order)] == [guide.partner_id]


async def test_history_is_credited_to_those_who_were_active_then(network: Network):
    guide = await network.a_partner()
    row = network.a_row(seller_partner_id=guide.partner_id, paid=HOUR)
    network.clock.advance(7200)
    await network.update(guide, state=INACTIVE)

    order = await network.imported(row)

    assert order.attribution.partner_id == guide.partner_id
