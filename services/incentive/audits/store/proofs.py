"""Proofs, and what they read."""

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from chassis.db import ReadTx, Tx, driver
from services.incentive.audits.domain.proofs import Check, Found, Last, Proof, Run, Stage, Sums

# Entries whose positions follow each other are an island: linked by the balance before the first of them, which is
# looked up, they come to that after the last. An entry that is missing, or is there twice, parts one.
_ROWS = """
WITH part AS MATERIALIZED (
    SELECT * FROM transfer WHERE {rows}
), entry AS (
    SELECT debit_account AS account, asset, -amount AS amount, debit_position AS position, debit_balance AS balance
    FROM part WHERE debit_balance IS NOT NULL
    UNION ALL
    SELECT credit_account, asset, amount, credit_position, credit_balance FROM part WHERE credit_balance IS NOT NULL
), numbered AS (
    SELECT *, position - row_number() OVER own AS island, (lag(position) OVER own = position)::integer AS doubled
    FROM entry WINDOW own AS (PARTITION BY account, asset ORDER BY position)
), island AS (
    SELECT account, asset, min(position) AS first, sum(amount) AS moved, coalesce(sum(doubled), 0) AS doubled,
           (array_agg(balance - amount ORDER BY position))[1] AS start,
           (array_agg(balance ORDER BY position DESC))[1] AS finish
    FROM numbered GROUP BY account, asset, island
), linked AS (
    SELECT island.*, before.balance AS before, before.xact AS before_xact
    FROM island LEFT JOIN LATERAL (
        SELECT debit_balance AS balance, xact FROM transfer
        WHERE debit_account = island.account AND asset = island.asset AND debit_position = island.first - 1
        UNION ALL
        SELECT credit_balance, xact FROM transfer
        WHERE credit_account = island.account AND asset = island.asset AND credit_position = island.first - 1
        LIMIT 1
    ) AS before ON true
), checked AS (
    SELECT asset, 0 AS accounts, abs(start - coalesce(before, 0)) + abs(finish - (start + moved)) + doubled
        + CASE WHEN first > 1 AND before_xact IS NULL THEN 1 ELSE 0 END AS discrepancy
    FROM linked
    {touched}
), summed AS (
    SELECT asset, sum(amount) AS debits, sum(
        CASE WHEN credit_balance IS NULL THEN 0 ELSE amount END - CASE WHEN debit_balance IS NULL THEN 0 ELSE amount END
    ) AS liability
    FROM part GROUP BY asset
), totals AS (
    SELECT asset, sum(accounts) AS accounts, sum(discrepancy) AS discrepancy FROM checked GROUP BY asset
)
SELECT asset, coalesce(debits, 0), coalesce(liability, 0), coalesce(accounts, 0), coalesce(discrepancy, 0)
FROM summed FULL JOIN totals USING (asset)
"""

# An account: what is stored is the balance after the entry that it counts as its last.
_STORED = """
SELECT touched.asset, 1, CASE WHEN stored.account IS NULL THEN 1 ELSE
    abs(stored.balance - coalesce(last.balance, 0))
    + CASE WHEN stored.sequence > 0 AND last.balance IS NULL THEN 1 ELSE 0 END END
FROM {touched} AS touched LEFT JOIN account AS stored USING (account, asset)
LEFT JOIN LATERAL (
    SELECT debit_balance AS balance FROM transfer
    WHERE debit_account = stored.account AND asset = stored.asset AND debit_position = stored.sequence
    UNION ALL
    SELECT credit_balance FROM transfer
    WHERE credit_account = stored.account AND asset = stored.asset AND credit_position = stored.sequence
    LIMIT 1
) AS last ON true
"""

# Of transactions: an account counts where its first entry of the whole span is.
_TOUCHED = _STORED.format(touched="(SELECT account, asset FROM linked WHERE before_xact IS NULL OR before_xact < $3)")
_BY_XACT = _ROWS.format(rows="xact >= $1 AND xact < $2", touched=f"UNION ALL {_TOUCHED}")

