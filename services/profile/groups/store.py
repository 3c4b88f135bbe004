"""Every statement about groups and who belongs to them."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from chassis.db import ReadTx, Tx, driver
from services.profile.attributes import domain as attributes
from services.profile.groups.domain import Group, GroupType, Member, Membership, Place
from services.profile.groups.errors import GroupNotFound
from services.profile.vault.domain import Vault

LISTED_MAX = 1_000

_COLUMNS = ", ".join(Membership._fields)
_OF_PROFILES = f"""
SELECT {_COLUMNS} FROM membership
WHERE profile_id = ANY($1) AND ($2::smallint IS NULL OR (type = $2 AND group_id = $3))
  AND ($4::timestamptz IS NULL OR (start_time <= $4 AND (end_time IS NULL OR $4 < end_time)))
ORDER BY type, group_id, start_time, membership_id LIMIT {LISTED_MAX}
"""  # noqa: S608 (names of our own)
_HELD = f"""
SELECT {_COLUMNS} FROM membership
JOIN unnest($1::uuid[], $2::smallint[], $3::text[]) AS wanted (profile_id, type, group_id)
     USING (profile_id, type, group_id)
ORDER BY start_time
"""  # noqa: S608 (names of our own)
_ADD = f"""
INSERT INTO membership ({_COLUMNS})
SELECT * FROM unnest($1::uuid[], $2::smallint[], $3::text[], $4::uuid[], $5::timestamptz[], $6::timestamptz[],
                     $7::text[])
"""  # noqa: S608 (names of our own)
_END = "UPDATE membership SET end_time = $2 WHERE membership_id = ANY($1) AND start_time < $2"
_VOID = "DELETE FROM membership WHERE membership_id = ANY($1) AND start_time >= $2"
_MEMBERS = """
SELECT coalesce(survivor_id, profile_id) AS person, min(start_time),
       CASE WHEN bool_or(end_time IS NULL) THEN NULL ELSE max(end_time) END
FROM membership LEFT JOIN redirect ON loser_id = profile_id
WHERE type = $1 AND group_id = $2 AND start_time <= $3 AND (end_time IS NULL OR $3 < end_time)
  AND coalesce(survivor_id, profile_id) > $4
GROUP BY person ORDER BY person LIMIT $5
"""
_TOUCH_GROUPS = """
INSERT INTO people_group (type, group_id, facts, update_time)
SELECT type, group_id, '{}', $3 FROM unnest($1::smallint[], $2::text[]) AS wanted (type, group_id)
ORDER BY type, group_id ON CONFLICT DO NOTHING
"""
_LOCK_GROUPS = """
SELECT type, group_id, facts, update_time FROM people_group
WHERE (type, group_id) IN (SELECT * FROM unnest($1::smallint[], $2::text[]))
ORDER BY type, group_id FOR UPDATE
"""
_SAVE_GROUPS = """
UPDATE people_group SET facts = changed.facts, update_time = $4
FROM unnest($1::smallint[], $2::text[], $3::text[]) AS changed (type, group_id, facts)
WHERE people_group.type = changed.type AND people_group.group_id = changed.group_id
"""
_GET_GROUP = "SELECT type, group_id, facts, update_time FROM people_group WHERE type = $1 AND group_id = $2"
_KNOWN_GROUP = "SELECT true FROM membership WHERE type = $1 AND group_id = $2 LIMIT 1"
# Households of which nobody is left say where somebody lived.
_FORGET = """
WITH gone AS (DELETE FROM membership WHERE profile_id = ANY($1) RETURNING type, group_id),
empty AS (
    DELETE FROM people_group AS known USING gone
    WHERE known.type = 1 AND gone.type = 1 AND known.group_id = gone.group_id AND NOT EXISTS (
        SELECT FROM membership AS other
        WHERE other.type = 1 AND other.group_id = known.group_id AND other.profile_id <> ALL($1)
    )
)
SELECT count(*) FROM gone
"""
# Groups have no UUID: they are gone through by a hash of what they are called, which has an index.
_STALE = """
SELECT md5(type::text || '/' || group_id)::uuid AS place_key, type, group_id, facts FROM people_group
WHERE md5(type::text || '/' || group_id)::uuid > $1 ORDER BY 1 LIMIT $2 FOR UPDATE
"""
_RESEAL = """
UPDATE people_group SET facts = sealed.facts
FROM unnest($1::smallint[], $2::text[], $3::text[]) AS sealed (type, group_id, facts)
WHERE people_group.type = sealed.type AND people_group.group_id = sealed.group_id
"""


async def list_of(
    tx: ReadTx, profile_ids: Sequence[UUID], *, place: Place | None = None, as_of: datetime | None = None
) -> list[Membership]:
    """What was said for any of the ids: of one group or all, at an instant or ever; at most `LISTED_MAX`."""
    found = await (await driver(tx)).fetch(_OF_PROFILES, profile_ids, *(place or (None, None)), as_of)
    return list(map(_membership, found))


async def held(tx: ReadTx, wanted: Collection[tuple[UUID, Place]]) -> list[Membership]:
    """What was said for each profile in each group, by start. Whoever changes it holds the people's rows."""
    columns = zip(*((profile_id, *place) for profile_id, place in wanted), strict=True)
    return list(map(_membership, await (await driver(tx)).fetch(_HELD, *map(list, columns))))


