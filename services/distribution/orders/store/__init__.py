"""Every statement about orders, their lines and refunds, and what could not become an order."""

from services.distribution.orders.store.columns import (
    Key,
)
from services.distribution.orders.store.reads import (
    get_order,
    get_orders,
    list_orders,
    list_orders_of,
    lock_by_number,
    lock_credited,
    lock_order,
)
from services.distribution.orders.store.rejections import (
    Rejection,
    hold_numbers,
    insert_rejections,
    take_early_events,
)
from services.distribution.orders.store.writes import (
    give_back,
    give_order,
    insert_orders,
    insert_refunds,
    save_credits,
    save_orders,
)

__all__ = [
    "Key",
    "Rejection",
    "get_order",
    "get_orders",
    "give_back",
    "give_order",
    "hold_numbers",
    "insert_orders",
    "insert_refunds",
    "insert_rejections",
    "list_orders",
    "list_orders_of",
    "lock_by_number",
    "lock_credited",
    "lock_order",
    "save_credits",
    "save_orders",
    "take_early_events",
]
