"""Seals and proofs of ledgers that no single statement can read: in portions, with the same results."""

import asyncio
import random
from typing import Any

import pytest
from bowen.incentive.v1 import audit_pb2

from chassis.clock import FixedClock
from chassis.db import driver
from services.incentive.audits import operations, store
from services.incentive.audits.domain import seals
from services.incentive.audits.domain.proofs import Portions
from services.incentive.audits.domain.seals import Digest, Span
from services.incentive.audits.operations import sealing
from tests.service.incentive.auditing import Audits, audits_of
from tests.service.incentive.ledgering import Ledger, a_transfer, member
from tests.service.incentive.rewarding import new

SMALL = Portions(xacts=1, blocks=1, accounts=2)

# How a part was read before there were portions: what seals say must be as it was.
PART = """
SELECT count(*), sha256(coalesce(string_agg(
    sha256(convert_to(ROW(
        transfer_key, encode(fingerprint, 'hex'), transfer_id, debit_account, credit_account, asset, amount, memo,
        reverses_key, (extract(epoch FROM post_time) * 1000000)::bigint,
        debit_position, debit_balance, credit_position, credit_balance
    )::text, 'UTF8')), ''::bytea ORDER BY transfer_key
), ''::bytea))
FROM transfer WHERE xact >= $1 AND xact < $2
"""

# And what a proof of the whole ledger summed up.
WHOLE = """
WITH entry AS (
    SELECT debit_account AS account, asset, -amount AS amount FROM transfer WHERE debit_balance IS NOT NULL
    UNION ALL SELECT credit_account, asset, amount FROM transfer WHERE credit_balance IS NOT NULL
), summed AS (SELECT account, asset, sum(amount) AS moved, count(*) AS entries FROM entry GROUP BY account, asset)
SELECT asset, count(*),
       sum(abs(coalesce(balance, 0) - coalesce(moved, 0)) + abs(sequence - coalesce(entries, 0)))::bigint,
       max(debits)::bigint, sum(balance)::bigint
FROM summed FULL JOIN account USING (account, asset)
JOIN (SELECT asset, sum(amount) AS debits FROM transfer GROUP BY asset) AS posted USING (asset)
GROUP BY asset ORDER BY asset
"""


async def a_year(ledger: Ledger, chance: random.Random) -> list[str]:
    """Many transfers of two assets between few accounts, in batches and at once."""
    accounts = [member(kind) for kind in ("available", "available", "held", "debt")]
    for asset in ("points", "cash"):
        await ledger.post(*(a_transfer("issuer/welcome", each, 1_000, asset=asset) for each in accounts))

    async def batch() -> None:
        pairs = [chance.sample([*accounts, "sys/redeemed"], 2) for _ in range(chance.randint(1, 4))]
        await ledger.post(*(a_transfer(*each, 1, asset=chance.choice(["points", "cash"])) for each in pairs))

    for _ in range(8):
        await asyncio.gather(*(batch() for _ in range(4)))
    return accounts


async def fetched(audits: Audits, query: str, *values: object) -> list[Any]:
    async with audits.ledger.db.read() as tx:
        return [tuple(row) for row in await (await driver(tx)).fetch(query, *values)]


def said(proofs: list[audit_pb2.Proof]) -> list[tuple[Any, ...]]:
    return [(each.asset, each.account_count, each.discrepancy, each.debits, each.liability) for each in proofs]


async def test_pl_14_a_seal_read_in_slices_is_that_of_one_statement(
    ledger: Ledger, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seals, "STEP", 7)
    monkeypatch.setattr("services.incentive.audits.operations.runs.MEMORY_BYTES_MAX", 100)
    monkeypatch.setattr("services.incentive.audits.operations.runs.CHUNK_RECORDS", 2)
    async with audits_of(ledger, clock) as audits:
        await a_year(ledger, random.Random(1))
        async with ledger.db.read() as tx:
            span = Span(await store.get_beginning(tx), await store.find_horizon(tx))
        await operations.read_ahead(ledger.db, Span(span.first, span.first + 20), xacts=2)
        ahead = await fetched(audits, "SELECT first_xact, end_xact FROM ledger_seal_part ORDER BY first_xact")
        assert [Span(*each) for each in ahead] == list(span.parts())[:2]

        await audits.next_day()

        (seal,) = await audits.seals()
        (end,) = (await fetched(audits, "SELECT end_xact FROM ledger_seal"))[0]
        digest = Digest()
        for part in Span(span.first, end).parts():
            digest.add(*(await fetched(audits, PART, *part))[0])
        assert (seal.transfer_count, seal.digest) == (digest.count, digest.hex)
        assert digest.count > 60
        assert await audits.verify(seal.day, seal.day) == (1, "")
        assert await fetched(audits, "SELECT FROM ledger_seal_part") == []


