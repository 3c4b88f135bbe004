"""Sagas: set aside, commit, put back."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from chassis.db import Tx
from chassis.errors import Refusal
from chassis.idempotency import RequestIdReused
from chassis.ids import new_id
from services.incentive.budgets import store
from services.incentive.budgets.domain import Budget, Move, Nest, Outcome, Purse, merged
from services.incentive.budgets.domain import reservations as domain
from services.incentive.budgets.domain.reservations import Order, Reservation, State, Verdict
from services.incentive.budgets.errors import BudgetNotFound
from services.incentive.budgets.operations.holding import hold

LAPSED_AT_ONCE_MAX = 500


async def reserve(tx: Tx, orders: Sequence[Order]) -> list[Reservation | Refusal]:
    """Set amounts aside in order, each in full or not at all, and each request once for ever."""
    decided = await store.find_decided(tx, {order.request_key for order in orders})
    fresh = [order for order in orders if order.request_key not in decided]
    nest = await _nest(tx, fresh)
    fresh = [order for order in fresh if order.want.budget_id in nest.nodes]
    made = await _decide(tx, nest, {order.request_key: order for order in fresh}) if fresh else []
    decided |= {each.request_key: each for each in made}
    return [_outcome(order, decided.get(order.request_key)) for order in orders]


def _outcome(order: Order, decided: Reservation | None) -> Reservation | Refusal:
    if decided is None:
        return BudgetNotFound(order.want.budget_id)
    if decided.fingerprint != order.fingerprint:
        return RequestIdReused(order.request_id)
    return decided.refusal() or decided


async def _nest(tx: Tx, orders: Sequence[Order]) -> Nest:
    parts = {(order.want.budget_id, kind, value) for order in orders for kind, value in order.want.scope}
    return Nest(await store.find_concerned(tx, {order.want.budget_id for order in orders}, parts))


async def _decide(tx: Tx, nest: Nest, orders: Mapping[bytes, Order]) -> list[Reservation]:
    demand: dict[UUID, int] = {}
    for order in orders.values():
        for node in nest.concerned(order.want):
            demand[node] = demand.get(node, 0) + order.want.amount
    held = await hold(tx, demand, lambda budget: demand[budget.budget_id] > budget.left)
    time, wall = await store.get_time(tx), await store.get_wall_time(tx)
    purse = Purse(held, time)
    made = [_made(order, purse.charge(order.want), nest, time, wall) for order in orders.values()]
    await store.save_moved(tx, [Move(move.budget_id, reserved=move.committed) for move in purse.moved])
    await store.count(tx, purse.counted)
    await store.insert_reservations(tx, made)
    return made


def _made(order: Order, outcome: Outcome, nest: Nest, time: datetime, wall: datetime) -> Reservation:
    paid = outcome is Outcome.PAID
    return Reservation(
        reservation_id=new_id(),
        budget_id=order.want.budget_id,
        nodes=nest.concerned(order.want),
        amount=order.want.amount,
        reference=order.reference,
        state=State.RESERVED if paid else State.REFUSED,
        reason="" if paid else outcome,
        reserve_time=time,
        expire_time=wall + order.ttl,
        resolve_time=None if paid else time,
        request_key=order.request_key,
        fingerprint=order.fingerprint,
    )


async def resolve(tx: Tx, verdicts: Sequence[Verdict]) -> list[Reservation | Refusal]:
    """Spend what was set aside, or put it back; in order, each once."""
    found = await store.lock_reservations(tx, {verdict.reservation_id for verdict in verdicts})
    held = await hold(tx, {node for each in found.values() for node in each.nodes})
    killed, now = {budget.budget_id for budget in held if budget.killed}, await store.get_wall_time(tx)
    outcomes: list[Reservation | Refusal] = []
    moves: list[Move] = []
    for verdict in verdicts:
        try:
            after, moved = domain.resolved(found, verdict, killed, now)
        except Refusal as refusal:
            outcomes.append(refusal)
            continue
        found[verdict.reservation_id] = after
        outcomes.append(after)
        moves += moved
    await _save(tx, held, list(found.values()), moves)
    return outcomes


async def lapse_some(tx: Tx) -> bool:
    """Put back what nobody committed in time, and what kill switches stop. Returns whether there may be more."""
    return await _lapse(tx, await store.lock_lapsed(tx, LAPSED_AT_ONCE_MAX))


async def lapse_under(tx: Tx, budget_id: UUID) -> bool:
    """Put back what is set aside at a node. Returns whether there may be more."""
    return await _lapse(tx, await store.lock_under(tx, budget_id, LAPSED_AT_ONCE_MAX))


async def _lapse(tx: Tx, lapsed: Sequence[Reservation]) -> bool:
    held = await hold(tx, {node for each in lapsed for node in each.nodes})
    now = await store.get_wall_time(tx)
    changes = [domain.lapsed(each, now) for each in lapsed]
    await _save(tx, held, [after for after, _ in changes], [move for _, moves in changes for move in moves])
    return len(lapsed) == LAPSED_AT_ONCE_MAX


async def _save(tx: Tx, held: Sequence[Budget], reservations: Sequence[Reservation], moves: Sequence[Move]) -> None:
    await store.save_moved(tx, merged(moves, {budget.budget_id: budget for budget in held}))
    await store.save_reservations(tx, reservations)