# Of blocks: all accounts are read later, but those that are not there.
_LOST = """UNION ALL
SELECT asset, 0, 1 FROM linked AS left_over
WHERE NOT EXISTS (SELECT FROM account WHERE account = left_over.account AND asset = left_over.asset)
"""
_BY_BLOCK = _ROWS.format(
    rows="ctid >= format('(%s,0)', $1::bigint)::tid AND ctid < format('(%s,0)', $2::bigint)::tid AND xact < $3",
    touched=_LOST,
)

_BY_ACCOUNT = f"""
WITH page AS MATERIALIZED (
    SELECT account, asset FROM account WHERE (account, asset) > ($1, $2) ORDER BY account, asset LIMIT $3
), checked (asset, accounts, discrepancy) AS ({_STORED.format(touched="page")})
SELECT asset, 0, 0, sum(accounts), sum(discrepancy) FROM checked GROUP BY asset
"""  # noqa: S608 (constants)

_LAST_ACCOUNT = """
SELECT account, asset FROM (
    SELECT account, asset FROM account WHERE (account, asset) > ($1, $2) ORDER BY account, asset LIMIT $3
) AS page ORDER BY account DESC, asset DESC LIMIT 1
"""

_BLOCKS = "SELECT pg_relation_size('transfer') / current_setting('block_size')::bigint"

_RUN = "run_id, is_full, first_xact, end_xact, at, until, begin_time, found::text, stage, account, asset"
_BEGIN_RUN = """
INSERT INTO ledger_proof_run
    (run_id, is_full, first_xact, end_xact, at, until, begin_time, found, stage, account, asset)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8::text::jsonb, $9, $10, $11) ON CONFLICT DO NOTHING
"""
_FIND_RUN = f"SELECT {_RUN} FROM ledger_proof_run WHERE is_full = $1"  # noqa: S608 (constants)
_LOCK_RUN = f"{_FIND_RUN} FOR UPDATE SKIP LOCKED"
_SAVE_RUN = """
UPDATE ledger_proof_run SET at = $2, stage = $3, account = $4, asset = $5, found = $6::text::jsonb WHERE is_full = $1
"""
_END_RUN = "DELETE FROM ledger_proof_run WHERE is_full = $1"

_PROOFS = 0x70726F6F66  # "proof"
_NEXT = "SELECT coalesce(max(number), 0) + 1 FROM ledger_proof"
_LAST = "SELECT number, end_xact, prove_time FROM ledger_proof ORDER BY number DESC LIMIT 1"
_LINES = "SELECT asset, debits, liability FROM ledger_proof_line WHERE number = $1"
_ADD = "INSERT INTO ledger_proof (number, end_xact, is_full, prove_time, run_id) VALUES ($1, $2, $3, $4, $5)"
_ADD_LINES = """
INSERT INTO ledger_proof_line (number, asset, debits, liability, account_count, discrepancy)
SELECT $1, * FROM unnest($2::text[], $3::numeric[], $4::numeric[], $5::bigint[], $6::numeric[])
"""
_LINES_OF = """
SELECT number, asset, debits, liability, account_count, discrepancy, is_full, end_xact, prove_time
FROM ledger_proof_line JOIN ledger_proof USING (number)
"""
_LIST = f"{_LINES_OF} WHERE number < $1 OR (number = $1 AND asset > $2) ORDER BY number DESC, asset LIMIT $3"
_OF_RUN = f"{_LINES_OF} WHERE run_id = $1 ORDER BY asset"
_IS_DONE = "SELECT EXISTS (SELECT FROM ledger_proof WHERE run_id = $1)"


async def read_rows(tx: ReadTx, run: Run, first: int, end: int) -> dict[str, Found]:
    """Sum and check the entries of some blocks, or of some transactions with the accounts that these touched first."""
    query, bound = (_BY_BLOCK, run.end) if run.is_full else (_BY_XACT, run.first)
    return _found(await (await driver(tx)).fetch(query, first, end, bound))


