"""Proofs, and what they read."""

from collections.abc import Sequence
from typing import Any

from chassis.db import ReadTx, Tx, driver
from services.incentive.audits.domain.proofs import Check, Last, Proof, Sums

_ENTRIES = """
SELECT debit_account AS account, asset, -amount AS amount, debit_position AS position, debit_balance AS balance
FROM transfer WHERE xact >= $1 AND debit_balance IS NOT NULL
UNION ALL
SELECT credit_account, asset, amount, credit_position, credit_balance
FROM transfer WHERE xact >= $1 AND credit_balance IS NOT NULL
"""

# Accounts that were touched since a position: no entry is missing between their first and their last, the first goes on
# from the one before it, and the stored balance is that of the last.
_CHECK_SINCE = f"""
WITH entry AS ({_ENTRIES}), touched AS (
    SELECT account, asset, count(*) AS entries, sum(amount) AS moved, min(position) AS first, max(position) AS last,
           (array_agg(balance - amount ORDER BY position))[1] AS start
    FROM entry GROUP BY account, asset
), checked AS (
    SELECT touched.*, stored.balance AS stored, stored.sequence,
           CASE WHEN first = 1 THEN 0 ELSE coalesce(
               (SELECT debit_balance FROM transfer AS before
                WHERE before.debit_account = touched.account AND before.asset = touched.asset
                  AND before.debit_position = first - 1),
               (SELECT credit_balance FROM transfer AS before
                WHERE before.credit_account = touched.account AND before.asset = touched.asset
                  AND before.credit_position = first - 1)
           ) END AS before
    FROM touched LEFT JOIN account AS stored USING (account, asset)
)
SELECT asset, count(*), sum(
    abs(coalesce(stored, 0) - (start + moved)) + abs(start - coalesce(before, 0))
    + abs(last - first + 1 - entries) + abs(coalesce(sequence, 0) - last)
)
FROM checked GROUP BY asset
"""  # noqa: S608 (constants)

# All accounts: the stored balance is the sum of the entries, and there are as many of them as the account counts.
_CHECK_ALL = f"""
WITH entry AS ({_ENTRIES}), summed AS (
    SELECT account, asset, sum(amount) AS moved, count(*) AS entries, max(position) AS last
    FROM entry GROUP BY account, asset
)
SELECT asset, count(*), sum(
    abs(coalesce(balance, 0) - coalesce(moved, 0)) + abs(coalesce(sequence, 0) - coalesce(entries, 0))
    + abs(coalesce(last, 0) - coalesce(entries, 0))
)
FROM summed FULL JOIN account AS stored USING (account, asset) GROUP BY asset
"""  # noqa: S608 (constants)

_SUM = """
SELECT asset, sum(amount), sum(
    CASE WHEN credit_balance IS NULL THEN 0 ELSE amount END - CASE WHEN debit_balance IS NULL THEN 0 ELSE amount END
)
FROM transfer WHERE xact >= $1 AND xact < $2 GROUP BY asset
"""

_LAST = "SELECT number, end_xact, prove_time FROM ledger_proof ORDER BY number DESC LIMIT 1"
_LINES = "SELECT asset, debits, liability FROM ledger_proof_line WHERE number = $1"
_ADD = "INSERT INTO ledger_proof (number, end_xact, is_full, prove_time) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING"
_ADD_LINES = """
INSERT INTO ledger_proof_line (number, asset, debits, liability, account_count, discrepancy)
SELECT $1, * FROM unnest($2::text[], $3::numeric[], $4::numeric[], $5::bigint[], $6::numeric[])
"""
_LIST = """
SELECT number, asset, debits, liability, account_count, discrepancy, is_full, end_xact, prove_time
FROM ledger_proof_line JOIN ledger_proof USING (number)
WHERE number < $1 OR (number = $1 AND asset > $2) ORDER BY number DESC, asset LIMIT $3
"""

_ALL = 0, 2**63 - 1


async def check_since(tx: ReadTx, first: int) -> dict[str, Check]:
    """Check the accounts that transactions from `first` on have touched."""
    return _checks(await (await driver(tx)).fetch(_CHECK_SINCE, first))


async def check_all(tx: ReadTx) -> dict[str, Check]:
    """Check every account. Reads the whole ledger."""
    return _checks(await (await driver(tx)).fetch(_CHECK_ALL, 0))


async def sum_between(tx: ReadTx, first: int, end: int) -> dict[str, Sums]:
    """What was posted by transactions from `first` on, up to and without `end`."""
    rows = await (await driver(tx)).fetch(_SUM, first, end)
    return {asset: Sums(int(debits), int(liability)) for asset, debits, liability in rows}


async def sum_all(tx: ReadTx) -> dict[str, Sums]:
    """What was ever posted. Reads the whole ledger."""
    return await sum_between(tx, *_ALL)


async def find_last(tx: ReadTx) -> Last | None:
    """The latest proof."""
    connection = await driver(tx)
    row = await connection.fetchrow(_LAST)
    if row is None:
        return None
    lines = await connection.fetch(_LINES, row[0])
    number, end, prove_time = row
    sums = {asset: Sums(int(debits), int(liability)) for asset, debits, liability in lines}
    return Last(number, end, prove_time, sums)


async def add_proofs(tx: Tx, number: int, end: int, proofs: Sequence[Proof], *, is_full: bool, now: Any) -> bool:
    """Write the proofs of all assets down. False when there is another one of this number."""
    connection = await driver(tx)
    if await connection.execute(_ADD, number, end, is_full, now) != "INSERT 0 1":
        return False
    rows = [
        (each.asset, each.sums.debits, each.sums.liability, each.check.account_count, each.check.discrepancy)
        for each in proofs
    ]
    if rows:
        await connection.execute(_ADD_LINES, number, *map(list, zip(*rows, strict=True)))
    return True


async def list_proofs(tx: ReadTx, *, after: tuple[int, str], limit: int) -> list[Proof]:
    """Proofs, the newest first, by asset."""
    return [_proof(row) for row in await (await driver(tx)).fetch(_LIST, *after, limit)]


def _checks(rows: Sequence[Any]) -> dict[str, Check]:
    return {asset: Check(count, int(discrepancy)) for asset, count, discrepancy in rows}


def _proof(row: Any) -> Proof:
    number, asset, debits, liability, count, discrepancy, is_full, end, prove_time = row
    check = Check(count, int(discrepancy))
    return Proof(number, asset, Sums(int(debits), int(liability)), check, is_full, end, prove_time)
