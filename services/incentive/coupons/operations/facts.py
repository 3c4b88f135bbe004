"""What facts about orders of distribution's do to orders with coupons."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from chassis.db import Tx
from services.incentive.coupons.domain.orders import KnownOrder, Order, Verdict
from services.incentive.coupons.operations.orders import redeem_order
from services.incentive.coupons.operations.refunds import refund_order
from services.incentive.coupons.store import orders as store
from services.incentive.subjects import store as subjects


async def redeem_known(tx: Tx, known: Sequence[KnownOrder]) -> None:
    """Take the payments of orders that have coupons. There is nobody who could consent to a full charge."""
    for order, fact in await _lock_known(tx, known):
        if order.verdict == Verdict.OPEN:
            await redeem_order(tx, order, consents=False, now=fact.at)


async def deliver_known(tx: Tx, known: Sequence[KnownOrder]) -> None:
    """Remember that orders that have coupons were delivered."""
    for order, fact in await _lock_known(tx, known):
        if order.deliver_time is None:
            await store.save_order(tx, replace(order, deliver_time=fact.at), [])


async def refund_known(tx: Tx, known: Sequence[KnownOrder]) -> None:
    """Give back the coupons of orders of which nothing remains, once."""
    for order, fact in await _lock_known(tx, known):
        is_left = any(order.left.values()) or not order.cart.lines
        if order.verdict == Verdict.REDEEMED and is_left:
            await refund_order(tx, order, [], is_delivered=False, now=fact.at)


async def _lock_known(tx: Tx, known: Sequence[KnownOrder]) -> list[tuple[Order, KnownOrder]]:
    """The orders with coupons that these are, held in key order, each with the first fact about it."""
    references = {reference for each in known for reference in (each.order_id, each.order_number) if reference}
    held = await store.lock_by_reference(tx, references)
    buyers = {each.profile_id for each in known if each.profile_id} | {order.cart.profile_id for order in held} - {""}
    survivors = await subjects.find_survivors(tx, buyers) if held else {}
    pairs = []
    for order in held:
        fact = next((each for each in known if _is_same(each, order, survivors)), None)
        if fact is not None:
            pairs.append((order, fact))
    return pairs


def _is_same(fact: KnownOrder, order: Order, survivors: Mapping[str, str]) -> bool:
    """Whether an order with coupons is the one of a fact, merges of both buyers followed."""
    buyer = survivors.get(order.cart.profile_id, order.cart.profile_id)
    return fact.is_same(order, buyer, survivors.get(fact.profile_id, fact.profile_id))
