"""What holds for every platform: signatures, repeats, garbage, exact amounts."""

import json
from dataclasses import replace
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis import rules
from gateway.channels import convert
from gateway.channels.adapters import ADAPTERS, orders
from gateway.channels.domain import Callback, Kind, Secrets
from gateway.channels.errors import CallbackInvalid, SignatureInvalid
from services.distribution.orders.domain import ecommerce
from tests.unit.gateway import channel_fixtures as sent
from tests.unit.gateway.channel_fixtures import NOON, changed, heard, told


@pytest.mark.parametrize("kind", sent.SIGNED)
def test_the_same_callback_is_heard_under_the_same_keys_again(kind):
    channel = sent.channel_of(kind)

    first, again = (ADAPTERS[kind](channel, sent.SIGNED[kind]).heard for _ in range(2))

    ids = [[convert.event_of(channel, each, NOON).message_id for each in told] for told in (first, again)]
    assert ids[0] == ids[1] != []


@pytest.mark.parametrize("kind", sent.SIGNED)
def test_what_another_secret_signed_is_refused(kind):
    channel = replace(sent.channel_of(kind), secrets=Secrets("another"))

    with pytest.raises(SignatureInvalid):
        ADAPTERS[kind](channel, sent.SIGNED[kind])


@pytest.mark.parametrize("kind", [kind for kind in sent.SIGNED if kind != Kind.WEIBO])
def test_a_body_that_was_changed_on_its_way_is_refused(kind):
    callback = sent.SIGNED[kind]

    with pytest.raises(SignatureInvalid):
        told(kind, replace(callback, body=callback.body + b" "))


@pytest.mark.parametrize("kind", sent.SIGNED)
@given(
    body=st.binary(max_size=200),
    headers=st.dictionaries(
        st.sampled_from(
            sorted(
                (
                    "x-bowen-signature",
                    "x-douyin-signature",
                    "event-sign",
                    "sign",
                    "app-key",
                    "timestamp",
                    "top-sign-list",
                )
            )
        ),
        st.text(max_size=40),
    ),
)
def test_nothing_unsigned_is_heard_whatever_it_is(kind, body, headers):
    with pytest.raises(SignatureInvalid):
        told(kind, Callback("POST", {}, headers, body))


NAMES = sorted(
    """
    order refund topic content event action type data sender_id created_at tid status orders order_id order_state
    receipt_no time total lines sku price quantity amount member phone call_id direction number start_time orderId
    orderStatus skuList totalPayAmount payment pay_amount refund_id certificate trade_fullinfo_get_response trade
    item_info_list consignee_info from_user_id create_time msg_time subtype paidTime pay_time discount answered
    """.split()  # noqa: SIM905 (fifty quotes and commas otherwise)
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(
        ["sale", "refund", "inbound", "im_receive_msg", "life_trade_order_notify", "pay_success", "event"]
    )
    | st.sampled_from(["2026-06-20 12:00:00", "0001-01-01 00:00:00", "2026-06-20T12:00:00+08:00", "1e999999999", "1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6),
    max_leaves=20,
)
SIGNERS = {
    "export": sent.export,
    "douyin": sent.douyin,
    "douyin_shop": sent.douyin_shop,
    "xiaohongshu": sent.xiaohongshu,
    "taobao": sent.taobao,
    "weibo": sent.weibo,
}


@pytest.mark.parametrize(
    ("kind", "signer"),
    [
        (Kind.DOUYIN, "douyin"),
        (Kind.DOUYIN, "douyin_shop"),
        (Kind.DOUYIN, "export"),
        (Kind.XIAOHONGSHU, "xiaohongshu"),
        (Kind.XIAOHONGSHU, "export"),
        (Kind.TAOBAO, "taobao"),
        (Kind.TAOBAO, "export"),
        (Kind.JD, "export"),
        (Kind.WEIBO, "weibo"),
        (Kind.POS, "export"),
        (Kind.CALL_CENTRE, "export"),
    ],
)
@given(record=VALUES)
def test_garbage_that_is_well_signed_is_heard_or_refused_and_nothing_else(kind, signer, record):
    try:
        answer = told(kind, SIGNERS[signer](record))
    except CallbackInvalid:
        return
    for each in answer.heard:
        rules.check(convert.event_of(sent.channel_of(kind), each, NOON))


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"[1]", b"null", b"{}\n1", b"[" * 10_000, b"1e99999999999999999999"]
)
def test_what_is_no_export_is_refused(body):
    with pytest.raises(CallbackInvalid):
        told(Kind.POS, sent.export(body))


FEN = st.integers(0, 10**9).map(lambda fen: Decimal(fen).scaleb(-2))


@given(amount=FEN, quantity=st.integers(1, 1000))
def test_pieces_of_a_sum_add_up_to_it_and_differ_by_a_fen_at_most(amount, quantity):
    lines = orders.pieces("sku", quantity, amount)

    assert sum(line.price * line.quantity for line in lines) == amount
    assert sum(line.quantity for line in lines) == quantity
    assert max(line.price for line in lines) - min(line.price for line in lines) <= Decimal("0.01")


@given(lines=st.lists(st.tuples(FEN, st.integers(1, 100)), max_size=5), goods=FEN)
def test_products_less_discount_are_always_what_was_paid(lines, goods):
    order = orders.Order("1", [orders.Line("sku", count, price) for price, count in lines], goods)

    properties = orders.completed(order)

    if lines:
        gross = sum(product["price"] * product["quantity"] for product in properties["products"])
        assert gross - properties["discount"] == goods
    assert properties["revenue"] == goods


@pytest.mark.parametrize(
    ("kind", "callback", "net_minor"),
    [
        (Kind.DOUYIN, sent.douyin(sent.DOUYIN_VOUCHERS), 19_901),
        (Kind.DOUYIN, sent.export(sent.DOUYIN_SHOP_ORDER), 4_000),
        (Kind.XIAOHONGSHU, sent.export(sent.XHS_ORDER), 1_000),
        (Kind.TAOBAO, sent.taobao(sent.TAOBAO_TRADE), 3_800),
        (Kind.TAOBAO, sent.export(sent.TAOBAO_PAID), 4_400),
        (Kind.JD, sent.export(sent.JD_ORDER), 3_600),
        (Kind.POS, sent.export(sent.SALE), 6_000),
    ],
)
def test_what_every_platform_was_paid_is_what_distribution_reads_of_it(kind, callback, net_minor):
    event = convert.event_of(sent.channel_of(kind), heard(kind, callback), NOON)

    properties = ecommerce.properties_of(event.properties)
    row = ecommerce.completed(properties, source="segment:channel", profile_id=UUID(int=1), time=NOON)

    assert sum(line.net_minor for line in row.draft.lines) == net_minor


def test_amounts_travel_as_exact_numbers():
    (event,) = told(Kind.POS, sent.export(changed(sent.SALE, lines=[], total=0.1, discount=0))).heard

    properties = convert.event_of(sent.channel_of(Kind.POS), event, NOON).properties

    assert json.loads(properties, parse_float=Decimal)["total"] == Decimal("0.1")
