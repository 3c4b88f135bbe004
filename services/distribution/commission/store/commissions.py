"""Every statement about plans, commissions and earnings."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from chassis.db import ReadTx, Tx, driver
from services.distribution.commission.domain import Commission, CommissionLine, CommissionState, Plan, Share
from services.distribution.partners.domain import Role, Visible
from services.distribution.partners.store import given, page_query

_INSERT_PLAN = """
INSERT INTO commission_plan (plan_id, name, seller_rates, parent_rate_bp, payout_cap_bp, start_time, create_time)
VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT ON CONSTRAINT commission_plan_start_key DO NOTHING
"""
_LIST_PLANS = """
SELECT * FROM commission_plan WHERE $1::timestamptz IS NULL OR start_time < $1 ORDER BY start_time DESC LIMIT $2
"""
_PLANS_AT = """
SELECT t.moment, p.* FROM unnest($1::timestamptz[]) AS t (moment)
CROSS JOIN LATERAL (
    SELECT * FROM commission_plan WHERE start_time <= t.moment ORDER BY start_time DESC LIMIT 1
) p
"""
_SELECT = """
SELECT c.*, NOT EXISTS (
    SELECT FROM posting p WHERE p.commission_id = c.commission_id AND p.state IN (1, 3)
) AS posted
FROM commission c
"""
_LOCK = _SELECT + "WHERE c.order_id = ANY($1) ORDER BY c.order_id, c.share FOR UPDATE OF c"
_SAVE = """
INSERT INTO commission (commission_id, order_id, partner_id, share, plan_id, rate_bp_hundredths, currency_code,
                        amount_minor, reversed_minor, capped, state, lines, create_time, accrue_time, accrual)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::smallint[], $5::uuid[], $6::bigint[], $7::text[],
                     $8::bigint[], $9::bigint[], $10::boolean[], $11::smallint[], $12::jsonb[], $13::timestamptz[],
                     $14::timestamptz[], $15::integer[])
ON CONFLICT ON CONSTRAINT commission_pkey DO UPDATE
SET reversed_minor = excluded.reversed_minor, state = excluded.state, lines = excluded.lines,
    accrue_time = excluded.accrue_time, accrual = excluded.accrual
"""
_EARN = """
INSERT INTO partner_earning AS e (partner_id, currency_code, earned_minor, order_count)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::bigint[])
ON CONFLICT ON CONSTRAINT partner_earning_pkey DO UPDATE
SET earned_minor = e.earned_minor + excluded.earned_minor, order_count = e.order_count + excluded.order_count
"""
_TOP = """
SELECT e.partner_id, e.earned_minor, e.order_count FROM partner_earning e
WHERE e.currency_code = $1 AND ($2::uuid[] IS NULL OR e.partner_id = ANY($2))
  AND ($3::smallint IS NULL OR (SELECT p.role FROM partner p WHERE p.partner_id = e.partner_id) = $3)
ORDER BY e.earned_minor DESC, e.partner_id LIMIT $4
"""
_STATS = """
SELECT (SELECT coalesce(sum(amount_minor - reversed_minor), 0) FROM commission
        WHERE state = 1 AND currency_code = $1 AND ($2::uuid[] IS NULL OR partner_id = ANY($2))) AS estimated_minor,
       (SELECT coalesce(sum(earned_minor), 0) FROM partner_earning
        WHERE currency_code = $1 AND ($2::uuid[] IS NULL OR partner_id = ANY($2))) AS accrued_minor,
       (SELECT count(*) FROM posting
        WHERE state = 1 AND currency_code = $1 AND ($2::uuid[] IS NULL OR partner_id = ANY($2))) AS unposted_count
