"""First purchases, and the budgets that had rewarded their buyers."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

import msgspec

from chassis.db import ReadTx, Tx, driver
from services.incentive.budgets.domain import Scope
from services.incentive.budgets.domain.tallies import NotedWants
from services.incentive.campaigns.domain.tallying import FirstPurchase
from services.incentive.campaigns.store.rows import columns
from services.incentive.subjects.domain import Person

_STANDS = "reversed_amount < amount AND coalesce(cost, amount) > 0"

_REWARDED = f"""
WITH asked AS (
    SELECT order_id, asked.profile_id, pay_time FROM unnest($1::uuid[], $2::uuid[]) AS asked (order_id, profile_id)
    JOIN order_refund USING (order_id)
)
SELECT order_id, budget_id, coalesce(scope, '[]')::text
FROM asked JOIN reward_grant USING (profile_id) JOIN campaign USING (campaign_id)
WHERE grant_time > pay_time - interval '30 days' AND {_STANDS}
UNION
SELECT order_id, budget_id, coalesce(scope, '[]')::text
FROM asked JOIN reward_grant ON cause = order_id JOIN campaign USING (campaign_id) WHERE {_STANDS}
ORDER BY 1, 2, 3
"""  # noqa: S608 (constants)

_INSERT = """
INSERT INTO first_purchase (profile_id, order_id, note_time, wants)
SELECT profile_id, order_id, note_time, wants::jsonb
FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::text[])
    AS made (profile_id, order_id, note_time, wants)
ORDER BY profile_id
ON CONFLICT DO NOTHING RETURNING order_id
"""

_TAKE = """
DELETE FROM first_purchase USING order_refund
WHERE first_purchase.order_id = ANY($1::uuid[]) AND order_refund.order_id = first_purchase.order_id
    AND refunded_minor >= net_minor
RETURNING first_purchase.profile_id::text, first_purchase.order_id, note_time, wants::text
"""


async def find_rewarded(tx: ReadTx, buyers: Mapping[UUID, Person]) -> dict[UUID, NotedWants]:
    """By order, the budgets of what stands of rewards for it, and of its buyer's in the thirty days before."""
    pairs = [(order_id, each) for order_id, person in buyers.items() for each in person.ids]
    found: dict[UUID, list[tuple[UUID, Scope]]] = defaultdict(list)
    for order_id, budget_id, scope in await (await driver(tx)).fetch(_REWARDED, *columns(pairs, 2)):
        found[order_id].append((budget_id, msgspec.json.decode(scope, type=Scope)))
    return {order_id: tuple(wants) for order_id, wants in found.items()}


async def insert_first_purchases(tx: Tx, purchases: Sequence[FirstPurchase]) -> list[FirstPurchase]:
    """Write first purchases down, one per person. Returns those that nobody had written down."""
    rows = [(*each[:3], msgspec.json.encode(each.wants).decode()) for each in purchases]
    new = {row[0] for row in await (await driver(tx)).fetch(_INSERT, *columns(rows, 4))}
    return [each for each in purchases if each.order_id in new]


async def take_returned(tx: Tx, order_ids: Collection[UUID]) -> list[FirstPurchase]:
    """Those first purchases that were given back in full. They are first ones no more."""
    rows = await (await driver(tx)).fetch(_TAKE, list(order_ids))
    return [
        FirstPurchase(profile_id, order_id, time, msgspec.json.decode(wants, type=NotedWants))
        for profile_id, order_id, time, wants in rows
    ]