async def read_accounts(tx: ReadTx, run: Run, limit: int) -> tuple[tuple[str, str] | None, dict[str, Found]]:
    """Check the next accounts. Returns the last of them, if there are any."""
    connection, page = await driver(tx), (run.account, run.asset, limit)
    last = await connection.fetchrow(_LAST_ACCOUNT, *page)
    return (tuple(last) if last else None), _found(await connection.fetch(_BY_ACCOUNT, *page))


def _found(rows: Sequence[Any]) -> dict[str, Found]:
    return {asset: Found(*map(int, sums)) for asset, *sums in rows}


async def count_blocks(tx: ReadTx) -> int:
    """How many blocks all transfers are in."""
    return int(await (await driver(tx)).fetchval(_BLOCKS))


async def begin_run(tx: Tx, run: Run) -> None:
    """Begin a proof, unless one of its kind is being made."""
    await (await driver(tx)).execute(
        _BEGIN_RUN, run.run_id, run.is_full, run.first, run.end, run.at, run.until, run.begin_time, _text(run),
        run.stage, run.account, run.asset,
    )  # fmt: skip


async def find_run(tx: ReadTx, *, is_full: bool) -> Run | None:
    """The proof that is being made."""
    row = await (await driver(tx)).fetchrow(_FIND_RUN, is_full)
    return _run(row) if row else None


async def lock_run(tx: Tx, *, is_full: bool) -> Run | None:
    """The proof that is being made, held. None when there is none, or another replica is at it."""
    row = await (await driver(tx)).fetchrow(_LOCK_RUN, is_full)
    return _run(row) if row else None


async def save_run(tx: Tx, run: Run) -> None:
    """Note how far a held proof has come."""
    await (await driver(tx)).execute(_SAVE_RUN, run.is_full, run.at, run.stage, run.account, run.asset, _text(run))


def _text(run: Run) -> str:
    return json.dumps(run.found)


def _run(row: Any) -> Run:
    run_id, is_full, first, end, at, until, begin_time, found, stage, account, asset = row
    sums = {each: Found(*counts) for each, counts in json.loads(found).items()}
    return Run(run_id, is_full, first, end, at, until, begin_time, sums, Stage(stage), account, asset)


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


async def end_run(tx: Tx, run: Run) -> list[Proof]:
    """Write down what a held proof has proved. It gets the next number."""
    connection = await driver(tx)
    await connection.execute("SELECT pg_advisory_xact_lock($1)", _PROOFS)
    proofs = run.proofs(number := await connection.fetchval(_NEXT))
    await connection.execute(_END_RUN, run.is_full)
    await connection.execute(_ADD, number, run.end, run.is_full, run.begin_time, run.run_id)
    rows = [
        (each.asset, each.sums.debits, each.sums.liability, each.check.account_count, each.check.discrepancy)
        for each in proofs
    ]
    if rows:
        await connection.execute(_ADD_LINES, number, *map(list, zip(*rows, strict=True)))
    return proofs


async def find_proofs(tx: ReadTx, run_id: UUID) -> list[Proof] | None:
    """What a run has proved, by asset; None when it has not come to an end."""
    connection = await driver(tx)
    if not await connection.fetchval(_IS_DONE, run_id):
        return None
    return [_proof(row) for row in await connection.fetch(_OF_RUN, run_id)]


async def list_proofs(tx: ReadTx, *, after: tuple[int, str], limit: int) -> list[Proof]:
    """Proofs, the newest first, by asset."""
    return [_proof(row) for row in await (await driver(tx)).fetch(_LIST, *after, limit)]


def _proof(row: Any) -> Proof:
    number, asset, debits, liability, count, discrepancy, is_full, end, prove_time = row
    check = Check(count, int(discrepancy))
    return Proof(number, asset, Sums(int(debits), int(liability)), check, is_full, end, prove_time)
