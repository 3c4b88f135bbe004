"""Columns to fields, rows to bodies, runs of rows to orders."""

import csv
import io
from itertools import islice
from zoneinfo import ZoneInfo

import pytest

from suite.dataset import open_journey, write_members_csv, write_orders_csv
from suite.faults import Fault
from suite.importing.fields import Columns, mapping
from suite.importing.files import reading
from suite.importing.rows import RowInvalid, Terms, _money, member, order
from suite.importing.sending import items

ORDER = {
    "order_id": "A-1", "member_no": "M-1", "store_id": "S-1", "ordered_at": "2017-01-02 08:00:00", "sku": "42",
    "quantity": "3", "unit_price": "1.25", "discount": "0.75", "currency": "CNY",
}  # fmt: skip


def terms(kind: str, header, *flags: str, **more) -> Terms:
    return Terms("pos", mapping(kind, list(header), flags), **more)


def an_order(*rows: dict, **more):
    return order([(line, row) for line, row in enumerate(rows, 2)], terms("orders", rows[0], **more))


def test_columns_are_recognised_by_what_they_are_commonly_called():
    columns = mapping("members", ["Mobile Phone", "会员号", "E-Mail", "Favourite Colour"], []).columns

    assert columns == {
        "phone": "Mobile Phone",
        "member_no": "会员号",
        "email": "E-Mail",
        "attributes.favourite_colour": "Favourite Colour",
    }


def test_a_flag_wins_over_a_name():
    columns = mapping("members", ["phone", "card"], ["phone=attributes.hotline", "card=wx.openid@wx123"]).columns

    assert columns == {"attributes.hotline": "phone", "wx.openid@wx123": "card"}


def test_a_flag_may_leave_a_column_out():
    assert mapping("members", ["phone", "note"], ["note=-"]).columns == {"phone": "phone"}


@pytest.mark.parametrize(
    ("kind", "header", "flags", "words"),
    [
        ("members", ["name"], [], "no column is one of user_id"),
        ("members", ["phone"], ["tel=phone"], "no column 'tel'"),
        ("members", ["phone"], ["phone=number"], "no field 'number'"),
        ("members", ["phone"], ["phone"], "must be COLUMN=field"),
        ("members", ["a", "b"], ["a=phone", "b=phone"], "one field two columns"),
        ("members", ["phone", "phone"], [], "two columns of one name: phone"),
        ("orders", ["order_id", "phone", "sku", "price"], [], "no column is place_time"),
        ("orders", ["order_id", "phone", "email", "sku", "price", "ordered_at"], [], "the buyer has 2 columns"),
    ],
)
def test_a_file_that_cannot_be_understood_is_refused_in_words(kind, header, flags, words):
    with pytest.raises(Fault, match=words):
        mapping(kind, header, flags)


def test_a_member_keeps_unknown_columns_as_attributes_and_empty_cells_as_nothing():
    row = {"card": "M-1", "age": "35-44", "income": "", "phone": "13912345678"}

    item = member(row, 2, terms("members", row))

    assert item.body["attributes"] == {"age": "35-44"}
    assert item.body["identifiers"] == [
        {"type": "member_no", "value": "M-1", "verified": True},
        {"type": "phone", "value": "13912345678"},
    ]


def test_a_row_without_an_id_has_the_same_id_whenever_it_comes():
    row = {"phone": "13912345678", "age": "20"}

    first = member(row, 2, terms("members", row)).key
    again = member(dict(reversed(row.items())), 9, terms("members", row)).key

    assert first == again
    assert first != member(row | {"age": "21"}, 2, terms("members", row)).key


def test_a_member_that_names_nobody_is_a_fault_of_its_row():
    row = {"phone": "", "age": "20"}

    assert "none of the identifiers" in member(row, 2, terms("members", row)).fault


def test_the_rows_of_an_order_become_its_lines():
    item = an_order(ORDER, ORDER | {"sku": "43", "quantity": "1"}, zone=ZoneInfo("Asia/Shanghai"))

    assert item.fault == ""
    assert item.lines == [2, 3]
    assert item.store_code == "S-1"
    assert item.body["lines"] == [
        {"line_no": 1, "sku": "42", "category": "", "quantity": 3, "gross_minor": 375, "discount_minor": 75},
        {"line_no": 2, "sku": "43", "category": "", "quantity": 1, "gross_minor": 125, "discount_minor": 75},
    ]
    times = {item.body[name] for name in ("place_time", "pay_time", "deliver_time")}
    assert times == {"2017-01-02T00:00:00+00:00"}


