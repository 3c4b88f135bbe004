"""What tills and call centres export, and what we hear of it."""

import json
from decimal import Decimal

import jsonschema
import pytest

from gateway.channels import shapes
from gateway.channels.domain import Identifier, Kind
from gateway.channels.errors import CallbackInvalid
from tests.unit.gateway import channel_fixtures as sent
from tests.unit.gateway.channel_fixtures import NOON, PHONE, changed, heard, lines_of, told


def test_a_receipt_is_an_order_of_a_member_at_a_store():
    event = heard(Kind.POS, sent.export(sent.SALE))

    assert event.identifiers == [Identifier("member_no", "", "M-1"), Identifier("phone", "", "13912345678")]
    assert (event.name, event.key, event.time) == ("Order Completed", "sale:S17-2-000042", NOON)
    assert lines_of(event.properties) == [("tea", 2, Decimal("19.90")), ("nuts", 1, Decimal("21.4"))]
    assert {name: event.properties[name] for name in ("store", "till", "cashier", "total", "discount")} == {
        "store": "store-17",
        "till": "2",
        "cashier": "c-9",
        "total": Decimal("60.00"),
        "discount": Decimal("1.20"),
    }


def test_a_line_of_pieces_or_of_a_weight_may_have_an_amount():
    pieces = [{"sku": "tea", "quantity": 3, "amount": "10.00"}, {"sku": "nuts", "quantity": 0.535, "amount": "21.40"}]

    event = heard(Kind.POS, sent.export(changed(sent.SALE, lines=pieces, discount=0, total="31.40")))

    assert lines_of(event.properties) == [
        ("tea", 2, Decimal("3.33")),
        ("tea", 1, Decimal("3.34")),
        ("nuts", 1, Decimal("21.40")),
    ]


def test_a_line_of_a_currency_without_hundredths_is_not_split_below_its_unit():
    pieces = [{"sku": "tea", "quantity": 3, "amount": 100}]

    event = heard(Kind.POS, sent.export(changed(sent.SALE, lines=pieces, discount=0, total=100, currency="jpy")))

    assert (event.properties["currency"], lines_of(event.properties)) == ("JPY", [("tea", 1, Decimal(100))])


@pytest.mark.parametrize("number", ["M***1", "", None, True, ["M-1"], "9" * 201])
def test_i09_a_masked_or_endless_member_number_is_nobodys(number):
    assert told(Kind.POS, sent.export(changed(sent.SALE, member={"member_no": number}))).heard == []


def test_a_phone_that_a_clerk_was_told_is_a_hint_only():
    event = heard(Kind.POS, sent.export(changed(sent.SALE, member={"phone": "13912345678"})))

    assert event.identifiers == [PHONE]


def test_a_returned_product_gives_back_what_the_till_gave():
    event = heard(Kind.POS, sent.export(sent.REFUND))

    assert (event.name, event.key) == ("Order Refunded", "refund:S17-2-000043")
    assert event.properties["order_id"] == "S17-2-000042"
    assert event.properties["products"] == [{"product_id": "tea", "quantity": 1, "amount": Decimal("19.50")}]


