"""Every statement on campaigns and what they gave. A batch costs one statement per table, whatever its size."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any
from uuid import UUID

import asyncpg

from chassis.db import ReadTx, Tx, driver, violated
from services.incentive.campaigns.domain import (
    Campaign,
    Denial,
    Grant,
    Kind,
    Refund,
    Reversal,
    Reward,
    State,
    Tallies,
    Trigger,
)
from services.incentive.campaigns.errors import CampaignNotFound, JudgedMeanwhile

_SWITCH = 0x737769746368  # "switch"

_CAMPAIGN = """
SELECT campaign_id, name, state, trigger, trigger_value, net_minor_min, asset, fixed, order_rate_bp, budget_id,
       rewards_per_profile_max, start_time, end_time, create_time, "when"
FROM campaign
"""

_INSERT = """
INSERT INTO campaign (campaign_id, name, state, trigger, trigger_value, net_minor_min, asset, fixed, order_rate_bp,
                      budget_id, rewards_per_profile_max, start_time, end_time, create_time, "when")
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
"""

_RUNNING = f"""
{_CAMPAIGN} WHERE state = 'running' AND trigger = $1 AND trigger_value = ANY($2::text[]) ORDER BY campaign_id
"""

_OPEN_CLAIMANTS = """
INSERT INTO claimant (campaign_id, profile_id)
SELECT * FROM unnest($1::uuid[], $2::uuid[]) AS wanted (campaign_id, profile_id) ORDER BY 1, 2
ON CONFLICT ON CONSTRAINT claimant_pkey DO NOTHING
"""

_LOCK_CLAIMANTS = """
SELECT campaign_id, profile_id::text, rewards FROM claimant
WHERE (campaign_id, profile_id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))
ORDER BY campaign_id, claimant.profile_id FOR NO KEY UPDATE
"""

_SAVE_TALLIES = """
UPDATE claimant SET rewards = tally.rewards
FROM unnest($1::uuid[], $2::uuid[], $3::integer[]) AS tally (campaign_id, profile_id, rewards)
WHERE claimant.campaign_id = tally.campaign_id AND claimant.profile_id = tally.profile_id
"""

_JUDGED = """
WITH asked AS (SELECT * FROM unnest($1::uuid[], $2::uuid[]) AS asked (campaign_id, cause))
SELECT campaign_id, cause FROM asked JOIN reward_grant USING (campaign_id, cause)
UNION ALL
SELECT campaign_id, cause FROM asked JOIN grant_refusal USING (campaign_id, cause)
"""

_OPEN_ORDERS = """
INSERT INTO order_refund (order_id) SELECT order_id FROM unnest($1::uuid[]) AS paid (order_id) ORDER BY order_id
ON CONFLICT ON CONSTRAINT order_refund_pkey DO NOTHING
"""

_LOCK_ORDERS = """
SELECT order_id, refund_id, refunded_minor, refund_time FROM order_refund WHERE order_id = ANY($1::uuid[])
ORDER BY order_id FOR NO KEY UPDATE
"""

# A row that is not raised is held all the same.
_NOTE_REFUNDS = """
INSERT INTO order_refund (order_id, refund_id, refunded_minor, refund_time)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::timestamptz[]) ORDER BY 1
ON CONFLICT ON CONSTRAINT order_refund_pkey
DO UPDATE SET refund_id = excluded.refund_id, refunded_minor = excluded.refunded_minor,
              refund_time = excluded.refund_time
WHERE order_refund.refunded_minor IS NULL OR order_refund.refunded_minor < excluded.refunded_minor
RETURNING order_id, refund_id, refunded_minor, refund_time
"""

_GRANT = """
SELECT grant_id, campaign_id, cause, profile_id::text, asset, amount, reversed_amount, order_net_minor, grant_time,
       charge_time, lease_id
FROM reward_grant
"""

_ORDER_GRANTS = f"{_GRANT} WHERE cause = ANY($1::uuid[]) AND order_net_minor IS NOT NULL ORDER BY grant_id"

_PROFILE_GRANTS = f"""
{_GRANT} WHERE profile_id = ANY($1::uuid[]) AND grant_id < $2 ORDER BY reward_grant.grant_id DESC LIMIT $3
"""

_SAVE_GRANTS = """
INSERT INTO reward_grant (grant_id, campaign_id, cause, profile_id, asset, amount, order_net_minor, grant_time,
                          charge_time, lease_id)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::bigint[], $7::bigint[],
                     $8::timestamptz[], $9::timestamptz[], $10::uuid[])
