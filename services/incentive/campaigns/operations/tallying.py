"""Telling budgets of what their boards show: what is held, and first purchases."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from uuid import UUID

from chassis.db import Tx
from services.incentive.budgets import operations as budgets
from services.incentive.budgets import store as budget_store
from services.incentive.campaigns import store
from services.incentive.campaigns.domain import Campaign, Grant, PaidOrder, Reversal, tallying
from services.incentive.campaigns.domain.tallying import FIRST, FIRST_NO_MORE, FirstPurchase
from services.incentive.subjects import store as subjects


async def hold(tx: Tx, grants: Iterable[Grant], campaigns: Mapping[UUID, Campaign]) -> None:
    """Some of these grants wait for a delivery."""
    await budgets.note(tx, tallying.held(grants, _budget_ids(campaigns)))


async def free(tx: Tx, grants: Iterable[Grant], campaigns: Mapping[UUID, Campaign]) -> None:
    """These grants waited, and their orders were delivered."""
    await budgets.note(tx, tallying.freed(grants, _budget_ids(campaigns)))


async def drop(tx: Tx, reversals: Iterable[Reversal], campaigns: Mapping[UUID, Campaign]) -> None:
    """Some of what was taken back waited."""
    await budgets.note(tx, tallying.fallen(reversals, _budget_ids(campaigns)))


def _budget_ids(campaigns: Mapping[UUID, Campaign]) -> dict[UUID, UUID]:
    return {campaign_id: campaign.budget_id for campaign_id, campaign in campaigns.items()}


async def note_purchases(tx: Tx, orders: Sequence[PaidOrder]) -> None:
    """Count those of paid orders that are first purchases of people who were rewarded. One per person counts."""
    people = await subjects.find_people(tx, {order.profile_id for order in orders})
    kept = await store.find_kept(tx, {each for person in people.values() for each in person.ids})
    buyers = tallying.firsts([(order.order_id, order.profile_id) for order in orders], people, kept)
    rewarded = await store.find_rewarded(tx, buyers) if buyers else {}
    if rewarded:
        now = await budget_store.get_time(tx)
        made = [FirstPurchase(buyers[each].profile_id, each, now, wants) for each, wants in rewarded.items()]
        new = await store.insert_first_purchases(tx, made)
        await budgets.note(tx, [each.note(FIRST) for each in new])


async def return_purchases(tx: Tx, order_ids: Collection[UUID]) -> None:
    """Count those of refunded orders no more that were first purchases and are given back in full."""
    if order_ids:
        returned = await store.take_returned(tx, order_ids)
        await budgets.note(tx, [each.note(FIRST_NO_MORE) for each in returned])
