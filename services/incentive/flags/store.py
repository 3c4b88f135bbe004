"""Every statement about flags, and about whose facts turned out to be."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from chassis.db import ReadTx, Tx, driver
from services.incentive.flags.domain import Flag, FlagKind, FlagState, Item
from services.incentive.flags.errors import FlagNotFound

_FLAG = """
SELECT flag_id, kind, item, item_id, first_id, campaign_id, template_id, profile_id::text, other_id::text, state,
       flag_time, clear_time, resolve_time, resolver, reason
FROM reward_flag
"""
_LOCK_OF = f"""
{_FLAG} WHERE profile_id = ANY($1::uuid[]) OR other_id = ANY($1::uuid[])
ORDER BY item_id, kind FOR NO KEY UPDATE
"""
_LIST = f"""
{_FLAG} WHERE flag_id > $1 AND ($2 = '' OR state = $2) AND ($3 = '' OR kind = $3)
    AND ($4::uuid IS NULL OR campaign_id = $4) AND ($5::uuid[] IS NULL OR profile_id = ANY($5))
ORDER BY flag_id LIMIT $6
"""
_SAVE = """
INSERT INTO reward_flag (flag_id, kind, item, item_id, first_id, campaign_id, template_id, profile_id, other_id, state,
                         flag_time, clear_time, resolve_time, resolver, reason)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::uuid[], $6::uuid[], $7::uuid[], $8::uuid[],
                     $9::uuid[], $10::text[], $11::timestamptz[], $12::timestamptz[], $13::timestamptz[], $14::text[],
                     $15::text[])
ON CONFLICT ON CONSTRAINT reward_flag_item_key DO UPDATE
SET first_id = excluded.first_id, other_id = excluded.other_id, state = excluded.state, flag_time = excluded.flag_time,
    clear_time = excluded.clear_time, resolve_time = excluded.resolve_time, resolver = excluded.resolver,
    reason = excluded.reason
"""
_ASSIGN = """
INSERT INTO fact_owner AS known (cause, profile_id, assign_time)
SELECT DISTINCT ON (cause) * FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) AS told (cause, profile_id, time)
ORDER BY cause, time DESC
ON CONFLICT ON CONSTRAINT fact_owner_pkey DO UPDATE
SET profile_id = excluded.profile_id, assign_time = excluded.assign_time WHERE known.assign_time <= excluded.assign_time
"""
_OWNERS = "SELECT cause, profile_id::text FROM fact_owner WHERE cause = ANY($1::uuid[])"
_TURN_TOUCHES = """
INSERT INTO void_touch AS known (touch_id, is_void, change_time)
SELECT DISTINCT ON (touch_id) * FROM unnest($1::uuid[], $2::boolean[], $3::timestamptz[]) AS told (touch_id, void, time)
ORDER BY touch_id, time DESC
ON CONFLICT ON CONSTRAINT void_touch_pkey DO UPDATE
SET is_void = excluded.is_void, change_time = excluded.change_time WHERE known.change_time <= excluded.change_time
"""
_VOID = "SELECT touch_id FROM void_touch WHERE touch_id = ANY($1::uuid[]) AND is_void"


async def lock_flags_of(tx: Tx, profile_ids: Collection[str]) -> list[Flag]:
    """Hold the flags that are about people, given by all their ids."""
    rows = await (await driver(tx)).fetch(_LOCK_OF, sorted(profile_ids))
    return [_flag(row) for row in rows]


async def get_flag(tx: ReadTx, flag_id: UUID) -> Flag:
    """A flag. Raises `FlagNotFound`."""
    return await _one(tx, flag_id, "")


async def lock_flag(tx: Tx, flag_id: UUID) -> Flag:
    """A flag, held until the transaction ends. Raises `FlagNotFound`."""
    return await _one(tx, flag_id, "FOR NO KEY UPDATE")


async def _one(tx: ReadTx, flag_id: UUID, hold: str) -> Flag:
    row = await (await driver(tx)).fetchrow(f"{_FLAG} WHERE flag_id = $1 {hold}", flag_id)
    if row is None:
        raise FlagNotFound(flag_id)
    return _flag(row)


async def list_flags(
    tx: ReadTx,
    *,
    state: str,
    kind: str,
    campaign_id: UUID | None,
    profile_ids: Collection[str] | None,
    after: UUID,
    limit: int,
) -> list[Flag]:
    """Flags that match, the oldest first."""
    ids = None if profile_ids is None else list(profile_ids)
    rows = await (await driver(tx)).fetch(_LIST, after, state, kind, campaign_id, ids, limit)
    return [_flag(row) for row in rows]


async def save_flags(tx: Tx, flags: Sequence[Flag]) -> None:
    """Keep new flags, and what became of held ones."""
    rows = [
        (
            each.flag_id, each.kind, each.item, each.item_id, each.first_id, each.campaign_id, each.template_id,
            each.profile_id, each.other_id, each.state, each.flag_time, each.clear_time, each.resolve_time,
            each.resolver, each.reason,
        )
        for each in flags
    ]  # fmt: skip
    if rows:
        await (await driver(tx)).execute(_SAVE, *map(list, zip(*rows, strict=True)))


async def assign_facts(tx: Tx, owners: Sequence[tuple[UUID, str, datetime]]) -> None:
    """Remember whose facts turned out to be, and since when: triples of cause, profile and time."""
    await (await driver(tx)).execute(_ASSIGN, *map(list, zip(*owners, strict=True)))


async def find_owners(tx: ReadTx, causes: Collection[UUID]) -> dict[UUID, str]:
    """Whose facts are, of those that are another person's than was told at first."""
    return {row[0]: row[1] for row in await (await driver(tx)).fetch(_OWNERS, list(causes))}


async def turn_touches(tx: Tx, touches: Sequence[tuple[UUID, bool, datetime]]) -> None:
    """Remember which visits are void: triples of touch, whether it is, and since when."""
    await (await driver(tx)).execute(_TURN_TOUCHES, *map(list, zip(*touches, strict=True)))


async def find_void(tx: ReadTx, touch_ids: Collection[UUID]) -> set[UUID]:
    """Those visits that are void."""
    return {row[0] for row in await (await driver(tx)).fetch(_VOID, list(touch_ids))}


def _flag(row: Any) -> Flag:
    values = dict(row)
    values["kind"], values["item"] = FlagKind(values["kind"]), Item(values["item"])
    values["state"] = FlagState(values["state"])
    return Flag(**values)