"""

_SAVE_DENIALS = """
INSERT INTO grant_refusal (campaign_id, cause, profile_id, amount, reason, refuse_time)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::text[], $6::timestamptz[])
"""

_SAVE_REVERSALS = """
UPDATE reward_grant SET reversed_amount = reversal.reversed_amount
FROM unnest($1::uuid[], $2::bigint[]) AS reversal (grant_id, reversed_amount)
WHERE reward_grant.grant_id = reversal.grant_id
"""


async def hold_switch(tx: Tx) -> None:
    """Keep campaigns from being started and paused until the transaction ends.

    An advisory lock and not the campaign's row: it is granted in the order of asking, so that a pause does not starve
    behind an endless stream of grants.
    """
    await (await driver(tx)).execute("SELECT pg_advisory_xact_lock_shared($1)", _SWITCH)


async def turn_switch(tx: Tx) -> None:
    """Wait until no transaction judges claims; later ones see what this one changes."""
    await (await driver(tx)).execute("SELECT pg_advisory_xact_lock($1)", _SWITCH)


async def insert_campaign(tx: Tx, campaign: Campaign) -> None:
    """Add a campaign."""
    trigger, reward = campaign.trigger, campaign.reward
    await (await driver(tx)).execute(
        _INSERT,
        campaign.campaign_id,
        campaign.name,
        campaign.state,
        trigger.kind,
        trigger.value,
        trigger.net_minor_min,
        reward.asset,
        reward.fixed,
        reward.order_rate_bp,
        campaign.budget_id,
        campaign.rewards_per_profile_max,
        campaign.start_time,
        campaign.end_time,
        campaign.create_time,
        campaign.when,
    )


async def save_state(tx: Tx, campaign: Campaign) -> None:
    """Keep a campaign's state."""
    query = "UPDATE campaign SET state = $2 WHERE campaign_id = $1"
    await (await driver(tx)).execute(query, campaign.campaign_id, campaign.state)


async def get_campaign(tx: ReadTx, campaign_id: UUID) -> Campaign:
    """A campaign. Raises `CampaignNotFound`."""
    row = await (await driver(tx)).fetchrow(f"{_CAMPAIGN} WHERE campaign_id = $1", campaign_id)
    if row is None:
        raise CampaignNotFound(campaign_id)
    return _campaign(row)


async def list_campaigns(tx: ReadTx, *, after: UUID, limit: int) -> list[Campaign]:
    """Campaigns, oldest first."""
    query = f"{_CAMPAIGN} WHERE campaign_id > $1 ORDER BY campaign_id LIMIT $2"
    return [_campaign(row) for row in await (await driver(tx)).fetch(query, after, limit)]


async def find_campaigns(tx: ReadTx, campaign_ids: Collection[UUID]) -> dict[UUID, Campaign]:
    """The campaigns of these ids."""
    rows = await (await driver(tx)).fetch(f"{_CAMPAIGN} WHERE campaign_id = ANY($1::uuid[])", list(campaign_ids))
    return {row["campaign_id"]: _campaign(row) for row in rows}


async def find_running(tx: Tx, kind: Kind, values: Collection[str]) -> list[Campaign]:
    """The running campaigns that answer to any of these, oldest first. The switch is held."""
    return [_campaign(row) for row in await (await driver(tx)).fetch(_RUNNING, kind, list(values))]


def _campaign(row: Any) -> Campaign:
    campaign_id, name, state, kind, value, net_minor_min, asset, fixed, order_rate_bp, *rest = row
    trigger = Trigger(Kind(kind), value, net_minor_min)
    return Campaign(campaign_id, name, State(state), trigger, Reward(asset, fixed, order_rate_bp), *rest)


