"""Who may have a fragment in a name or a number."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from chassis.db import ReadTx, driver
from services.profile.search.domain import Field

_BY_NAME = "SELECT profile_id FROM attribute_set WHERE name_tokens @> $1::bigint[] AND name_tokens <> '{}'"
_BY_PHONE = "SELECT DISTINCT profile_id FROM identifier WHERE phone_tokens @> $1::bigint[] AND phone_tokens IS NOT NULL"
# Of a store's key, only customers of the store, under whatever id they became ones.
_FOUND = """
SELECT profile_id FROM ({found}) AS found
WHERE NOT EXISTS (SELECT FROM redirect WHERE loser_id = found.profile_id)
  AND ($2 = '' OR EXISTS (
      SELECT FROM membership
      WHERE type = 2 AND group_id = $2 AND start_time <= $3 AND (end_time IS NULL OR $3 < end_time)
        AND (membership.profile_id = found.profile_id OR membership.profile_id IN (
            SELECT loser_id FROM redirect WHERE survivor_id = found.profile_id
        ))
  ))
LIMIT $4
"""
_QUERIES = {Field.NAME: _FOUND.format(found=_BY_NAME), Field.PHONE: _FOUND.format(found=_BY_PHONE)}


async def candidates(
    tx: ReadTx, field: Field, tokens: Sequence[int], *, store_id: str, now: datetime, limit: int
) -> list[UUID]:
    """People in whose names or numbers all runs of a fragment stand, at most `limit`; of a store, if one is given."""
    rows = await (await driver(tx)).fetch(_QUERIES[field], tokens, store_id, now, limit)
    return [row["profile_id"] for row in rows]