"""


@dataclass(frozen=True, slots=True)
class Earning:
    """What a partner earned in a currency, reversals subtracted, and on how many orders it was credited."""

    partner_id: UUID
    earned_minor: int
    order_count: int


@dataclass(frozen=True, slots=True)
class Stats:
    """Sums over commissions of a currency."""

    estimated_minor: int
    accrued_minor: int
    unposted_count: int


async def insert_plan(tx: Tx, plan: Plan) -> bool:
    """False when another plan starts at the same instant."""
    rates = json.dumps({role.value: rate for role, rate in plan.seller_rates.items()})
    done = await (await driver(tx)).execute(
        _INSERT_PLAN, plan.plan_id, plan.name, rates, plan.parent_rate_bp, plan.payout_cap_bp, plan.start_time,
        plan.create_time,
    )  # fmt: skip
    return bool(done == "INSERT 0 1")


async def list_plans(tx: ReadTx, *, after: datetime | None, limit: int) -> list[Plan]:
    """Plans, latest start first."""
    return [_plan(row) for row in await (await driver(tx)).fetch(_LIST_PLANS, after, limit)]


async def plans_at(tx: ReadTx, moments: Iterable[datetime]) -> dict[datetime, Plan]:
    """The plan that holds at each moment; none before the first plan."""
    rows = await (await driver(tx)).fetch(_PLANS_AT, list(set(moments)))
    return {row["moment"]: _plan(row) for row in rows}


async def lock_commissions(tx: Tx, order_ids: Iterable[UUID]) -> dict[UUID, list[Commission]]:
    """Read the commissions of orders and hold them until the transaction ends."""
    found: dict[UUID, list[Commission]] = defaultdict(list)
    if ids := list(set(order_ids)):
        for row in await (await driver(tx)).fetch(_LOCK, ids):
            found[row["order_id"]].append(_commission(row))
    return found


async def save_commissions(tx: Tx, commissions: Sequence[Commission]) -> None:
    """Save new commissions, and what changed of those that are held."""
    if commissions:
        rows = [_row(commission) for commission in sorted(commissions, key=lambda item: item.commission_id)]
        await (await driver(tx)).execute(_SAVE, *map(list, zip(*rows, strict=True)))


async def add_earnings(tx: Tx, earnings: Mapping[tuple[UUID, str], tuple[int, int]]) -> None:
    """Add minor units and orders to partners' earnings, and hold these rows; in key order."""
    if earnings:
        rows = [(*key, *earnings[key]) for key in sorted(earnings)]
        await (await driver(tx)).execute(_EARN, *map(list, zip(*rows, strict=True)))


async def list_commissions(
    tx: ReadTx,
    *,
    partner_id: UUID | None,
    order_id: UUID | None,
    visible: Visible,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[Commission]:
    """Commissions that match, newest first."""
    conditions = [
        ("c.partner_id = {}", given(partner_id)),
        ("c.order_id = {}", given(order_id)),
        ("c.partner_id = ANY({})", given(None if visible is None else list(visible))),
        ("(c.create_time, c.commission_id) < ({}, {})", after),
    ]
    query, values = page_query(_SELECT, conditions, "c.create_time DESC, c.commission_id DESC", limit)
    return [_commission(row) for row in await (await driver(tx)).fetch(query, *values)]


async def top_partners(
    tx: ReadTx, *, currency_code: str, role: Role | None, visible: Visible, limit: int
) -> list[Earning]:
    """Those who earned most, equal earnings by partner id."""
    ids = None if visible is None else list(visible)
    rows = await (await driver(tx)).fetch(_TOP, currency_code, ids, role, limit)
    return [Earning(*row) for row in map(tuple, rows)]


async def stats(tx: ReadTx, *, currency_code: str, visible: Visible) -> Stats:
    """Sums at this moment."""
    ids = None if visible is None else list(visible)
    return Stats(*map(int, await (await driver(tx)).fetchrow(_STATS, currency_code, ids)))


def _plan(row: Any) -> Plan:
    rates = {Role(int(role)): rate for role, rate in row["seller_rates"].items()}
    return Plan(
        row["plan_id"], row["name"], rates, row["parent_rate_bp"], row["payout_cap_bp"], row["start_time"],
        row["create_time"],
    )  # fmt: skip


def _row(commission: Commission) -> tuple[Any, ...]:
    lines = [
        [line.line_no, line.net_minor, line.amount_minor, line.refunded_minor, line.reversed_minor]
        for line in commission.lines
    ]
    return (
        commission.commission_id, commission.order_id, commission.partner_id, commission.share, commission.plan_id,
        commission.rate_bp * 100, commission.currency_code, commission.amount_minor, commission.reversed_minor,
        commission.capped, commission.state, json.dumps(lines), commission.create_time, commission.accrue_time,
        commission.accrual,
    )  # fmt: skip


def _commission(row: Any) -> Commission:
    return Commission(
        row["commission_id"], row["order_id"], row["partner_id"], Share(row["share"]), row["plan_id"],
        row["rate_bp_hundredths"] // 100, row["currency_code"], row["capped"], CommissionState(row["state"]),
        tuple(CommissionLine(*line) for line in row["lines"]), row["create_time"], row["accrue_time"],
        row["posted"], row["accrual"],
    )  # fmt: skip
