"""Purses: what a batch spends and puts back, from leases where they suffice, else from the nodes themselves."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from chassis.clock import sandbox_now
from chassis.db import Tx
from chassis.ids import new_id
from services.incentive.budgets import domain, store
from services.incentive.budgets.domain import Budget, Lease, Move, Need, Nest, Nodes, Outcome, Purse, Want
from services.incentive.budgets.domain.reservations import refusal_of
from services.incentive.budgets.errors import ConcernedMeanwhile, LeaseGone
from services.incentive.budgets.operations.holding import hold

OVER_AT_ONCE_MAX = 200
UNKNOWN = 2**62
"""A demand that no budget meets: everything is called back for it."""


async def open_purse(tx: Tx, budget_ids: Collection[UUID] = (), *, wants: Sequence[Want] = ()) -> Purse:
    """Have budgets at hand for a batch. What is decided on them is kept by `save_purse`.

    `wants` are all that will be asked for at most: they may be paid from leases, which hold no node. How much is asked
    of `budget_ids` is not known: where there are any, all nodes are held, and nothing stays leased. Only such a purse
    takes back.
    """
    nest = await _nest(tx, budget_ids, wants)
    needs = {} if budget_ids else nest.needs(wants)
    own = {lease.nodes: lease for lease in await _own(tx, nest)}
    covering = {nodes: own[nodes] for nodes, need in needs.items() if nodes in own and own[nodes].left >= need.total}
    rest = {nodes: need for nodes, need in needs.items() if nodes not in covering}
    demand = dict.fromkeys(nest.nodes, UNKNOWN) if budget_ids else _demand(rest)
    held = await _held(tx, nest, demand, [own[nodes].lease_id for nodes in rest if nodes in own])
    if held:
        await _check(tx, nest, wants)
    time = await store.get_time(tx)
    rates = {nodes: own[nodes].rate(time) for nodes in rest if nodes in own}
    taken = [lease for nodes, need in rest.items() if (lease := await _lease(tx, held, nodes, need, rates))]
    drawn = await store.lock_leases(tx, [lease.lease_id for lease in covering.values()])
    if any(lease.left < needs[lease.nodes].total for lease in drawn):
        raise LeaseGone
    return Purse((nest.nodes | held).values(), time, [*taken, *drawn])


async def _nest(tx: Tx, budget_ids: Collection[UUID], wants: Sequence[Want]) -> Nest:
    parts = {(want.budget_id, kind, value) for want in wants for kind, value in want.scope}
    return Nest(await store.find_concerned(tx, {*budget_ids, *(want.budget_id for want in wants)}, parts))


async def _own(tx: Tx, nest: Nest) -> list[Lease]:
    """The leases of this session, if there is any on these nodes."""
    return await store.find_own(tx) if any(node.leased for node in nest.nodes.values()) else []


def _demand(needs: Mapping[Nodes, Need]) -> dict[UUID, int]:
    demand: dict[UUID, int] = {}
    for nodes, need in needs.items():
        for each in nodes:
            demand[each] = demand.get(each, 0) + need.total
    return demand


async def _held(tx: Tx, nest: Nest, demand: Mapping[UUID, int], own: Collection[UUID]) -> dict[UUID, Budget]:
    if not demand:
        return {}

    def short(budget: Budget) -> bool:
        return demand[budget.budget_id] > budget.left and (not budget.soft or demand[budget.budget_id] == UNKNOWN)

    return {budget.budget_id: budget for budget in await hold(tx, demand.keys(), short, own)}


async def _check(tx: Tx, nest: Nest, wants: Sequence[Want]) -> None:
    """Raises `ConcernedMeanwhile`."""
    if any(want.scope for want in wants):
        again = await _nest(tx, (), wants)
        if any(again.concerned(want) != nest.concerned(want) for want in wants):
            raise ConcernedMeanwhile


async def _lease(
    tx: Tx, held: dict[UUID, Budget], nodes: Nodes, need: Need, rates: Mapping[Nodes, float]
) -> Lease | None:
    """Lease a part of held nodes that pays this need; None where the nodes are to pay themselves."""
    larger = {each: need.largest for each in nodes if held[each].largest < need.largest}
    if larger:
        await store.note_largest(tx, larger)
    size = 0 if sandbox_now() else domain.chunk([held[each] for each in nodes], need, rates.get(nodes, 0.0))
    if not size or any(held[each].killed for each in nodes):
        return None
    lease = Lease(new_id(), nodes, size, 0, 0, 0, nodes, lease_time=await store.get_time(tx))
    await store.insert_lease(tx, lease, min((b.end for each in nodes if (b := held[each].bucket)), default=None))
    await store.save_moved(tx, [Move(each, leased=size) for each in nodes])
    held.update({each: replace(held[each], leased=held[each].leased + size) for each in nodes})
    return lease


async def save_purse(tx: Tx, purse: Purse) -> None:
    """Keep what was taken from the purse and put back."""
    await store.save_moved(tx, purse.moved)
    await store.count(tx, purse.counted)
    await store.save_drawn(tx, purse.drawn)


async def reserve_all(tx: Tx, wants: Sequence[Want]) -> list[bool]:
    """Reserve amounts in order, each in full or not at all. Returns which were."""
    purse = await open_purse(tx, wants=wants)
    paid = [purse.reserve(want) for want in wants]
    await save_purse(tx, purse)
    return paid


async def require(tx: Tx, want: Want) -> None:
    """Reserve an amount. Raises `BudgetExhausted`, `BudgetKilled`."""
    purse = await open_purse(tx, wants=[want])
    if (outcome := purse.charge(want)) is not Outcome.PAID:
        raise refusal_of(outcome, want)
    await save_purse(tx, purse)


async def release_all(tx: Tx, wants: Sequence[Want]) -> None:
    """Put amounts back. That each is put back once is the matter of those who had it."""
    nest = await _nest(tx, (), wants)
    returned = _demand(nest.needs(wants))
    held = await hold(tx, returned.keys(), lambda budget: returned[budget.budget_id] > budget.committed)
    purse = Purse(held)
    for want in wants:
        purse.release(want)
    await save_purse(tx, purse)


async def fold_some(tx: Tx) -> None:
    """Count leases that are over where nobody has spent since."""
    await hold(tx, await store.find_over(tx, OVER_AT_ONCE_MAX))
