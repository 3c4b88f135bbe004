"""What campaigns gave, and what they refused."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from chassis.db import ReadTx, Tx, driver, violated
from services.incentive.budgets.domain import Scope
from services.incentive.campaigns.domain import Denial, Grant, Refusal, RefusalKey, Reversal, Use
from services.incentive.campaigns.domain.limits import Action
from services.incentive.campaigns.errors import GrantNotFound, JudgedMeanwhile
from services.incentive.campaigns.store.rows import columns, json_object, json_text

_JUDGED = """
WITH asked AS (SELECT * FROM unnest($1::uuid[], $2::uuid[]) AS asked (campaign_id, cause))
SELECT campaign_id, cause FROM asked JOIN reward_grant USING (campaign_id, cause)
UNION
SELECT campaign_id, cause FROM asked JOIN grant_refusal USING (campaign_id, cause)
"""

_GRANT = """
SELECT grant_id, campaign_id, cause, profile_id::text, coalesce(actor_id::text, '') AS actor_id, asset, amount,
       reversed_amount, order_net_minor, grant_time,
       campaign_version, effect, level, coalesce(desired_amount, amount) AS desired_amount,
       coalesce(cost, amount) AS cost, charge_time, lease_id, coupon_id, tag_id, mission_id, endpoint_id,
       arm, awaits_delivery, uses::text AS uses, scope::text AS scope, snapshot::text AS snapshot,
       ungiven_amount, return_time, return_reason
FROM reward_grant
"""

_ORDER_GRANTS = f"{_GRANT} WHERE cause = ANY($1::uuid[]) AND order_net_minor IS NOT NULL ORDER BY grant_id"

_AWAITING = f"{_GRANT} WHERE cause = ANY($1::uuid[]) AND awaits_delivery ORDER BY grant_id"

_SAVE_DELIVERED = "UPDATE reward_grant SET awaits_delivery = false WHERE grant_id = ANY($1::uuid[])"

_OF_CAUSES = "WHERE (campaign_id, cause) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))"

_SIDES = f"{_GRANT} {_OF_CAUSES} ORDER BY grant_id FOR NO KEY UPDATE"

_PROFILE_GRANTS = f"""
{_GRANT} WHERE profile_id = ANY($1::uuid[]) AND grant_id < $2 ORDER BY reward_grant.grant_id DESC LIMIT $3
"""

_INVOLVING = f"{_GRANT} WHERE profile_id = ANY($1::uuid[]) OR actor_id = ANY($1::uuid[]) ORDER BY grant_id"

_SAVE_GRANTS = """
INSERT INTO reward_grant (grant_id, campaign_id, cause, profile_id, asset, amount, order_net_minor, grant_time,
                          campaign_version, effect, level, desired_amount, cost, charge_time, lease_id, coupon_id,
                          tag_id, arm, awaits_delivery, uses, scope, snapshot, mission_id, endpoint_id, actor_id)
SELECT grant_id, campaign_id, cause, profile_id, asset, amount, order_net_minor, grant_time,
       campaign_version, effect, level, desired_amount, cost, charge_time, lease_id, coupon_id,
       tag_id, arm, awaits_delivery, uses::jsonb, scope::jsonb, snapshot::jsonb, mission_id, endpoint_id, actor_id
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::bigint[], $7::bigint[], $8::timestamptz[],
            $9::integer[], $10::integer[], $11::integer[], $12::bigint[], $13::bigint[], $14::timestamptz[],
            $15::uuid[], $16::uuid[], $17::uuid[], $18::text[], $19::boolean[], $20::text[], $21::text[],
            $22::text[], $23::uuid[], $24::uuid[], $25::uuid[])
    AS given (grant_id, campaign_id, cause, profile_id, asset, amount, order_net_minor, grant_time,
              campaign_version, effect, level, desired_amount, cost, charge_time, lease_id, coupon_id,
              tag_id, arm, awaits_delivery, uses, scope, snapshot, mission_id, endpoint_id, actor_id)
"""

_SAVE_DENIALS = """
INSERT INTO grant_refusal (campaign_id, cause, profile_id, amount, reason, refuse_time, campaign_version, effect,
                           detail)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::text[], $6::timestamptz[], $7::integer[],
                     $8::integer[], $9::text[])
