"""Reading the ledger: balances, entries, the trial balance."""

from collections.abc import Collection
from datetime import datetime

from chassis.db import ReadTx, driver
from services.incentive.ledger.domain import KINDS, Account, Entry, Standing, TrialBalanceLine

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

# What issuers gave, and what they took back: of what is owed too, since that was given once.
_EARNED = """
SELECT post_time, amount FROM transfer
WHERE credit_account = ANY($1::text[]) AND asset = $2 AND debit_account LIKE 'issuer/%'
UNION ALL
SELECT post_time, -amount FROM transfer
WHERE debit_account = ANY($1::text[]) AND asset = $2 AND credit_account LIKE 'issuer/%'
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


async def find_owing(tx: ReadTx, profile_ids: Collection[str], assets: Collection[str]) -> set[tuple[str, str]]:
    """Who of these members owes which of these assets."""
    names = {f"member/{profile_id}/debt": profile_id for profile_id in profile_ids}
    rows = await (await driver(tx)).fetch(_OF_OWNER, list(names))
    return {(names[name], asset) for name, asset, balance, _ in rows if balance < 0 and asset in assets}


async def list_earned(tx: ReadTx, profile_ids: Collection[str], asset: str) -> list[tuple[datetime, int]]:
    """When members of these ids earned how much of an asset; below zero what was taken back. Spending is not in it."""
    names = [f"member/{profile_id}/{kind}" for profile_id in profile_ids for kind in KINDS]
    return [(row[0], row[1]) for row in await (await driver(tx)).fetch(_EARNED, names, asset)]


async def get_trial_balance(tx: ReadTx) -> list[TrialBalanceLine]:
    """The sums of every asset in one snapshot. Reads the whole ledger."""
    return [TrialBalanceLine(*row) for row in await (await driver(tx)).fetch(_TRIAL)]
