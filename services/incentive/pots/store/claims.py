"""Levels that members claimed."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from chassis.db import ReadTx, Tx, driver
from services.incentive.pots.domain.claims import ClaimState, LevelClaim
from services.incentive.pots.store.columns import columns
from services.incentive.pots.store.points import PEOPLE_OF_ORDERS

_INSERT = """
INSERT INTO pot_claim (pot_id, profile_id, level, amount, score_min, state, claim_time, ungiven_amount)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT ON CONSTRAINT pot_claim_pkey DO NOTHING
"""

_CLAIM = "claim.pot_id, claim.profile_id::text, level, amount, score_min, state, claim_time, ungiven_amount"

_OF_PERSON = f"""
SELECT {_CLAIM} FROM pot_claim AS claim WHERE pot_id = $1 AND profile_id = ANY($2::uuid[]) ORDER BY level
"""  # noqa: S608 (constants)

_FALLEN = f"""
{PEOPLE_OF_ORDERS}
SELECT {_CLAIM} FROM standing JOIN person USING (pot_id, person_id) JOIN pot_claim AS claim USING (pot_id, profile_id)
WHERE state = 'paid' AND standing.score < score_min
ORDER BY claim.pot_id, claim.profile_id, level FOR UPDATE OF claim
"""  # noqa: S608 (constants)

_OF_ORDERS = """
SELECT DISTINCT pot_id FROM pot_point JOIN pot USING (pot_id)
WHERE event_id = ANY($1::uuid[]) AND kind = 'levels' AND metric <> 'events'
"""

_SAVE = """
UPDATE pot_claim SET state = new.state, ungiven_amount = new.ungiven_amount
FROM unnest($1::uuid[], $2::uuid[], $3::integer[], $4::text[], $5::bigint[])
    AS new (pot_id, profile_id, level, state, ungiven_amount)
WHERE pot_claim.pot_id = new.pot_id AND pot_claim.profile_id = new.profile_id AND pot_claim.level = new.level
"""


async def insert_claim(tx: Tx, claim: LevelClaim) -> bool:
    """Claim a level for a profile. Returns whether it had not been claimed."""
    return bool(await (await driver(tx)).execute(_INSERT, *claim) == "INSERT 0 1")


async def sum_claimed(tx: ReadTx, pot_id: UUID) -> int:
    """What of a pot's levels is claimed and was not taken back."""
    query = "SELECT coalesce(sum(amount), 0)::bigint FROM pot_claim WHERE pot_id = $1 AND state = 'paid'"
    return int(await (await driver(tx)).fetchval(query, pot_id))


async def find_level_claims(tx: ReadTx, pot_id: UUID, profile_ids: Collection[str]) -> list[LevelClaim]:
    """What a person claimed under any of their ids."""
    return [_claim(row) for row in await (await driver(tx)).fetch(_OF_PERSON, pot_id, list(profile_ids))]


async def find_fallen_claims(tx: Tx, order_ids: Collection[UUID]) -> list[LevelClaim]:
    """Claims of people who kept too little of these orders, whose points are held."""
    connection = await driver(tx)
    pot_ids = [row[0] for row in await connection.fetch(_OF_ORDERS, list(order_ids))]
    if not pot_ids:
        return []
    return [_claim(row) for row in await connection.fetch(_FALLEN, pot_ids, list(order_ids))]


async def save_claims(tx: Tx, claims: Sequence[LevelClaim]) -> None:
    """Keep where held claims stand."""
    rows = [(claim.pot_id, claim.profile_id, claim.level, claim.state, claim.ungiven_amount) for claim in claims]
    await (await driver(tx)).execute(_SAVE, *columns(rows))


def _claim(row: Any) -> LevelClaim:
    claim = LevelClaim(*row)
    return claim._replace(state=ClaimState(claim.state))
