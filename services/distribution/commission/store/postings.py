"""Every statement about the movements that the ledger is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chassis.db import ReadTx, Tx, driver, mark
from services.distribution.commission.domain import Posting, PostingKind, PostingState

MARK = "posting"
"""What transactions are marked with that ask for movements."""

_LANE_LOCK = 0x6C616E65 << 8  # "lane"

_INSERT = """
INSERT INTO posting (transfer_id, commission_id, partner_id, lane, kind, currency_code, amount_minor, state,
                     accrual, create_time)
SELECT transfer_id, commission_id, partner_id, lane, kind, currency_code, amount_minor, 1, accrual, $9
FROM unnest($1::text[], $2::uuid[], $3::uuid[], $4::smallint[], $5::smallint[], $6::text[], $7::bigint[], $8::integer[])
     AS asked (transfer_id, commission_id, partner_id, lane, kind, currency_code, amount_minor, accrual)
"""
_BUSY_LANES = "SELECT DISTINCT lane FROM posting WHERE state = 1 ORDER BY lane"
_WAITING = """
SELECT transfer_id, commission_id, partner_id, kind, currency_code, amount_minor, accrual
FROM posting WHERE state = 1 AND lane = $1 ORDER BY posting_id LIMIT $2
"""
_SETTLE = """
UPDATE posting p SET state = s.state, reason = s.reason, post_time = $4
FROM unnest($1::text[], $2::smallint[], $3::text[]) AS s (transfer_id, state, reason)
WHERE p.transfer_id = s.transfer_id
"""


@dataclass(frozen=True, slots=True)
class Settlement:
    """How the ledger answered a movement."""

    posting: Posting
    state: PostingState
    reason: str = ""


async def insert_postings(tx: Tx, postings: Sequence[Posting], *, now: datetime) -> None:
    """Ask for movements. The writer holds the partners' earnings, so that a partner's movements stay in order."""
    if not postings:
        return
    rows = [
        (item.transfer_id, item.commission_id, item.partner_id, item.lane, item.kind, item.currency_code,
         item.amount_minor, item.accrual)
        for item in postings
    ]  # fmt: skip
    await (await driver(tx)).execute(_INSERT, *map(list, zip(*rows, strict=True)), now)
    mark(tx, MARK)


async def busy_lanes(tx: ReadTx) -> list[int]:
    """Lanes in which something waits."""
    return [row["lane"] for row in await (await driver(tx)).fetch(_BUSY_LANES)]


async def hold_lane(tx: Tx, lane: int) -> bool:
    """Be the only one who drains the lane until the transaction ends; False when somebody else is."""
    return bool(await (await driver(tx)).fetchval("SELECT pg_try_advisory_xact_lock($1)", _LANE_LOCK + lane))


async def waiting(tx: Tx, lane: int, limit: int) -> list[Posting]:
    """The oldest movements that wait in a lane."""
    return [_posting(row) for row in await (await driver(tx)).fetch(_WAITING, lane, limit)]


async def settle(tx: Tx, settlements: Sequence[Settlement], *, now: datetime) -> None:
    """Note the ledger's answers."""
    rows = [(item.posting.transfer_id, item.state, item.reason) for item in settlements]
    await (await driver(tx)).execute(_SETTLE, *map(list, zip(*rows, strict=True)), now)


def _posting(row: Any) -> Posting:
    return Posting(
        row["transfer_id"], row["commission_id"], row["partner_id"], PostingKind(row["kind"]), row["currency_code"],
        row["amount_minor"], row["accrual"],
    )  # fmt: skip