def test_an_order_goes_no_further_than_its_stage():
    assert "pay_time" not in an_order(ORDER, stage="placed").body
    assert "deliver_time" not in an_order(ORDER, stage="paid").body


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"quantity": "two"}, "quantity: must be a whole number"),
        ({"unit_price": "1.255"}, "unit_price: must have at most 2 decimal places"),
        ({"unit_price": "cheap"}, "unit_price: must be an amount"),
        ({"unit_price": ""}, "unit_price: must be filled in"),
        ({"unit_price": "NaN"}, "unit_price"),
        ({"ordered_at": "yesterday"}, "ordered_at: must be a time"),
        ({"member_no": ""}, "member_no: must be filled in"),
        ({"currency": ""}, "currency: must be filled in"),
    ],
)
def test_a_fault_of_a_row_names_the_column_and_the_rule(change, words):
    assert words in an_order(ORDER | change).fault


def test_what_was_paid_must_be_the_price_less_the_discount():
    row = ORDER | {"net": "3.01"}

    assert "must be the price less the discount, 300, not 301" in an_order(row).fault
    assert an_order(ORDER | {"net": "3.00"}).fault == ""


def test_the_discount_follows_from_what_was_paid_when_the_file_has_none():
    row = {name: value for name, value in ORDER.items() if name != "discount"} | {"net": "3.00"}

    assert an_order(row).body["lines"][0]["discount_minor"] == 75


@pytest.mark.parametrize(
    ("text", "currency", "minor"), [("1,234.50", "CNY", 123450), ("500", "JPY", 500), ("0.1", "USD", 10)]
)
def test_amounts_become_minor_units(text, currency, minor):
    columns = Columns("orders", {"gross": "gross"})

    assert _money({"gross": text}, "gross", currency, Terms("pos", columns)) == minor


def test_a_yen_has_no_hundredths():
    with pytest.raises(RowInvalid, match="at most 0 decimal places"):
        _money({"gross": "1.5"}, "gross", "JPY", Terms("pos", Columns("orders", {"gross": "gross"})))


def test_orders_of_the_data_set_survive_the_way_through_a_file():
    orders = list(islice(next(open_journey().days(0, 1)).orders, 20))
    file = io.StringIO()
    write_orders_csv(file, orders)
    file.seek(0)
    reader = csv.DictReader(file)
    rows = list(enumerate(reader, 2))

    found = list(items("orders", rows, terms("orders", reader.fieldnames)))

    assert [item.key for item in found] == [each.order_id for each in orders]
    assert not any(item.fault for item in found)
    nets = [sum(line["gross_minor"] - line["discount_minor"] for line in item.body["lines"]) for item in found]
    assert nets == [each.net_minor for each in orders]


def test_a_row_of_another_length_is_a_fault_of_its_own(tmp_path):
    path = tmp_path / "members.csv"
    path.write_text("phone;age\n13912345678;20\n13912345679\n13912345670;22\n")

    with reading(path, encoding="utf-8", delimiter="") as source:
        found = list(items("members", source.rows, terms("members", source.header)))

    assert [item.fault for item in found] == ["", "the row has 1 values, the header 2", ""]


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "is empty"), ("电话\n1".encode("gb18030"), "give --encoding"), (b'a,b\n"x', "no CSV file")],
)
def test_a_file_that_cannot_be_read_is_refused_in_words(tmp_path, content, words):
    path = tmp_path / "members.csv"
    path.write_bytes(content)

    with pytest.raises(Fault, match=words), reading(path, encoding="utf-8", delimiter="") as source:
        list(source.rows)


def test_a_file_that_is_not_there_is_refused_in_words(tmp_path):
    with (
        pytest.raises(Fault, match="cannot be read: No such file"),
        reading(tmp_path / "x", encoding="utf-8", delimiter=""),
    ):
        pass


def test_members_of_the_data_set_are_mapped_without_a_flag(tmp_path):
    path = tmp_path / "members.csv"
    with path.open("w") as file:
        write_members_csv(file, open_journey().members[:5])

    with reading(path, encoding="utf-8", delimiter="") as source:
        columns = mapping("members", source.header, [])
        assert len(list(source.rows)) == 5

    assert columns.identifiers == {"member_no": "member_no"}
    assert {"age", "income", "home_store_id"} <= set(columns.attributes)
