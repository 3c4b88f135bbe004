"""Every statement on pots. A batch costs one statement per table, whatever its size."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from chassis.db import ReadTx, Tx, driver
from services.incentive.pots.domain import Point, Pot, Prizes, Score, Share, ShareState, State, ThinPool, Totals
from services.incentive.pots.errors import PotNotFound, PotShareNotFound

_POT = """
SELECT pot_id, name, state, event_name, score_min, asset, top_count, top_amount, shared_pool, thin_pool, start_time,
       end_time, freeze_time, create_time, budget_id, set_hash
FROM pot
"""

_INSERT = """
INSERT INTO pot (pot_id, name, state, event_name, score_min, asset, top_count, top_amount, shared_pool, thin_pool,
                 start_time, end_time, freeze_time, create_time, budget_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
"""

# Whoever counts holds the open pots, so that none is frozen under it.
_SCORE = """
WITH open AS (
    SELECT pot_id, event_name, start_time, end_time FROM pot
    WHERE state = 'open' AND event_name = ANY($2::text[]) ORDER BY pot_id FOR SHARE
)
INSERT INTO pot_point (pot_id, event_id, profile_id, event_time)
SELECT open.pot_id, fact.event_id, fact.profile_id, fact.event_time
FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::timestamptz[]) AS fact (event_id, name, profile_id, event_time)
JOIN open ON open.event_name = fact.name AND fact.event_time >= open.start_time AND fact.event_time < open.end_time
ON CONFLICT ON CONSTRAINT pot_point_pkey DO NOTHING
"""

# Merged people are one.
_SCORES = """
SELECT coalesce(redirect.survivor_id, point.profile_id)::text, count(*), max(point.event_time)
FROM pot_point AS point LEFT JOIN redirect ON redirect.loser_id = point.profile_id
WHERE point.pot_id = $1 GROUP BY 1 HAVING count(*) >= $2
"""

_SAVE_SHARES = """
INSERT INTO pot_share (pot_id, profile_id, rank, score, reach_time, amount, state)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $5::timestamptz[], $6::bigint[], $7::text[])
"""

_SHARE = "SELECT pot_id, profile_id::text, rank, score, reach_time, amount, state FROM pot_share"

_TOTALS = """
SELECT count(*), coalesce(sum(amount) FILTER (WHERE state IN ('paid', 'taken_back')), 0)::bigint,
       coalesce(sum(amount) FILTER (WHERE state = 'withdrawn'), 0)::bigint
FROM pot_share WHERE pot_id = $1
"""


async def insert_pot(tx: Tx, pot: Pot) -> None:
    """Add a pot."""
    prizes = pot.prizes
    await (await driver(tx)).execute(
        _INSERT,
        pot.pot_id,
        pot.name,
        pot.state,
        pot.event_name,
        pot.score_min,
        pot.asset,
        prizes.top_count,
        prizes.top_amount,
        prizes.shared_pool,
        prizes.thin_pool,
        pot.start_time,
        pot.end_time,
        pot.freeze_time,
        pot.create_time,
        pot.budget_id,
    )


async def save_pot(tx: Tx, pot: Pot) -> None:
    """Keep where a locked pot stands."""
    query = "UPDATE pot SET state = $2, set_hash = $3 WHERE pot_id = $1"
    await (await driver(tx)).execute(query, pot.pot_id, pot.state, pot.set_hash)


async def get_pot(tx: ReadTx, pot_id: UUID) -> Pot:
    """A pot. Raises `PotNotFound`."""
    return _found(pot_id, await (await driver(tx)).fetchrow(f"{_POT} WHERE pot_id = $1", pot_id))


async def lock_pot(tx: Tx, pot_id: UUID) -> Pot:
    """Be the only one who moves a pot on, while nobody scores. Raises `PotNotFound`."""
    return _found(pot_id, await (await driver(tx)).fetchrow(f"{_POT} WHERE pot_id = $1 FOR UPDATE", pot_id))


async def lock_settling(tx: Tx) -> Pot | None:
    """A pot that is being paid and that no other replica pays at this moment."""
    query = f"{_POT} WHERE state = 'settling' ORDER BY pot_id LIMIT 1 FOR UPDATE SKIP LOCKED"
    row = await (await driver(tx)).fetchrow(query)
    return _pot(row) if row else None


def _found(pot_id: UUID, row: Any) -> Pot:
    if row is None:
        raise PotNotFound(pot_id)
    return _pot(row)


def _pot(row: Any) -> Pot:
    pot_id, name, state, event_name, score_min, asset, top_count, top_amount, shared_pool, thin_pool, *rest = row
    prizes = Prizes(top_count, top_amount, shared_pool, ThinPool(thin_pool))
    return Pot(pot_id, name, State(state), event_name, score_min, asset, prizes, *rest)


async def score(tx: Tx, points: Sequence[Point]) -> None:
    """Have events count in the open pots that they score in, each once for ever."""
    await (await driver(tx)).execute(_SCORE, *_columns(points))


async def list_scores(tx: ReadTx, pot: Pot) -> list[Score]:
    """Where those stand who have points enough."""
    return [Score(*row) for row in await (await driver(tx)).fetch(_SCORES, pot.pot_id, pot.score_min)]


async def save_shares(tx: Tx, shares: Sequence[Share]) -> None:
    """Write down who wins."""
    if shares:
        await (await driver(tx)).execute(_SAVE_SHARES, *_columns(shares))


async def list_shares(tx: ReadTx, pot_id: UUID) -> list[Share]:
    """All shares of a pot, in order."""
    return [_share(row) for row in await (await driver(tx)).fetch(f"{_SHARE} WHERE pot_id = $1 ORDER BY rank", pot_id)]


async def lock_due(tx: Tx, pot_id: UUID, limit: int) -> list[Share]:
    """The next shares to pay. Their pot is held."""
    query = f"{_SHARE} WHERE pot_id = $1 AND state = 'due' ORDER BY rank LIMIT $2 FOR UPDATE"
    return [_share(row) for row in await (await driver(tx)).fetch(query, pot_id, limit)]


async def find_share(tx: ReadTx, pot_id: UUID, profile_ids: Collection[str]) -> Share:
    """The share of a person who has these ids. Raises `PotShareNotFound`."""
    query = f"{_SHARE} WHERE pot_id = $1 AND profile_id = ANY($2::uuid[]) ORDER BY rank LIMIT 1"
    row = await (await driver(tx)).fetchrow(query, pot_id, list(profile_ids))
    if row is None:
        raise PotShareNotFound(pot_id, min(profile_ids))
    return _share(row)


async def save_states(tx: Tx, pot_id: UUID, ranks: Sequence[int], state: ShareState) -> None:
    """Move shares of a held pot on."""
    query = "UPDATE pot_share SET state = $3 WHERE pot_id = $1 AND rank = ANY($2::bigint[])"
    await (await driver(tx)).execute(query, pot_id, list(ranks), state)


async def get_totals(tx: ReadTx, pot_id: UUID) -> Totals:
    """What became of a pot's shares."""
    return Totals(*await (await driver(tx)).fetchrow(_TOTALS, pot_id))


def _share(row: Any) -> Share:
    pot_id, profile_id, rank, score, reach_time, amount, state = row
    return Share(pot_id, profile_id, rank, score, reach_time, amount, ShareState(state))


def _columns(rows: Sequence[Sequence[object]]) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)]
