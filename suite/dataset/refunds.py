"""Refunds, which the data does not have: an invented, deterministic, small share of the orders.

Nothing here is the retailer's. Of the orders with something to pay, `RATE_BP` get one refund 3 to 10 days later, half
of them whole and half of one line, all decided by a hash of the seed and the order id. So every run, and every part of
a run, invents the same refunds.
"""

import hashlib
from datetime import timedelta

from suite.dataset.values import Order, Refund, RefundLine

RATE_BP = 200
DELAY_MIN = timedelta(days=3)
DELAY_MAX = timedelta(days=10)


def refund_of(order: Order, seed: int) -> Refund | None:
    """The one refund of an order, if it has one."""
    draw = int.from_bytes(hashlib.blake2b(f"{seed}:{order.order_id}".encode(), digest_size=16).digest(), "big")
    draw, chance = divmod(draw, 10_000)
    payable = [line for line in order.lines if line.net_minor > 0]
    if chance >= RATE_BP or not payable:
        return None
    draw, seconds = divmod(draw, int((DELAY_MAX - DELAY_MIN).total_seconds()))
    draw, whole = divmod(draw, 2)
    given_back = order.lines if whole else (payable[draw % len(payable)],)
    return Refund(
        refund_id=order.order_id.replace("CJ-", "CJ-R-", 1),
        order_id=order.order_id,
        member_no=order.member_no,
        refunded_at=order.ordered_at + DELAY_MIN + timedelta(seconds=seconds),
        lines=tuple(RefundLine(line.line_no, line.sku, line.quantity, line.net_minor) for line in given_back),
        full=len(given_back) == len(order.lines),
    )