"""

_SAVE_REVERSALS = """
UPDATE reward_grant SET reversed_amount = reversal.reversed_amount, return_time = reversal.return_time,
                        return_reason = reversal.return_reason
FROM unnest($1::uuid[], $2::bigint[], $3::timestamptz[], $4::text[])
    AS reversal (grant_id, reversed_amount, return_time, return_reason)
WHERE reward_grant.grant_id = reversal.grant_id
"""

_SAVE_USES = """
UPDATE reward_grant SET uses = kept.uses::jsonb
FROM unnest($1::uuid[], $2::text[]) AS kept (grant_id, uses) WHERE reward_grant.grant_id = kept.grant_id
"""

_SAVE_UNGIVEN = """
UPDATE reward_grant SET ungiven_amount = known.ungiven_amount
FROM unnest($1::uuid[], $2::bigint[]) AS known (grant_id, ungiven_amount)
WHERE reward_grant.grant_id = known.grant_id
"""

_REFUSAL = """
SELECT campaign_id, cause, profile_id::text, effect, campaign_version, amount, reason, detail, refuse_time
FROM grant_refusal
WHERE {of} AND ($3 = '' OR reason = $3)
    AND ($4::timestamptz IS NULL OR (refuse_time, cause, campaign_id, effect) < ($4, $5::uuid, $6::uuid, $7::integer))
