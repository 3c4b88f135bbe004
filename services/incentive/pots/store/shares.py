"""What winners get."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from chassis.db import ReadTx, Tx, driver
from services.incentive.pots.domain import Share, ShareState, Totals
from services.incentive.pots.domain.merkle import Node
from services.incentive.pots.errors import PotShareNotFound
from services.incentive.pots.store.columns import columns

_SAVE_SHARES = """
INSERT INTO pot_share (pot_id, profile_id, rank, score, reach_time, amount, state, prize, score_kept_min,
                       ungiven_amount)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $5::timestamptz[], $6::bigint[], $7::text[],
                     $8::text[], $9::bigint[], $10::bigint[])
"""

_SHARE = """
SELECT pot_id, profile_id::text, rank, score, reach_time, amount, state, prize, score_kept_min, ungiven_amount
FROM pot_share
"""

_SAVE_STATES = """
UPDATE pot_share SET state = new.state, ungiven_amount = new.ungiven_amount
FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::bigint[]) AS new (pot_id, rank, state, ungiven_amount)
WHERE pot_share.pot_id = new.pot_id AND pot_share.rank = new.rank
"""

_SAVE_NODES = """
INSERT INTO pot_node (pot_id, level, place, hash)
SELECT $1, * FROM unnest($2::smallint[], $3::bigint[], $4::bytea[])
"""

_NODES = """
SELECT level, place, hash FROM pot_node
WHERE pot_id = $1 AND (level, place) IN (SELECT * FROM unnest($2::smallint[], $3::bigint[]))
"""

_TOTALS = """
SELECT count(*) FILTER (WHERE is_share),
       coalesce(sum(amount - ungiven_amount) FILTER (WHERE state IN ('paid', 'taken_back')), 0)::bigint,
       coalesce(sum(amount) FILTER (WHERE state = 'withdrawn'), 0)::bigint,
       coalesce(sum(ungiven_amount), 0)::bigint
FROM (
    SELECT amount, ungiven_amount, state, true AS is_share FROM pot_share WHERE pot_id = $1
    UNION ALL SELECT amount, ungiven_amount, state, false FROM pot_claim WHERE pot_id = $1
) AS given
"""


async def save_shares(tx: Tx, shares: Sequence[Share]) -> None:
    """Write down who wins."""
    if shares:
        await (await driver(tx)).execute(_SAVE_SHARES, *columns(shares))


async def list_shares(tx: ReadTx, pot_id: UUID) -> list[Share]:
    """All shares of a pot, in order."""
    return [
        share_of(row) for row in await (await driver(tx)).fetch(f"{_SHARE} WHERE pot_id = $1 ORDER BY rank", pot_id)
    ]


async def list_block(tx: ReadTx, pot_id: UUID, first_rank: int, limit: int) -> list[Share]:
    """So many shares of a pot from a rank on, in order."""
    query = f"{_SHARE} WHERE pot_id = $1 AND rank >= $2 ORDER BY rank LIMIT $3"
    return [share_of(row) for row in await (await driver(tx)).fetch(query, pot_id, first_rank, limit)]


async def count_shares(tx: ReadTx, pot_id: UUID) -> int:
    """How many winners a pot has: ranks have no gaps."""
    return int(
        await (await driver(tx)).fetchval("SELECT coalesce(max(rank), 0) FROM pot_share WHERE pot_id = $1", pot_id)
    )


async def save_nodes(tx: Tx, pot_id: UUID, nodes: Sequence[tuple[int, int, bytes]]) -> None:
    """Keep nodes of a pot's tree."""
    if nodes:
        await (await driver(tx)).execute(_SAVE_NODES, pot_id, *columns(nodes))


async def find_nodes(tx: ReadTx, pot_id: UUID, nodes: Sequence[Node]) -> dict[Node, bytes]:
    """Those of the nodes that are kept."""
    if not nodes:
        return {}
    rows = await (await driver(tx)).fetch(_NODES, pot_id, *columns(nodes))
    return {(row["level"], row["place"]): row["hash"] for row in rows}


async def lock_due(tx: Tx, pot_id: UUID, limit: int) -> list[Share]:
    """The next shares to pay. Their pot is held."""
    query = f"{_SHARE} WHERE pot_id = $1 AND state = 'due' ORDER BY rank LIMIT $2 FOR UPDATE"
    return [share_of(row) for row in await (await driver(tx)).fetch(query, pot_id, limit)]


async def find_shares(tx: ReadTx, pot_id: UUID, profile_ids: Collection[str]) -> list[Share]:
    """The shares of a person who has these ids, in order: several, of people who were merged since the freeze.

    Raises `PotShareNotFound`.
    """
    query = f"{_SHARE} WHERE pot_id = $1 AND profile_id = ANY($2::uuid[]) ORDER BY rank"
    rows = await (await driver(tx)).fetch(query, pot_id, list(profile_ids))
    if not rows:
        raise PotShareNotFound(pot_id, min(profile_ids))
    return [share_of(row) for row in rows]


async def save_states(tx: Tx, shares: Sequence[Share]) -> None:
    """Keep where shares of held pots stand."""
    if shares:
        rows = [(share.pot_id, share.rank, share.state, share.ungiven_amount) for share in shares]
        await (await driver(tx)).execute(_SAVE_STATES, *columns(rows))


async def get_totals(tx: ReadTx, pot_id: UUID) -> Totals:
    """What became of a pot's shares, or of what was claimed of its levels."""
    return Totals(*await (await driver(tx)).fetchrow(_TOTALS, pot_id))


def share_of(row: Any) -> Share:
    """The share of a row."""
    share = Share(*row)
    return share._replace(state=ShareState(share.state))
