"""The way of an order from a click to the partner's account and back."""

from datetime import timedelta

from bowen.distribution.v1 import commission_pb2, events_pb2, order_pb2
from bowen.distribution.v1 import commission_service_pb2 as cs
from bowen.incentive.v1 import ledger_pb2, ledger_service_pb2

from chassis.ids import new_id
from tests.service.distribution.network import GUIDE, HOUR, STORE, Network, a_line, a_member, an_event

Attribution, Order, Commission = order_pb2.Attribution, order_pb2.Order, commission_pb2.Commission


async def test_a_click_becomes_an_order_a_commission_a_balance_and_a_refund_takes_it_back(network: Network):
    store = await network.a_partner(STORE)
    guide = await network.a_partner(GUIDE, parent_partner_id=store.partner_id)
    await network.a_plan(guide=800, parent_rate_bp=300)
    link = await network.a_link(guide)
    touch = await network.touch(link, visitor_id="phone")
    order = await network.imported(network.a_row(buyer=a_member("m-1")))
    await network.tell(an_event(order.profile_id, anonymous_id="phone"))

    network.clock.advance(3600)
    paid = await network.pay(order)
    assert (paid.attribution.step, paid.attribution.partner_id) == (Attribution.STEP_LAST_CLICK, guide.partner_id)
    assert (paid.attribution.touch_id, paid.attribution.token) == (touch.touch_id, link.token)
    estimated = await network.commissions_of(order)
    assert [(item.partner_id, item.amount_minor, item.state) for item in estimated] == [
        (guide.partner_id, 799, Commission.STATE_ESTIMATED),
        (store.partner_id, 300, Commission.STATE_ESTIMATED),
    ]

    await network.deliver(order)
    await network.posted()
    assert (await network.balance(guide), await network.balance(store)) == (799, 300)

    refunded = await network.refund(order)
    await network.posted()
    assert refunded.state == Order.STATE_REFUNDED
    assert (await network.balance(guide), await network.balance(store)) == (0, 0)
    after = await network.commissions_of(order)
    assert [(item.reversed_minor, item.state, item.posted) for item in after] == [
        (799, Commission.STATE_REVERSED, True),
        (300, Commission.STATE_REVERSED, True),
    ]
    assert [item.order_id for item in await network.told(events_pb2.OrderPaid)] == [order.order_id]
    (told,) = await network.told(events_pb2.OrderRefunded)
    assert (told.amount_minor, told.order.refunded_minor) == (9_999, 9_999)
    assert sum(item.amount_minor for item in await network.told(events_pb2.CommissionReversed, 2)) == 1_099


async def test_com_04_three_partial_refunds_take_back_333_333_334(network: Network):
    guide = await network.a_partner()
    await network.a_plan(guide=1_001)
    order = await network.imported(network.a_row(seller_partner_id=guide.partner_id, paid=HOUR, delivered=2 * HOUR))
    network.clock.advance(3 * 3600)

    for _ in range(3):
        await network.refund(order, line_1=3_333)

    reversals = await network.told(events_pb2.CommissionReversed, 3)
    assert [item.amount_minor for item in reversals] == [333, 333, 334]
    await network.posted()
    assert await network.balance(guide) == 0


async def test_com_06_a_refund_of_one_line_moves_the_commission_of_that_line_only(network: Network):
    guide = await network.a_partner()
    await network.a_plan(guide=1_000)
    lines = [a_line(1_000, 1), a_line(2_000, 2), a_line(3_000, 3)]
    order = await network.imported(network.a_row(*lines, seller_partner_id=guide.partner_id, paid=HOUR, delivered=HOUR))
    network.clock.advance(7200)

    await network.refund(order, line_2=0)

    (commission,) = await network.commissions_of(order)
    assert (commission.amount_minor, commission.reversed_minor) == (600, 200)


async def test_com_03_the_plan_of_the_moment_of_payment_counts(network: Network):
    guide = await network.a_partner()
    await network.a_plan(guide=1_000)
    order = await network.imported(network.a_row(seller_partner_id=guide.partner_id, paid=HOUR))
    await network.a_plan(guide=2_000, start_time=network.now() + 2 * HOUR)
    network.clock.advance(3 * 3600)

    await network.deliver(order)

    (commission,) = await network.commissions_of(order)
    assert (commission.amount_minor, commission.rate_bp_hundredths) == (999, 100_000)


