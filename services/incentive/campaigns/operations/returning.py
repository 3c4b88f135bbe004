"""What is taken back: of refunded orders, of grants that are voided, and of packets that came back."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from chassis.db import Tx
from services.incentive.budgets import operations as budgets
from services.incentive.budgets.domain import Want
from services.incentive.campaigns import domain, events, store
from services.incentive.campaigns.domain import Grant, Refund, Reversal, limits, returns
from services.incentive.campaigns.domain.returns import Comeback
from services.incentive.campaigns.errors import CouponUsedMeanwhile
from services.incentive.campaigns.operations import tallying
from services.incentive.campaigns.operations.granted import Granted, find_granted, take_back
from services.incentive.coupons import operations as coupons
from services.incentive.packets import operations as packets
from services.incentive.packets.domain import Recall, freed
from services.incentive.subjects import store as subjects


async def refund(tx: Tx, refunds: Sequence[Refund]) -> None:
    """Take rewards of refunded orders back; remember refunds of orders not yet seen paid."""
    raised = await store.note_refunds(tx, domain.highest(refunds))
    await reverse_refunded(tx, await store.find_order_grants(tx, raised.keys()), raised)
    await tallying.return_purchases(tx, raised.keys())


async def reverse_refunded(tx: Tx, grants: Sequence[Grant], refunds: Mapping[UUID, Refund]) -> None:
    """Take back what refunds ask for of these grants, whose orders are held."""
    if not refunds or not grants:
        return
    granted = await find_granted(tx, grants)
    await _reverse(tx, domain.reversals_of(grants, refunds, granted.terms_of), granted)


async def void_grant(tx: Tx, grant_id: UUID, void_id: UUID, reason: str, now: datetime) -> list[Grant]:
    """Take back all that is left of a grant, and of the other sides of its fact where they fall together.

    Returns the grants that fell; the one that is asked for comes first. Raises `GrantNotFound`.
    """
    found = await store.get_grant(tx, grant_id)
    if found.order_net_minor is not None:
        await store.lock_orders(tx, [found.cause])
    sides = await store.lock_sides(tx, [(found.campaign_id, found.cause)])
    grant = next(side for side in sides if side.grant_id == grant_id)
    granted = await find_granted(tx, sides)
    reversals = await _reverse(tx, returns.voided([grant], void_id, now, reason), granted)
    return [item.grant for item in reversals] or [grant]


async def return_packets(tx: Tx, comebacks: Mapping[UUID, Comeback]) -> None:
    """Return grants whose packets did not stay with their people (spec value §3.2, CPN-18).

    The packets gave their budgets back themselves. The other sides of the facts stay: nobody did anything wrong.
    """
    found = await store.find_grants(tx, comebacks.keys())
    await store.lock_orders(tx, {grant.cause for grant in found if grant.order_net_minor is not None})
    sides = await store.lock_sides(tx, {(grant.campaign_id, grant.cause) for grant in found})
    reversals = returns.returned(sides, comebacks)
    if reversals:
        await _give_places_back(tx, reversals, await find_granted(tx, sides))
        await store.save_reversals(tx, reversals)
        await _tell(tx, reversals)


async def _reverse(tx: Tx, reversals: Sequence[Reversal], granted: Granted) -> Sequence[Reversal]:
    """A coupon that is used or set aside keeps its place under limits and what it cost: somebody has it."""
    if not reversals:
        return []
    reversals = [*reversals, *await _falling(tx, reversals, granted)]
    taken = {item.grant.coupon_id: item.time for item in reversals if item.grant.coupon_id}
    kept = await coupons.find_kept(tx, taken.keys(), now=max(taken.values())) if taken else set()
    back = [item for item in reversals if item.grant.coupon_id not in kept]
    await _give_places_back(tx, back, granted)
    recalled = await packets.recall(tx, dict(_recalls(reversals)))
    released = [_release(item, granted) for item in back if item.cost]
    await budgets.release_all(tx, [*released, *freed(recalled)])
    await store.save_reversals(tx, reversals)
    await tallying.drop(tx, reversals, granted.campaigns)
    if taken and await coupons.withdraw_coupons(tx, taken.keys(), now=max(taken.values())) - kept:
        raise CouponUsedMeanwhile
    await take_back(tx, reversals)
    await packets.settle(tx, recalled)
    await _tell(tx, reversals)
    return reversals


async def _tell(tx: Tx, reversals: Sequence[Reversal]) -> None:
    survivors = await subjects.find_survivors(tx, {item.grant.profile_id for item in reversals})
    await events.rewards_reversed(tx, [_of_survivor(item, survivors) for item in reversals])


def _release(item: Reversal, granted: Granted) -> Want:
    grant = item.grant
    return Want(granted.campaigns[grant.campaign_id].budget_id, item.cost, grant.scope, grant.charge_time)


def _recalls(reversals: Sequence[Reversal]) -> Iterator[tuple[UUID, Recall]]:
    for item in reversals:
        if item.grant.packet_id:
            yield item.grant.packet_id, Recall(item.grant.reversed_amount, item.reason, item.time)


async def _falling(tx: Tx, reversals: Sequence[Reversal], granted: Granted) -> list[Reversal]:
    """What falls with the last of these grants: the other sides of their facts."""
    falling = returns.falling_with(reversals, granted.terms_of)
    if not falling:
        return []
    gone = {item.grant.grant_id for item in reversals}
    sides = [side for side in await store.lock_sides(tx, falling.keys()) if side.grant_id not in gone]
    return [
        reversal
        for side in sides
        for cause in [falling[side.campaign_id, side.cause]]
        for reversal in returns.voided([side], cause.refund_id, cause.time, cause.reason)
    ]


async def _give_places_back(tx: Tx, reversals: Sequence[Reversal], granted: Granted) -> None:
    """What was taken back does not count towards a limit. The place of a fact is kept while anything of it stands."""
    gone = {item.grant.grant_id: item.grant for item in reversals if item.grant.is_reversed}
    shared = {(each.campaign_id, each.cause) for each in gone.values() if len(granted.terms_of(each).effects) > 1}
    sides = await store.lock_sides(tx, shared) if shared else []
    standing = [side for side in sides if side.grant_id not in gone and not side.is_reversed]
    heirs, free = returns.hand_on(gone.values(), standing)
    await store.save_uses(tx, [heir for heir, before in zip(heirs, standing, strict=True) if heir != before])
    returned = [*free, *(place for item in reversals for place in item.returned_amounts)]
    counters = await store.lock_counters(tx, {(campaign_id, key) for campaign_id, key, _ in returned})
    for campaign_id, key, amount in returned:
        if (campaign_id, key) in counters:
            limits.count(counters, campaign_id, [(key, -amount)])
    await store.save_counters(tx, counters)


def _of_survivor(reversal: Reversal, survivors: Mapping[str, str]) -> Reversal:
    profile_id = reversal.grant.profile_id
    return reversal._replace(grant=replace(reversal.grant, profile_id=survivors.get(profile_id, profile_id)))
