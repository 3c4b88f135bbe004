"""Orders: placed once, imported with their history, seen by those whose they are."""

import asyncio
from datetime import timedelta

import pytest
from bowen.distribution.v1 import order_pb2
from bowen.distribution.v1 import order_service_pb2 as os_
from bowen.profile.v1.profile_service_pb2 import LookupProfileRequest

from chassis.caller import acting
from chassis.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, PermissionDenied, Refusal
from chassis.ids import new_id
from chassis.stamps import stamp
from tests.service.distribution.network import HOUR, STORE, Network, a_key, a_line, a_member, a_merge

Order = order_pb2.Order
Outcome = os_.ImportOrderOutcome
CREATED, UPDATED, DUPLICATE = Outcome.RESULT_CREATED, Outcome.RESULT_UPDATED, Outcome.RESULT_DUPLICATE
REJECTED = Outcome.RESULT_REJECTED
NOT_YOURS = (PermissionDenied, "NOT_YOURS")


def an_order(**fields) -> os_.PlaceOrderRequest:
    values = {"request_id": str(new_id()), "order_number": "A-1", "source": "pos", "currency_code": "CNY"}
    return os_.PlaceOrderRequest(**values | {"buyer": a_member("m-1"), "lines": [a_line()]} | fields)


async def test_the_same_order_again_answers_with_what_is_there(network: Network):
    first = (await network.orders.PlaceOrder(an_order())).order
    again = (await network.orders.PlaceOrder(an_order())).order

    assert again == first
    with pytest.raises(AlreadyExists) as refusal:
        await network.orders.PlaceOrder(an_order(lines=[a_line(1)]))
    assert (refusal.value.reason, refusal.value.metadata["order_id"]) == ("ORDER_NUMBER_REUSED", first.order_id)


async def test_an_unknown_buyer_becomes_a_person_and_an_unknown_profile_is_refused(network: Network):
    order = (await network.orders.PlaceOrder(an_order())).order
    by_id = (await network.orders.PlaceOrder(an_order(buyer={"profile_id": order.profile_id}))).order

    assert by_id.order_id == order.order_id
    for buyer in ({"profile_id": str(new_id())}, {"identifier": {"type": "nonsense", "value": "1"}}):
        with pytest.raises(NotFound) as refusal:
            await network.orders.PlaceOrder(an_order(order_number="A-2", buyer=buyer))
        assert refusal.value.reason == "BUYER_NOT_FOUND"


async def test_a_store_and_a_seller_must_be_partners_of_the_right_kind(network: Network):
    guide = await network.a_partner()

    for fields in ({"store_id": guide.partner_id}, {"seller_partner_id": str(new_id())}):
        with pytest.raises(NotFound) as refusal:
            await network.orders.PlaceOrder(an_order(**fields))
        assert refusal.value.reason == "PARTNER_NOT_FOUND"


async def test_an_order_whose_fields_do_not_fit_is_refused_by_field(network: Network):
    with pytest.raises(InvalidArgument) as refusal:
        await network.orders.PlaceOrder(an_order(lines=[a_line(100), a_line(100, 2, discount_minor=101)]))

    assert refusal.value.reason == "ORDER_INVALID"
    assert refusal.value.violations == [("lines[1].discount_minor", "must be at most gross_minor")]


async def test_each_step_needs_its_state_and_repeats_change_nothing(network: Network):
    order = (await network.orders.PlaceOrder(an_order())).order

    for step in (network.deliver, network.refund):
        with pytest.raises(FailedPrecondition) as refusal:
            await step(order)
        assert refusal.value.reason == "ORDER_STATE"
    paid = await network.pay(order)
    network.clock.advance(60)
    assert await network.pay(order) == paid
    assert await network.deliver(order) == await network.deliver(order)
    with pytest.raises(FailedPrecondition):
        await network.orders.CancelOrder(os_.CancelOrderRequest(request_id="c", order_id=order.order_id))


