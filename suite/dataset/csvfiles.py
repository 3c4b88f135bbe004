"""Write members and orders as CSV, so that `bowen import` can be shown on real files."""

import csv
from collections.abc import Iterable
from typing import TextIO

from suite.dataset.journey import ATTRIBUTES
from suite.dataset.values import CURRENCY, Member, Order

MEMBER_COLUMNS = ("member_no", "home_store_id", *ATTRIBUTES)
ORDER_COLUMNS = (
    "order_id",
    "member_no",
    "store_id",
    "ordered_at",
    "currency_code",
    "line_no",
    "sku",
    "category",
    "department",
    "quantity",
    "unit_price_minor",
    "discount_minor",
    "net_minor",
)


def write_members_csv(file: TextIO, members: Iterable[Member]) -> int:
    """Write a header and one row per member; an unknown attribute is an empty cell. Returns the number of rows."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(MEMBER_COLUMNS)
    rows = 0
    for member in members:
        writer.writerow(
            [member.member_no, member.home_store_id, *(member.attributes.get(name, "") for name in ATTRIBUTES)]
        )
        rows += 1
    return rows


def write_orders_csv(file: TextIO, orders: Iterable[Order]) -> int:
    """Write a header and one row per line, an order's lines together. Returns the number of rows."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(ORDER_COLUMNS)
    rows = 0
    for order in orders:
        at = order.ordered_at.strftime("%Y-%m-%dT%H:%M:%SZ")
        head = (order.order_id, order.member_no, order.store_id, at, CURRENCY)
        for line in order.lines:
            goods = (line.line_no, line.sku, line.category, line.department, line.quantity)
            writer.writerow([*head, *goods, line.unit_price_minor, line.discount_minor, line.net_minor])
        rows += len(order.lines)
    return rows
