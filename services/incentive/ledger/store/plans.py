r"""Posting at once: one statement, one round trip, all of a batch or nothing.

The statement holds the accounts in their order, and writes only if all of them are there, hold what is needed, and
nothing speaks against the transfers. Balances and sequences after each transfer are counted from what it finds, so that
nothing that this process knows of them can be stale.

Columns travel as one text each, which the server takes apart: the driver's way to encode an array asks of every single
element what it is, and costs more than all the rest of this module. The elements are parted by \x1f; a batch in whose
words it occurs is not posted at once.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from chassis.db import LOCK_SECONDS_MAX, Database, DatabaseConflict, DatabaseUnavailable, violated
from services.incentive.ledger.domain.plans import Plan, Side
from services.incentive.ledger.store.transfers import DECIDED_ELSEWHERE

_SEPARATOR = "\x1f"

# What is asked stands in a part of its own, out of the planner's sight: knowing how many elements the arrays have, it
# would plan every batch anew, which costs more than a small batch itself. So there is one plan, for any number.
#
# Balances are set from what was held, not from the row that the update comes across: of a row that somebody else has
# just changed that would at first be the version before, and constraints would be checked against that.
_POST = rf"""
WITH asked AS MATERIALIZED (
    SELECT string_to_array($1, E'\x1f') AS accounts, string_to_array($2, E'\x1f') AS assets,
           $3::text::bigint[] AS needed, $4::text::bigint[] AS nets, $5::text::bigint[] AS counts,
           $7::text::uuid[] AS keys, string_to_array($9, ',') AS fingerprints, string_to_array($10, E'\x1f') AS ids,
           string_to_array($11, E'\x1f') AS debits, string_to_array($12, E'\x1f') AS credits,
           string_to_array($13, E'\x1f') AS of_assets, $14::text::bigint[] AS amounts,
           string_to_array($15, E'\x1f') AS memos, $16::timestamptz[] AS times,
           $17::text::bigint[] AS debit_numbers, $18::text::bigint[] AS debit_counts, $19::text::bigint[] AS debit_nets,
           $20::text::bigint[] AS credit_numbers, $21::text::bigint[] AS credit_counts,
           $22::text::bigint[] AS credit_nets
), wanted AS MATERIALIZED (
    SELECT wanted.* FROM asked, unnest(asked.accounts, asked.assets, asked.needed, asked.nets, asked.counts)
        WITH ORDINALITY AS wanted (account, asset, needed, net, count, number)
), held AS MATERIALIZED (
    SELECT number, needed, account.balance, account.sequence
    FROM wanted JOIN account USING (account, asset)
    WHERE (SELECT set_config('lock_timeout', '{round(LOCK_SECONDS_MAX * 1000)}', true)) IS NOT NULL
    ORDER BY number FOR UPDATE OF account
), found AS MATERIALIZED (
    SELECT array_agg(balance ORDER BY number) AS balances, array_agg(sequence ORDER BY number) AS sequences,
           CASE WHEN count(*) = $6 AND coalesce(bool_and(balance >= needed), true)
                THEN posting_is_clear($7::text::uuid[], $8::text::uuid[], $23::text[]) ELSE false END AS is_clear
    FROM held
), written AS (
    INSERT INTO transfer (transfer_key, fingerprint, transfer_id, debit_account, credit_account, asset, amount, memo,
                          post_time, debit_position, debit_balance, credit_position, credit_balance)
    SELECT transfer_key, decode(fingerprint, 'hex'), transfer_id, debit_account, credit_account, asset, amount,
           coalesce(memo, ''), post_time,
           coalesce((SELECT sequences FROM found)[debit_number] + debit_count, nextval('transfer_number')),
           (SELECT balances FROM found)[debit_number] + debit_net,
           coalesce((SELECT sequences FROM found)[credit_number] + credit_count, nextval('transfer_number')),
           (SELECT balances FROM found)[credit_number] + credit_net
    FROM asked, unnest(
        keys, fingerprints, ids, debits, credits, of_assets, amounts, memos, times,
        debit_numbers, debit_counts, debit_nets, credit_numbers, credit_counts, credit_nets
    ) AS posting (transfer_key, fingerprint, transfer_id, debit_account, credit_account, asset, amount, memo, post_time,
                  debit_number, debit_count, debit_net, credit_number, credit_count, credit_net)
    WHERE (SELECT is_clear FROM found)
), moved AS (
    UPDATE account SET balance = (SELECT balances FROM found)[number] + wanted.net,
                       sequence = (SELECT sequences FROM found)[number] + wanted.count
    FROM wanted
    WHERE account.account = wanted.account AND account.asset = wanted.asset AND (SELECT is_clear FROM found)
)
SELECT is_clear, ARRAY(SELECT DISTINCT asset FROM programme WHERE NOT is_clear AND asset = ANY ($23)) AS in_lots
FROM found
"""  # noqa: S608 (constants)


class Attempt(NamedTuple):
    """Whether a plan was posted, all of it; else the assets among its own that are kept in lots."""

    posted: bool
    in_lots: frozenset[str] = frozenset()


async def post_at_once(db: Database, plan: Plan) -> Attempt:
    """Post all of a plain batch, or write nothing: the exact way tells why."""
    columns = _columns(plan)
    if columns is None:
        return Attempt(posted=False)
    try:
        rows = await db.alone(_POST, *columns)
    except (DatabaseConflict, DatabaseUnavailable):  # the exact way repeats what can be repeated
        return Attempt(posted=False)
    except Exception as error:
        if violated(error) in DECIDED_ELSEWHERE:
            return Attempt(posted=False)
        raise
    return Attempt(rows[0]["is_clear"], frozenset(rows[0]["in_lots"]))


def _columns(plan: Plan) -> list[object] | None:
    batch, accounts, courses, of_members = plan.batch, plan.accounts, plan.courses, plan.of_members
    transfer_ids, memos = _words(item.transfer_id for item in batch), _words(item.memo for item in batch)
    if transfer_ids.count(_SEPARATOR) + memos.count(_SEPARATOR) > 2 * len(batch) - 2:
        return None
    return [
        _words(account.name for account in accounts),
        _words(account.asset for account in accounts),
        _numbers(plan.needed),
        _numbers([course.net for course in courses]),
        _numbers([course.count for course in courses]),
        len(accounts),
        "{" + ",".join([item.key.hex for item in batch]) + "}",
        "{" + ",".join([account.member_id for account in of_members]) + "}",
        ",".join([item.fingerprint.hex() for item in batch]),
        transfer_ids,
        _words(item.debit.name for item in batch),
        _words(item.credit.name for item in batch),
        _words(item.debit.asset for item in batch),
        _numbers([item.amount for item in batch]),
        memos,
        [item.post_time for item in batch],
        *_sides(plan.debits),
        *_sides(plan.credits),
        list({account.asset for account in of_members}),
    ]


def _sides(sides: Sequence[Side]) -> list[str]:
    return [
        _numbers([side.course.number for side in sides]),
        _numbers([side.moves for side in sides]),
        _numbers([side.net for side in sides]),
    ]


def _words(words: Iterable[str]) -> str:
    return _SEPARATOR.join(words)


def _numbers(numbers: list[int]) -> str:
    return f"{{{str(numbers)[1:-1]}}}"