async def test_what_is_refunded_before_delivery_never_reaches_the_ledger(network: Network):
    guide = await network.a_partner()
    await network.a_plan(guide=1_000)
    order = await network.imported(network.a_row(a_line(10_000), seller_partner_id=guide.partner_id, paid=HOUR))
    network.clock.advance(7200)

    await network.refund(order, line_1=4_000)
    await network.deliver(order)

    await network.posted()
    assert await network.balance(guide) == 600
    assert [row["amount_minor"] for row in await network.rows("SELECT amount_minor FROM posting")] == [600]


async def test_com_07_a_reversal_beyond_the_balance_becomes_debt(network: Network):
    guide = await network.a_partner()
    await network.a_plan(guide=1_000)
    order = await network.imported(
        network.a_row(a_line(10_000), seller_partner_id=guide.partner_id, paid=HOUR, delivered=HOUR)
    )
    await network.posted()
    await _pay_out(network, guide.partner_id, 700)
    network.clock.advance(7200)

    await network.refund(order)

    await network.posted()
    assert (await network.balance(guide), await network.balance(guide, "debt")) == (300, -1_000)
    (commission,) = await network.commissions_of(order)
    assert commission.posted


async def _pay_out(network: Network, partner_id: str, amount: int) -> None:
    transfer = ledger_pb2.Transfer(
        transfer_id=str(new_id()), debit_account=f"partner/{partner_id}/available", credit_account="sys/redeemed",
        asset="commission.CNY", amount=amount,
    )  # fmt: skip
    response = await network.ledger.PostTransfers(ledger_service_pb2.PostTransfersRequest(transfers=[transfer]))
    assert response.outcomes[0].result == ledger_service_pb2.TransferOutcome.RESULT_POSTED


async def test_top_partners_are_those_who_earned_most_reversals_subtracted(network: Network):
    first, second = await network.a_partner(), await network.a_partner(STORE)
    await network.a_plan(guide=1_000, store=1_000)
    kept = network.a_row(a_line(5_000), seller_partner_id=second.partner_id, paid=HOUR, delivered=HOUR)
    returned = network.a_row(a_line(9_000), seller_partner_id=first.partner_id, paid=HOUR, delivered=HOUR)
    returned.refunds.add(
        refund_number="r",
        refund_time=returned.deliver_time,
        lines=[order_pb2.RefundLine(line_no=1, amount_minor=8_000)],
    )
    await network.import_rows(kept, returned)

    top = (await network.commissions.ListTopPartners(cs.ListTopPartnersRequest(currency_code="CNY"))).partners
    guides = (
        await network.commissions.ListTopPartners(cs.ListTopPartnersRequest(currency_code="CNY", role=GUIDE))
    ).partners
    stats = await network.commissions.GetCommissionStats(cs.GetCommissionStatsRequest(currency_code="CNY"))

    assert [(item.partner.partner_id, item.earned_minor, item.order_count) for item in top] == [
        (second.partner_id, 500, 1),
        (first.partner_id, 100, 1),
    ]
    assert [item.partner.partner_id for item in guides] == [first.partner_id]
    assert (stats.estimated_minor, stats.accrued_minor) == (0, 600)


async def test_shr_07_a_click_counts_until_the_window_closes(network: Network):
    guide = await network.a_partner()
    link = await network.a_link(guide)
    within, after = await network.imported(network.a_row()), await network.imported(network.a_row())
    for order, visitor in ((within, "a"), (after, "b")):
        await network.touch(link, visitor_id=visitor, profile_id=order.profile_id)

    network.clock.advance(timedelta(days=7).total_seconds() - 1)
    assert (await network.pay(within)).attribution.step == Attribution.STEP_LAST_CLICK
    network.clock.advance(1)
    late = (await network.pay(after)).attribution

    assert late.step == Attribution.STEP_HOUSE
    assert [loser.reason for loser in late.losers] == ["OUTSIDE_WINDOW"]