def test_receipts_come_one_by_one_in_arrays_and_in_lines_and_the_answer_counts_them():
    nobody = changed(sent.SALE, member={"phone": "138****8000"})
    lines = b"\n".join(json.dumps(each).encode() for each in (sent.SALE, nobody, sent.REFUND)) + b"\n"

    for callback in (sent.export([sent.SALE, nobody, sent.REFUND]), sent.export(lines)):
        answer = told(Kind.POS, callback)
        assert [event.name for event in answer.heard] == ["Order Completed", "Order Refunded"]
        assert json.loads(answer.reply.body) == {"taken": 2, "skipped": 1}


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"total": "60.01"}, "total"),
        ({"total": None}, "total"),
        ({"total": True}, "total"),
        ({"total": "NaN"}, "total"),
        ({"discount": "0.001"}, "discount"),
        ({"currency": "yuan"}, "currency"),
        ({"type": "gift"}, "type"),
        ({"receipt_no": ""}, "receipt_no"),
        ({"time": "2026-06-20T12:00:00"}, "time"),
        ({"lines": [{"sku": "tea", "quantity": 0, "price": 1}]}, "lines[0].quantity"),
        ({"lines": [{"sku": "tea", "quantity": "0.5", "price": 1}]}, "lines[0].quantity"),
        ({"lines": [{"sku": "tea", "price": "-1"}]}, "lines[0].price"),
        ({"lines": [{"sku": "tea", "quantity": 0, "amount": "1"}]}, "lines[0].quantity"),
        ({"lines": [{"price": 1}]}, "sku"),
        ({"lines": {"sku": "tea"}}, "lines"),
        ({"member": "M-1"}, "body"),
    ],
)
def test_a_receipt_that_does_not_add_up_refuses_the_export_by_field(fields, field):
    with pytest.raises(CallbackInvalid) as refused:
        told(Kind.POS, sent.export([sent.SALE, changed(sent.SALE, **fields)]))

    assert [name for name, _ in refused.value.violations] == [f"records[1].{field}"]


@pytest.mark.parametrize(
    ("direction", "answered", "name"),
    [
        ("inbound", True, "Call Received"),
        ("inbound", False, "Call Missed"),
        ("outbound", True, "Call Made"),
        ("outbound", False, "Call Made"),
    ],
)
def test_a_call_is_received_missed_or_made_and_its_number_proves_nobody(direction, answered, name):
    event = heard(Kind.CALL_CENTRE, sent.export(sent.CALL | {"direction": direction, "answered": answered}))

    assert (event.name, event.key, event.time) == (name, "call:c-1", NOON)
    assert event.identifiers == [Identifier("phone", "", "139 1234 5678", verified=False)]
    assert (event.properties["duration_seconds"], event.properties["agent"]) == (93, "a-7")


@pytest.mark.parametrize(
    "number",
    ["", None, "anonymous", "138****8000", "18877771111-123", "188 7777 1111 转 123", "18877771111,1234", "1" * 300],
)
def test_i09_a_call_from_a_number_that_is_withheld_masked_or_virtual_is_of_nobody(number):
    answer = told(Kind.CALL_CENTRE, sent.export(sent.CALL | {"number": number}))

    assert (answer.heard, json.loads(answer.reply.body)) == ([], {"taken": 0, "skipped": 1})


@pytest.mark.parametrize(
    "fields", [{"direction": "up"}, {"answered": "yes"}, {"start_time": "noon"}, {"call_id": None}]
)
def test_a_call_that_breaks_a_rule_is_refused(fields):
    with pytest.raises(CallbackInvalid):
        told(Kind.CALL_CENTRE, sent.export(sent.CALL | fields))


DOCUMENTED = [
    (Kind.POS, shapes.RECEIPT, sent.SALE),
    (Kind.POS, shapes.RECEIPT, sent.REFUND),
    (Kind.CALL_CENTRE, shapes.CALL, sent.CALL),
    (Kind.JD, shapes.ORDER, sent.JD_ORDER),
    (Kind.XIAOHONGSHU, shapes.ORDER, sent.XHS_ORDER),
    (Kind.DOUYIN, shapes.ORDER, sent.DOUYIN_SHOP_ORDER),
]


@pytest.mark.parametrize(("kind", "schema", "record"), DOCUMENTED)
def test_what_the_document_requires_of_an_export_is_what_is_required(kind, schema, record):
    document = jsonschema.Draft202012Validator(shapes.BODY["content"]["application/json"]["schema"])

    jsonschema.Draft202012Validator(schema).validate(record)
    document.validate([record, record])
    for name in schema.get("required", ["order"]):
        less = {key: value for key, value in record.items() if key != name}
        assert not jsonschema.Draft202012Validator(schema).is_valid(less)
        with pytest.raises(CallbackInvalid):
            told(kind, sent.export(less))