async def test_a_cancelled_order_is_never_paid(network: Network):
    order = (await network.orders.PlaceOrder(an_order())).order
    cancelled = await network.orders.CancelOrder(os_.CancelOrderRequest(request_id="c", order_id=order.order_id))

    with pytest.raises(FailedPrecondition):
        await network.pay(order)

    assert cancelled.order.state == Order.STATE_CANCELLED


async def test_eight_parallel_payments_credit_once(network: Network):
    guide = await network.a_partner()
    await network.a_plan(guide=1_000)
    order = (await network.orders.PlaceOrder(an_order(seller_partner_id=guide.partner_id))).order

    await asyncio.gather(*(network.pay(order) for _ in range(8)))

    assert len(await network.commissions_of(order)) == 1


async def test_eight_parallel_retries_of_one_refund_refund_once(network: Network):
    order = await network.imported(network.a_row(a_line(1_000), paid=timedelta(0)))
    lines = [order_pb2.RefundLine(line_no=1, amount_minor=300)]
    request = os_.RefundOrderRequest(request_id="r", order_id=order.order_id, lines=lines)

    answers = await asyncio.gather(*(network.orders.RefundOrder(request) for _ in range(8)))

    assert {answer.order.refunded_minor for answer in answers} == {300}


async def test_more_than_is_left_of_a_line_is_never_refunded(network: Network):
    order = await network.imported(network.a_row(a_line(1_000), a_line(500, 2), paid=timedelta(0)))
    await network.refund(order, line_1=800)

    with pytest.raises(FailedPrecondition) as refusal:
        await network.refund(order, line_2=100, line_1=201)

    assert refusal.value.reason == "REFUND_EXCEEDS_LINE"
    assert refusal.value.metadata == {"line_no": "1", "left_minor": "200"}
    assert (await network.order(order.order_id)).refunded_minor == 800


async def test_an_import_keeps_times_and_answers_each_row_for_itself(network: Network):
    good = network.a_row(paid=HOUR, delivered=2 * HOUR)
    backwards = network.a_row(paid=-HOUR)
    nobody = network.a_row(buyer={"identifier": {"type": "nonsense", "value": "1"}})

    outcomes = await network.import_rows(good, backwards, nobody, good)
    order = await network.order(outcomes[0].order_id)

    assert [outcome.result for outcome in outcomes] == [
        CREATED,
        Outcome.RESULT_REJECTED,
        Outcome.RESULT_REJECTED,
        DUPLICATE,
    ]
    assert [outcome.reason for outcome in outcomes] == ["", "ORDER_INVALID", "BUYER_NOT_FOUND", ""]
    assert (order.place_time, order.pay_time, order.deliver_time) == (good.place_time, good.pay_time, good.deliver_time)
    assert await network.rows("SELECT FROM orders") == [()]


async def test_an_import_with_more_history_carries_the_order_on(network: Network):
    row = network.a_row(paid=HOUR)
    first = await network.import_rows(row)
    row.deliver_time.CopyFrom(stamp(network.now() + 2 * HOUR))
    row.refunds.add(refund_number="r-1", refund_time=row.deliver_time)

    second, third = await network.import_rows(row), await network.import_rows(row)

    assert [item.result for item in (*first, *second, *third)] == [CREATED, UPDATED, DUPLICATE]
    assert (await network.order(first[0].order_id)).state == Order.STATE_REFUNDED


async def test_concurrent_imports_of_the_same_rows_create_each_order_once(network: Network):
    guide = await network.a_partner()
    await network.a_plan(guide=1_000)
    rows = [network.a_row(seller_partner_id=guide.partner_id, paid=HOUR, delivered=HOUR) for _ in range(20)]

    batches = await asyncio.gather(*(network.import_rows(*rows[::step]) for step in (1, -1, 1, -1)))

    assert sorted(item.result for batch in batches for item in batch) == [CREATED] * 20 + [DUPLICATE] * 60
    await network.posted()
    assert await network.balance(guide) == 20 * 999