async def lock_claimants(tx: Tx, pairs: Iterable[tuple[UUID, str]]) -> Tallies:
    """Hold the rows of profiles in limited campaigns. Returns how many rewards each has."""
    columns = _columns(sorted(pairs), 2)
    if not columns[0]:
        return {}
    connection = await driver(tx)
    await connection.execute(_OPEN_CLAIMANTS, *columns)
    rows = await connection.fetch(_LOCK_CLAIMANTS, *columns)
    return {(campaign_id, profile_id): rewards for campaign_id, profile_id, rewards in rows}


async def save_tallies(tx: Tx, tallies: Tallies) -> None:
    """Keep how many rewards profiles have. Their rows are held."""
    if tallies:
        rows = [(*key, rewards) for key, rewards in tallies.items()]
        await (await driver(tx)).execute(_SAVE_TALLIES, *_columns(rows, 3))


async def find_judged(tx: Tx, keys: Collection[tuple[UUID, UUID]]) -> set[tuple[UUID, UUID]]:
    """Those pairs of campaign and cause that were judged before."""
    rows = await (await driver(tx)).fetch(_JUDGED, *_columns(list(keys), 2))
    return {(row[0], row[1]) for row in rows}


async def lock_orders(tx: Tx, order_ids: Collection[UUID]) -> dict[UUID, Refund]:
    """Hold paid orders. Returns what is known to be refunded of them."""
    if not order_ids:
        return {}
    connection = await driver(tx)
    await connection.execute(_OPEN_ORDERS, list(order_ids))
    rows = await connection.fetch(_LOCK_ORDERS, list(order_ids))
    return {row["order_id"]: Refund(*row) for row in rows if row["refund_id"] is not None}


async def note_refunds(tx: Tx, refunds: Sequence[Refund]) -> dict[UUID, Refund]:
    """Hold refunded orders and raise their totals. Returns those that were raised. One refund per order."""
    rows = await (await driver(tx)).fetch(_NOTE_REFUNDS, *_columns(refunds, 4))
    return {row["order_id"]: Refund(*row) for row in rows}


async def find_order_grants(tx: Tx, order_ids: Collection[UUID]) -> list[Grant]:
    """What held orders earned."""
    return [Grant(*row) for row in await (await driver(tx)).fetch(_ORDER_GRANTS, list(order_ids))]


async def list_profile_grants(tx: ReadTx, profile_ids: Collection[str], *, before: UUID, limit: int) -> list[Grant]:
    """What a person got under any of their ids, newest first."""
    rows = await (await driver(tx)).fetch(_PROFILE_GRANTS, list(profile_ids), before, limit)
    return [Grant(*row) for row in rows]


async def save_grants(tx: Tx, grants: Sequence[Grant]) -> None:
    """Write grants down. Raises `JudgedMeanwhile`."""
    rows = [
        (g.grant_id, g.campaign_id, g.cause, g.profile_id, g.asset, g.amount, g.order_net_minor, g.grant_time,
         g.charge_time, g.lease_id)
        for g in grants
    ]  # fmt: skip
    await _save_verdicts(tx, _SAVE_GRANTS, _columns(rows, 10))


async def save_denials(tx: Tx, denials: Sequence[Denial]) -> None:
    """Write refusals down. Raises `JudgedMeanwhile`."""
    rows = [
        (*item.claim.key, item.profile_id, item.claim.amount, item.reason, item.claim.occasion.now) for item in denials
    ]
    if rows:
        await _save_verdicts(tx, _SAVE_DENIALS, _columns(rows, 6))


async def _save_verdicts(tx: Tx, statement: str, columns: Sequence[Sequence[object]]) -> None:
    try:
        await (await driver(tx)).execute(statement, *columns)
    except asyncpg.UniqueViolationError as error:
        if violated(error) not in ("reward_grant_cause_key", "grant_refusal_pkey"):
            raise
        raise JudgedMeanwhile from error


async def save_reversals(tx: Tx, reversals: Sequence[Reversal]) -> None:
    """Keep how much of grants was taken back. Their orders are held."""
    rows = [(item.grant.grant_id, item.grant.reversed_amount) for item in reversals]
    await (await driver(tx)).execute(_SAVE_REVERSALS, *_columns(rows, 2))


def _columns(rows: Sequence[Sequence[object]], count: int) -> list[list[object]]:
    """Rows as the arrays of `unnest`."""
    return [[row[index] for row in rows] for index in range(count)]