async def test_what_was_read_ahead_is_not_read_again(
    ledger: Ledger, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever seals after a crash goes on where the parts end."""
    monkeypatch.setattr(seals, "STEP", 7)
    read: list[Span] = []
    real = sealing.read_part

    async def noted(db: Any, part: Span, **options: Any) -> tuple[int, bytes]:
        read.append(part)
        return await real(db, part, **options)

    monkeypatch.setattr(sealing, "read_part", noted)
    async with audits_of(ledger, clock) as audits:
        await a_year(ledger, random.Random(2))
        await audits.servicer.seal()  # of a ledger without seals yesterday is due
        read.clear()
        await a_year(ledger, random.Random(3))
        await audits.servicer.seal()
        ahead = len(read)
        await audits.next_day()

    assert ahead > 3
    assert len(read) == len(set(read)) > ahead


@pytest.mark.parametrize("seed", range(3))
async def test_pl_01_proofs_in_small_portions_are_those_of_one_statement(
    ledger: Ledger, clock: FixedClock, seed: int
) -> None:
    async with audits_of(ledger, clock, portions=SMALL) as audits, audits_of(ledger, clock) as whole:
        await a_year(ledger, random.Random(seed))
        await audits.servicer.prove()
        assert said(await audits.proofs()) == await fetched(audits, WHOLE)
        clock.advance(3600)
        await a_year(ledger, random.Random(-seed - 1))

        await audits.servicer.prove()
        going_on = said((await audits.proofs())[:2])
        full, at_once = await audits.prove(), await whole.prove()

        assert said(full) == said(at_once) == await fetched(audits, WHOLE)
        assert [each[2:] for each in going_on] == [each[2:] for each in said(full)]
        assert [each[1] for each in going_on] == [4, 4] or all(4 <= each[1] <= 8 for each in going_on)
        assert [each.number for each in (full[0], at_once[0])] == [3, 4]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE account SET balance = balance + 3 WHERE account = $1",
        "UPDATE account SET sequence = sequence + 1 WHERE account = $1",
        "DELETE FROM account WHERE account = $1",
        "UPDATE transfer SET amount = amount + 1 WHERE credit_account = $1",
        "DELETE FROM transfer WHERE credit_account = $1 AND credit_position = 1",
        "UPDATE transfer SET credit_position = 1000000 WHERE credit_account = $1 AND credit_position > 1",
    ],
)
async def test_pl_01_small_portions_find_what_does_not_follow(ledger: Ledger, clock: FixedClock, change: str) -> None:
    async with audits_of(ledger, clock, portions=SMALL) as audits:
        clean = await a_year(ledger, random.Random(5))
        broken = member()
        await ledger.post(a_transfer("issuer/welcome", broken, 50))
        await ledger.post(a_transfer("issuer/welcome", broken, 50))

        await audits.execute(change, broken)

        assert {each.asset: each.discrepancy > 0 for each in await audits.prove()} == {"cash": False, "points": True}
        assert clean


async def test_a_proof_that_takes_longer_than_a_call_goes_on_and_is_asked_for_by_its_request(
    ledger: Ledger, clock: FixedClock
) -> None:
    async with audits_of(ledger, clock, portions=SMALL, prove_s=0.0) as hasty, audits_of(ledger, clock) as other:
        await a_year(ledger, random.Random(6))
        request_id = new()

        seen = [await hasty.proved(request_id)]
        while seen[-1][1] < 10_000:
            seen.append(await hasty.proved(request_id))
            assert len(seen) < 1_000

        assert [bool(proofs) for proofs, _ in seen[-2:]] == [False, True]
        assert [progress for _, progress in seen] == sorted(progress for _, progress in seen)
        assert await hasty.proved(request_id) == seen[-1]
        unfinished = new()
        await hasty.proved(unfinished)
        results = await asyncio.gather(other.servicer.prove(), hasty.servicer.prove(), other.prove())
        assert said(results[2]) == said(seen[-1][0])
        assert said((await hasty.proved(unfinished))[0]) == said(seen[-1][0])
        numbers = {each.number for each in await other.proofs()}
        assert numbers == {1, 2, 3}