ORDER BY refuse_time DESC, cause DESC, campaign_id DESC, effect DESC LIMIT $8
"""

# A statement of its own for what is asked, so that each finds its index.
_REFUSALS_OF_PERSON = _REFUSAL.format(of="profile_id = ANY($1::uuid[]) AND ($2::uuid IS NULL OR campaign_id = $2)")
_REFUSALS_OF_CAMPAIGN = _REFUSAL.format(of="campaign_id = $2::uuid AND $1::uuid[] IS NULL")


async def find_judged(tx: Tx, keys: Collection[tuple[UUID, UUID]]) -> set[tuple[UUID, UUID]]:
    """Those pairs of campaign and cause that were judged before."""
    rows = await (await driver(tx)).fetch(_JUDGED, *columns(list(keys), 2))
    return {(row[0], row[1]) for row in rows}


async def find_order_grants(tx: Tx, order_ids: Collection[UUID]) -> list[Grant]:
    """What held orders earned."""
    return [_grant(row) for row in await (await driver(tx)).fetch(_ORDER_GRANTS, list(order_ids))]


async def find_awaiting(tx: Tx, order_ids: Collection[UUID]) -> list[Grant]:
    """What was promised for the delivery of held orders."""
    return [_grant(row) for row in await (await driver(tx)).fetch(_AWAITING, list(order_ids))]


async def save_delivered(tx: Tx, grants: Sequence[Grant]) -> None:
    """Keep that what was promised is on accounts. Their orders are held."""
    await (await driver(tx)).execute(_SAVE_DELIVERED, [grant.grant_id for grant in grants])


async def lock_sides(tx: Tx, keys: Collection[tuple[UUID, UUID]]) -> list[Grant]:
    """Hold all that campaigns gave for causes."""
    return [_grant(row) for row in await (await driver(tx)).fetch(_SIDES, *columns(sorted(keys), 2))]


async def find_grants(tx: ReadTx, grant_ids: Collection[UUID]) -> list[Grant]:
    """The grants of these ids."""
    rows = await (await driver(tx)).fetch(f"{_GRANT} WHERE grant_id = ANY($1::uuid[])", list(grant_ids))
    return [_grant(row) for row in rows]


async def find_involving(tx: ReadTx, profile_ids: Collection[str]) -> list[Grant]:
    """What was given to people under any of their ids, and to others for what they did."""
    return [_grant(row) for row in await (await driver(tx)).fetch(_INVOLVING, list(profile_ids))]


async def get_grant(tx: ReadTx, grant_id: UUID) -> Grant:
    """A grant. Raises `GrantNotFound`."""
    row = await (await driver(tx)).fetchrow(f"{_GRANT} WHERE grant_id = $1", grant_id)
    if row is None:
        raise GrantNotFound(grant_id)
    return _grant(row)


async def list_profile_grants(tx: ReadTx, profile_ids: Collection[str], *, before: UUID, limit: int) -> list[Grant]:
    """What a person got under any of their ids, newest first."""
    rows = await (await driver(tx)).fetch(_PROFILE_GRANTS, list(profile_ids), before, limit)
    return [_grant(row) for row in rows]


async def list_refusals(
    tx: ReadTx,
    profile_ids: Collection[str] | None,
    campaign_id: UUID | None,
    reason: str,
    *,
    before: RefusalKey | None,
    limit: int,
) -> list[Refusal]:
    """What was refused to a person under any of their ids, by a campaign, or both, newest first."""
    ids = None if profile_ids is None else list(profile_ids)
    query = _REFUSALS_OF_CAMPAIGN if ids is None else _REFUSALS_OF_PERSON
    key = before or (None, None, None, None)
    rows = await (await driver(tx)).fetch(query, ids, campaign_id, reason, *key, limit)
    return [Refusal(*row) for row in rows]


def _grant(row: Any) -> Grant:
    values = dict(row)
    values["uses"] = _uses(values["uses"], values["profile_id"])
    values["scope"] = msgspec.json.decode(values["scope"], type=Scope) if values["scope"] else ()
    values["snapshot"] = json_object(values["snapshot"])
    return Grant(**values)


def _uses(text: str | None, profile_id: str) -> tuple[Use, ...]:
    """What a grant counts. One of before this was kept counts for its person, if its campaign limits people."""
    if text is None:
        return (Use(UUID(profile_id), 1, Action.GRANTS),)
    return msgspec.json.decode(text, type=tuple[Use, ...])


async def save_grants(tx: Tx, grants: Sequence[Grant]) -> None:
    """Write grants down. Raises `JudgedMeanwhile`."""
    rows = [
        (
            g.grant_id, g.campaign_id, g.cause, g.profile_id, g.asset, g.amount, g.order_net_minor, g.grant_time,
            g.campaign_version, g.effect, g.level, g.desired_amount, g.cost, g.charge_time, g.lease_id, g.coupon_id,
            g.tag_id, g.arm, g.awaits_delivery, json_text(g.uses), json_text(g.scope), json_text(g.snapshot),
            g.mission_id, g.endpoint_id, g.actor_id or None,
        )
        for g in grants
    ]  # fmt: skip
    await _save_verdicts(tx, _SAVE_GRANTS, columns(rows, 25))


async def save_denials(tx: Tx, denials: Sequence[Denial]) -> None:
    """Write refusals down. Raises `JudgedMeanwhile`."""
    rows = [
        (
            *item.claim.key, item.profile_id, item.amount, item.reason, item.claim.occasion.now,
            item.claim.campaign.version, item.effect, item.miss.detail,
        )
        for item in denials
    ]  # fmt: skip
    if rows:
        await _save_verdicts(tx, _SAVE_DENIALS, columns(rows, 9))


async def _save_verdicts(tx: Tx, statement: str, values: Sequence[Sequence[object]]) -> None:
    try:
        await (await driver(tx)).execute(statement, *values)
    except asyncpg.UniqueViolationError as error:
        if violated(error) not in ("reward_grant_effect_key", "grant_refusal_pkey"):
            raise
        raise JudgedMeanwhile from error


async def save_uses(tx: Tx, grants: Sequence[Grant]) -> None:
    """Keep what held grants count towards limits."""
    if not grants:
        return
    rows = [(grant.grant_id, json_text(grant.uses)) for grant in grants]
    await (await driver(tx)).execute(_SAVE_USES, *columns(rows, 2))


async def save_reversals(tx: Tx, reversals: Sequence[Reversal]) -> None:
    """Keep how much of grants was taken back. They or their orders are held."""
    grants = [item.grant for item in reversals]
    rows = [(g.grant_id, g.reversed_amount, g.return_time, g.return_reason) for g in grants]
    await (await driver(tx)).execute(_SAVE_REVERSALS, *columns(rows, 4))


async def save_ungiven(tx: Tx, grants: Sequence[Grant]) -> None:
    """Keep how much of grants did not reach their people. They or their orders are held."""
    rows = [(grant.grant_id, grant.ungiven_amount) for grant in grants]
    await (await driver(tx)).execute(_SAVE_UNGIVEN, *columns(rows, 2))
