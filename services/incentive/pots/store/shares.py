"""What winners get."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from chassis.db import ReadTx, Tx, driver
from services.incentive.pots.domain import Share, ShareState, Totals
from services.incentive.pots.errors import PotShareNotFound
from services.incentive.pots.store.columns import columns

_SAVE_SHARES = """
INSERT INTO pot_share (pot_id, profile_id, rank, score, reach_time, amount, state, prize, score_kept_min)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $5::timestamptz[], $6::bigint[], $7::text[],
                     $8::text[], $9::bigint[])
"""

_SHARE = """
SELECT pot_id, profile_id::text, rank, score, reach_time, amount, state, prize, score_kept_min FROM pot_share
"""

_SAVE_STATES = """
UPDATE pot_share SET state = new.state
FROM unnest($1::uuid[], $2::bigint[], $3::text[]) AS new (pot_id, rank, state)
WHERE pot_share.pot_id = new.pot_id AND pot_share.rank = new.rank
"""

_TOTALS = """
SELECT count(*), coalesce(sum(amount) FILTER (WHERE state IN ('paid', 'taken_back')), 0)::bigint,
       coalesce(sum(amount) FILTER (WHERE state = 'withdrawn'), 0)::bigint
FROM pot_share WHERE pot_id = $1
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


async def lock_due(tx: Tx, pot_id: UUID, limit: int) -> list[Share]:
    """The next shares to pay. Their pot is held."""
    query = f"{_SHARE} WHERE pot_id = $1 AND state = 'due' ORDER BY rank LIMIT $2 FOR UPDATE"
    return [share_of(row) for row in await (await driver(tx)).fetch(query, pot_id, limit)]


async def find_share(tx: ReadTx, pot_id: UUID, profile_ids: Collection[str]) -> Share:
    """The share of a person who has these ids. Raises `PotShareNotFound`."""
    query = f"{_SHARE} WHERE pot_id = $1 AND profile_id = ANY($2::uuid[]) ORDER BY rank LIMIT 1"
    row = await (await driver(tx)).fetchrow(query, pot_id, list(profile_ids))
    if row is None:
        raise PotShareNotFound(pot_id, min(profile_ids))
    return share_of(row)


async def save_states(tx: Tx, shares: Sequence[Share]) -> None:
    """Keep where shares of held pots stand."""
    if shares:
        rows = [(share.pot_id, share.rank, share.state) for share in shares]
        await (await driver(tx)).execute(_SAVE_STATES, *columns(rows))


async def get_totals(tx: ReadTx, pot_id: UUID) -> Totals:
    """What became of a pot's shares."""
    return Totals(*await (await driver(tx)).fetchrow(_TOTALS, pot_id))


def share_of(row: Any) -> Share:
    """The share of a row."""
    share = Share(*row)
    return share._replace(state=ShareState(share.state))
