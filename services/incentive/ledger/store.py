"""Every statement on the ledger. A batch costs one statement per table, whatever its size."""

import zlib
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from chassis.db import ReadTx, Tx, driver
from services.incentive.ledger.domain import (
    KINDS,
    Account,
    Entry,
    Original,
    Outcome,
    Posting,
    Standing,
    Transfer,
    TrialBalanceLine,
)

_OPENINGS = 0x6F70656E  # "open"
_BUCKETS = 256

_OPEN = """
INSERT INTO account (account, asset)
SELECT * FROM unnest($1::text[], $2::text[]) AS wanted (account, asset)
ON CONFLICT ON CONSTRAINT account_pkey DO NOTHING
"""

# Account rows that are being opened are invisible to a merge, and a merge that is being made is to who opens them: both
# meet at a lock of the member's, one of a few, of which openings hold any number and a merge holds its own alone.
_HOLD_OPENINGS = """
SELECT pg_advisory_xact_lock_shared($1, bucket) FROM unnest($2::integer[]) AS held (bucket) ORDER BY bucket
"""

_LOCK = """
SELECT account, asset, balance, sequence FROM account
WHERE (account, asset) IN (SELECT * FROM unnest($1::text[], $2::text[]))
ORDER BY account, asset FOR UPDATE
"""

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

_GET = "SELECT balance, sequence FROM account WHERE account = $1 AND asset = $2"

_GET_UNBOUNDED = """
SELECT coalesce(sum(amount) FILTER (WHERE credit_account = $1), 0)::bigint
     - coalesce(sum(amount) FILTER (WHERE debit_account = $1), 0)::bigint
FROM transfer
WHERE asset = $2 AND (credit_account = $1 OR debit_account = $1) AND ($3::timestamptz IS NULL OR post_time <= $3)
"""

# By position and not by time alone: two transfers may be of one instant, and their positions tell which was later.
_GET_AS_OF = """
SELECT balance, position FROM (
    (SELECT debit_balance AS balance, debit_position AS position FROM transfer
     WHERE debit_account = $1 AND asset = $2 AND post_time <= $3 ORDER BY debit_position DESC LIMIT 1)
    UNION ALL
    (SELECT credit_balance, credit_position FROM transfer
     WHERE credit_account = $1 AND asset = $2 AND post_time <= $3 ORDER BY credit_position DESC LIMIT 1)
) AS side ORDER BY position DESC LIMIT 1
"""

_ENTRIES = """
(SELECT debit_position AS position, transfer_id, -amount AS amount, coalesce(debit_balance, 0) AS balance_after,
        credit_account AS counter_account, memo, post_time
 FROM transfer WHERE debit_account = $1 AND asset = $2 AND debit_position < $3 ORDER BY debit_position DESC LIMIT $4)
UNION ALL
(SELECT credit_position, transfer_id, amount, coalesce(credit_balance, 0), debit_account, memo, post_time
 FROM transfer WHERE credit_account = $1 AND asset = $2 AND credit_position < $3 ORDER BY credit_position DESC LIMIT $4)
ORDER BY position DESC LIMIT $4
"""

_OF_OWNER = """
SELECT account, asset, balance, sequence FROM account WHERE account = ANY($1::text[]) ORDER BY asset, account
"""

# Debits are what the entries say left; credits are what arrived: by the stored balance where there is one, else by the
# entries. A stored balance that disagrees with its entries shows in both columns.
_TRIAL = """
WITH entry AS (
    SELECT debit_account AS account, asset, amount AS debited, 0 AS credited FROM transfer
    UNION ALL
    SELECT credit_account, asset, 0, amount FROM transfer
), summed AS (
    SELECT asset, account, sum(debited) AS debited, sum(credited) AS credited FROM entry GROUP BY asset, account
), checked AS (
    SELECT asset, coalesce(summed.debited, 0) AS debited, coalesce(summed.credited, 0) AS credited, stored.balance
    FROM summed FULL JOIN account AS stored USING (asset, account)
)
SELECT asset, sum(debited)::bigint AS debits, sum(coalesce(balance + debited, credited))::bigint AS credits,
       coalesce(sum(balance), 0)::bigint AS liability,
       coalesce(sum(abs(balance - (credited - debited))), 0)::bigint AS discrepancy
FROM checked GROUP BY asset ORDER BY asset
"""


DECIDED_ELSEWHERE = frozenset({"transfer_pkey", "transfer_refusal_pkey"})
"""Constraints that two transactions violate when both decide the same new transfer."""


class LostUpdate(AssertionError):
    """A locked balance changed under its lock."""


async def lock_accounts(tx: Tx, accounts: Sequence[Account]) -> dict[Account, Standing]:
    """Open the accounts that are not there, and hold all of them. `accounts` are in locking order."""
    if not accounts:
        return {}
    names = [account.name for account in accounts], [account.asset for account in accounts]
    connection = await driver(tx)
    held = await _lock(connection, names)
    if len(held) < len(accounts):
        opened = {_bucket(account.member_id) for account in accounts if account not in held and account.member_id}
        await connection.execute(_HOLD_OPENINGS, _OPENINGS, sorted(opened))
        await connection.execute(_OPEN, *names)
        held = await _lock(connection, names)
    return held


async def end_openings(tx: Tx, member_id: str) -> None:
    """Wait until the accounts of a member that are being opened are there, and let nobody open more until the end."""
    await (await driver(tx)).execute("SELECT pg_advisory_xact_lock($1, $2)", _OPENINGS, _bucket(member_id))


def _bucket(member_id: str) -> int:
    return zlib.crc32(member_id.encode()) % _BUCKETS


async def lock_opened(tx: Tx, accounts: Sequence[Account]) -> dict[Account, Standing]:
    """Hold those of the accounts that are there. `accounts` are in locking order."""
    names = [account.name for account in accounts], [account.asset for account in accounts]
    return await _lock(await driver(tx), names)


async def _lock(connection: Any, names: tuple[list[str], list[str]]) -> dict[Account, Standing]:
    rows = await connection.fetch(_LOCK, *names)
    return {Account(row[0], row[1]): Standing(row[2], row[3]) for row in rows}


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


async def get_account(tx: ReadTx, account: Account, as_of: datetime | None = None) -> Standing:
    """Where an account stands, or stood at an instant; at zero when nothing had touched it."""
    connection = await driver(tx)
    if not account.is_bounded:
        return Standing(await connection.fetchval(_GET_UNBOUNDED, account.name, account.asset, as_of), 0)
    query, moment = (_GET, ()) if as_of is None else (_GET_AS_OF, (as_of,))
    row = await connection.fetchrow(query, account.name, account.asset, *moment)
    return Standing(row[0], row[1]) if row else Standing()


async def list_entries(tx: ReadTx, account: Account, *, before: int, limit: int) -> list[Entry]:
    """Entries of an account below a position, newest first."""
    rows = await (await driver(tx)).fetch(_ENTRIES, account.name, account.asset, before, limit)
    return [Entry(*row) for row in rows]


async def list_owned(tx: ReadTx, owner: str) -> dict[Account, Standing]:
    """All accounts of `member/<id>` or `partner/<id>`."""
    rows = await (await driver(tx)).fetch(_OF_OWNER, [f"{owner}/{kind}" for kind in KINDS])
    return {Account(row[0], row[1]): Standing(row[2], row[3]) for row in rows}


async def get_trial_balance(tx: ReadTx) -> list[TrialBalanceLine]:
    """The sums of every asset in one snapshot. Reads the whole ledger."""
    return [TrialBalanceLine(*row) for row in await (await driver(tx)).fetch(_TRIAL)]