async def add(tx: Tx, memberships: Sequence[Membership]) -> None:
    """Write memberships."""
    if memberships:
        await (await driver(tx)).execute(_ADD, *map(list, zip(*memberships, strict=True)))


async def end(tx: Tx, memberships: Sequence[Membership], moment: datetime) -> None:
    """End memberships at an instant; those that begin only then are void."""
    connection, ids = await driver(tx), [each.membership_id for each in memberships]
    await connection.execute(_VOID, ids, moment)
    await connection.execute(_END, ids, moment)


async def members(tx: ReadTx, place: Place, *, as_of: datetime, after: UUID, limit: int) -> list[Member]:
    """Who belongs to a group at an instant, each person once, by id."""
    return [Member(*row) for row in await (await driver(tx)).fetch(_MEMBERS, *place, as_of, after, limit)]


async def get_group(tx: ReadTx, vault: Vault, place: Place) -> Group:
    """What is known of a group. Raises `GroupNotFound`."""
    connection = await driver(tx)
    row = await connection.fetchrow(_GET_GROUP, *place)
    if row is not None:
        return _group(vault, row)
    if not await connection.fetchval(_KNOWN_GROUP, *place):
        raise GroupNotFound(place.group_id)
    return Group(place, {}, None)


async def lock_groups(tx: Tx, vault: Vault, places: Collection[Place], *, now: datetime) -> dict[Place, Group]:
    """What is known of groups, held in order until the transaction ends."""
    connection, columns = await driver(tx), list(map(list, zip(*sorted(places), strict=True)))
    await connection.execute(_TOUCH_GROUPS, *columns, now)
    groups = [_group(vault, row) for row in await connection.fetch(_LOCK_GROUPS, *columns)]
    return {group.place: group for group in groups}


async def save_groups(tx: Tx, vault: Vault, facts: Mapping[Place, attributes.Facts], *, now: datetime) -> None:
    """Write what is known of groups that are held. It is sealed."""
    if not facts:
        return
    rows = [(*place, vault.seal(attributes.encode(known), place.about)) for place, known in sorted(facts.items())]
    await (await driver(tx)).execute(_SAVE_GROUPS, *map(list, zip(*rows, strict=True)), now)


async def reseal(tx: Tx, vault: Vault, after: UUID, *, limit: int) -> UUID | None:
    """Seal anew what is known of groups, where an earlier key sealed it. Returns what stands for the last seen."""
    connection = await driver(tx)
    rows = await connection.fetch(_STALE, after, limit)
    stale = [(Place(GroupType(kind), group_id), facts) for _, kind, group_id, facts in rows]
    sealed = [
        (*place, vault.seal(vault.unseal(facts, place.about), place.about))
        for place, facts in stale
        if not vault.is_current(facts)
    ]
    if sealed:
        await connection.execute(_RESEAL, *map(list, zip(*sealed, strict=True)))
    return rows[-1]["place_key"] if rows else None


async def forget(tx: Tx, profile_ids: Sequence[UUID]) -> int:
    """Delete to what people belonged, and what is known of households of which nobody is left. Returns how much."""
    count: int = await (await driver(tx)).fetchval(_FORGET, profile_ids)
    return count


def _membership(row: Any) -> Membership:
    membership = Membership._make(row)
    return membership._replace(type=GroupType(membership.type))


def _group(vault: Vault, row: Any) -> Group:
    place = Place(GroupType(row["type"]), row["group_id"])
    return Group(place, attributes.decode(vault.unseal(row["facts"], place.about)), row["update_time"])
