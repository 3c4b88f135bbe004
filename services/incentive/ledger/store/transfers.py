"""Transfers: which were decided, what they reverse, writing them down with the balances they lead to."""

from collections.abc import Collection, Sequence
from uuid import UUID

from chassis.db import ReadTx, Tx, driver
from services.incentive.ledger.domain import Account, Original, Outcome, Posting, Standing, Transfer
from services.incentive.ledger.errors import DecidedMeanwhile

_DECIDED = """
SELECT transfer_key, fingerprint, '' AS reason, '' AS detail FROM transfer WHERE transfer_key = ANY($1::uuid[])
UNION ALL
SELECT transfer_key, fingerprint, reason, detail FROM transfer_refusal WHERE transfer_key = ANY($1::uuid[])
"""

_LOCK_ORIGINALS = """
SELECT transfer_key, debit_account, credit_account, asset, amount FROM transfer
WHERE transfer_key = ANY($1::uuid[]) ORDER BY transfer_key FOR UPDATE
"""

_REVERSED = """
SELECT reverses_key, sum(amount)::bigint FROM transfer WHERE reverses_key = ANY($1::uuid[]) GROUP BY reverses_key
"""

# The fence on `sequence` proves that nobody changed a locked row: a row less than asked for is a bug, not a refusal.
_POST = """
WITH numbered AS (
    SELECT nextval('transfer_number') AS number, posting.* FROM unnest(
        $1::uuid[], $2::bytea[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::text[], $9::uuid[],
        $10::timestamptz[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[]
    ) AS posting (transfer_key, fingerprint, transfer_id, debit_account, credit_account, asset, amount, memo,
                  reverses_key, post_time, debit_sequence, debit_balance, credit_sequence, credit_balance)
), written AS (
    INSERT INTO transfer (transfer_key, fingerprint, transfer_id, debit_account, credit_account, asset, amount, memo,
                          reverses_key, post_time, debit_position, debit_balance, credit_position, credit_balance)
    SELECT transfer_key, fingerprint, transfer_id, debit_account, credit_account, asset, amount, memo, reverses_key,
           post_time, coalesce(debit_sequence, number), debit_balance, coalesce(credit_sequence, number), credit_balance
    FROM numbered
)
UPDATE account SET balance = moved.balance, sequence = moved.sequence
FROM unnest($15::text[], $16::text[], $17::bigint[], $18::bigint[], $19::bigint[])
    AS moved (account, asset, balance, sequence, fence)
WHERE account.account = moved.account AND account.asset = moved.asset AND account.sequence = moved.fence
"""

_REFUSE = """
INSERT INTO transfer_refusal (transfer_key, fingerprint, transfer_id, reason, detail, refuse_time)
SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::text[], $4::text[], $5::text[], $6::timestamptz[])
"""

_TWICE = "SELECT transfers_decided_twice($1::uuid[], $2::uuid[])"

DECIDED_ELSEWHERE = frozenset({"transfer_pkey", "transfer_refusal_pkey"})
"""Constraints that two transactions violate when both decide the same new transfer."""


class LostUpdate(AssertionError):
    """A locked balance changed under its lock."""


async def find_decided(tx: ReadTx, keys: Collection[UUID]) -> dict[UUID, Outcome]:
    """What became of the transfers of these keys that were decided before."""
    rows = await (await driver(tx)).fetch(_DECIDED, list(keys))
    return {row[0]: Outcome(row[1], row[2], row[3]) for row in rows}


async def lock_originals(tx: Tx, keys: Collection[UUID]) -> dict[UUID, Original]:
    """Hold the transfers that are to be reversed, with what was taken back of them."""
    if not keys:
        return {}
    connection = await driver(tx)
    rows = await connection.fetch(_LOCK_ORIGINALS, list(keys))
    taken: dict[UUID, int] = {row[0]: row[1] for row in await connection.fetch(_REVERSED, list(keys))}
    return {
        key: Original(Account(debit, asset), Account(credit, asset), amount, taken.get(key, 0))
        for key, debit, credit, asset, amount in rows
    }


async def save_postings(
    tx: Tx, postings: Sequence[Posting], before: dict[Account, Standing], after: dict[Account, Standing]
) -> None:
    """Write transfers down and move their accounts on, from where they stood `before`."""
    if not postings:
        return
    result = await (await driver(tx)).execute(_POST, *_posting_columns(postings), *_moved_columns(before, after))
    if int(result.split()[-1]) != len(after):
        raise LostUpdate(f"{len(after)} accounts to move, {result}")


def _posting_columns(postings: Sequence[Posting]) -> list[list[object]]:
    rows = [
        (
            item.key,
            item.fingerprint,
            item.transfer_id,
            item.debit.name,
            item.credit.name,
            item.debit.asset,
            item.amount,
            item.memo,
            item.reverses,
            item.post_time,
            *_sequence_and_balance(debit),
            *_sequence_and_balance(credit),
        )
        for item, debit, credit in postings
    ]
    return [list(column) for column in zip(*rows, strict=True)]


def _sequence_and_balance(standing: Standing | None) -> tuple[int | None, int | None]:
    return (standing.sequence, standing.balance) if standing else (None, None)


def _moved_columns(before: dict[Account, Standing], after: dict[Account, Standing]) -> list[list[object]]:
    return [
        [account.name for account in after],
        [account.asset for account in after],
        [standing.balance for standing in after.values()],
        [standing.sequence for standing in after.values()],
        [before[account].sequence for account in after],
    ]


async def save_refusals(tx: Tx, refusals: Sequence[tuple[Transfer, Outcome]]) -> None:
    """Remember refusals, so that a repeat is refused alike."""
    if not refusals:
        return
    rows = [
        (item.key, item.fingerprint, item.transfer_id, refusal.reason, refusal.detail, item.post_time)
        for item, refusal in refusals
    ]
    await (await driver(tx)).execute(_REFUSE, *(list(column) for column in zip(*rows, strict=True)))


async def check_decided_once(tx: Tx, posted: Collection[UUID], refused: Collection[UUID]) -> None:
    """Let nobody refuse what this transaction posts, nor post what it refuses. Raises `DecidedMeanwhile`."""
    if await (await driver(tx)).fetchval(_TWICE, list(posted), list(refused)):
        raise DecidedMeanwhile