async def test_a_stores_key_touches_the_orders_of_its_own_store_only(network: Network):
    own, other = await network.a_partner(STORE), await network.a_partner(STORE)
    guide = await network.a_partner(parent_partner_id=other.partner_id)
    theirs = (await network.orders.PlaceOrder(an_order(store_id=other.partner_id))).order
    get = os_.GetOrderRequest

    with acting(a_key(own.partner_id)):
        mine = (await network.orders.PlaceOrder(an_order(order_number="B-1"))).order
        listed = (await network.orders.ListOrders(os_.ListOrdersRequest())).orders
        refused = await asyncio.gather(
            network.orders.GetOrder(get(order_id=theirs.order_id)),
            network.orders.GetOrder(get(order_id=str(new_id()))),
            network.pay(theirs),
            network.orders.PlaceOrder(an_order(order_number="B-2", store_id=other.partner_id)),
            network.orders.PlaceOrder(an_order(order_number="B-3", seller_partner_id=guide.partner_id)),
            network.orders.ListOrders(os_.ListOrdersRequest(store_id=other.partner_id)),
            return_exceptions=True,
        )
        (row,) = await network.import_rows(network.a_row(store_id=other.partner_id))

    assert mine.store_id == own.partner_id
    assert [order.order_id for order in listed] == [mine.order_id]
    assert [(type(item), item.reason) for item in refused if isinstance(item, Refusal)] == [
        (PermissionDenied, "NOT_YOURS")
    ] * 6
    assert row.reason == "NOT_YOURS"


async def test_an_order_that_a_store_may_not_place_makes_no_person(network: Network):
    own, other = await network.a_partner(STORE), await network.a_partner(STORE)
    buyer = {"identifier": {"type": "user_id", "value": "ghost"}}

    with acting(a_key(own.partner_id)), pytest.raises(PermissionDenied):
        await network.orders.PlaceOrder(an_order(store_id=other.partner_id, buyer=buyer))

    with pytest.raises(NotFound):
        await network.profiles.LookupProfile(LookupProfileRequest(type="user_id", value="ghost"))


async def test_a_merged_person_has_the_orders_of_both(network: Network):
    old = await network.imported(network.a_row())
    network.clock.advance(60)
    new = await network.imported(network.a_row())
    await network.tell(a_merge(old.profile_id, new.profile_id))

    for profile_id in (old.profile_id, new.profile_id):
        request = os_.ListProfileOrdersRequest(profile_id=profile_id)
        with acting(a_key(profile_id=profile_id)):
            orders = (await network.orders.ListProfileOrders(request)).orders
        assert [order.order_id for order in orders] == [new.order_id, old.order_id]
        assert {order.profile_id for order in orders} == {new.profile_id}
    with acting(a_key(profile_id=str(new_id()))), pytest.raises(PermissionDenied):
        await network.orders.ListProfileOrders(request)


async def test_merges_in_any_order_lead_to_the_last_survivor(network: Network):
    a, b, c = [await network.imported(network.a_row()) for _ in range(3)]

    await network.tell(a_merge(b.profile_id, c.profile_id), a_merge(a.profile_id, b.profile_id))

    rows = await network.rows("SELECT DISTINCT survivor_id::text AS survivor FROM redirect")
    assert [row["survivor"] for row in rows] == [c.profile_id]


async def test_pages_of_orders_go_from_new_to_old_and_hold_each_once(network: Network):
    made = []
    for _ in range(5):
        made.append((await network.imported(network.a_row())).order_id)
        network.clock.advance(60)

    found, token = [], ""
    while not found or token:
        page = await network.orders.ListOrders(os_.ListOrdersRequest(page_size=2, page_token=token))
        found += [order.order_id for order in page.orders]
        token = page.next_page_token

    assert found == made[::-1]
