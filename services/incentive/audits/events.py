"""What others are told about audits."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from bowen.incentive.v1 import events_pb2

from chassis.db import Tx
from chassis.outbox import Fact, append
from chassis.stamps import stamp
from services.incentive.audits.domain.proofs import Proof
from services.incentive.audits.domain.seals import Seal


async def ledger_sealed(tx: Tx, seal: Seal) -> None:
    """A day is sealed."""
    event = events_pb2.LedgerSealed(
        day=seal.day.isoformat(),
        time_zone=seal.time_zone,
        transfer_count=seal.transfer_count,
        seal=seal.seal,
        seal_time=stamp(seal.seal_time),
    )
    await append(tx, [Fact(event, seal.seal_time)])


async def ledger_proved(tx: Tx, proofs: Sequence[Proof]) -> None:
    """Assets are proved, or are not."""
    await append(
        tx, [Fact(_failed(proof) if proof.check.discrepancy else _proved(proof), proof.prove_time) for proof in proofs]
    )


def _proved(proof: Proof) -> events_pb2.TrialBalanceProved:
    return events_pb2.TrialBalanceProved(
        number=proof.number,
        asset=proof.asset,
        debits=proof.sums.debits,
        credits=proof.sums.debits,
        liability=proof.sums.liability,
        is_full=proof.is_full,
        prove_time=stamp(proof.prove_time),
    )


def _failed(proof: Proof) -> events_pb2.TrialBalanceFailed:
    return events_pb2.TrialBalanceFailed(
        number=proof.number,
        asset=proof.asset,
        discrepancy=proof.check.discrepancy,
        is_full=proof.is_full,
        prove_time=stamp(proof.prove_time),
    )


async def transfers_posted(tx: Tx, rows: Sequence[Any], *, now: datetime) -> None:
    """Transfers were posted. An event has the identity of its transfer."""
    facts = [
        Fact(
            events_pb2.TransferPosted(
                transfer_key=str(key),
                transfer_id=transfer_id,
                debit_account=debit,
                credit_account=credit,
                asset=asset,
                amount=amount,
                post_time=stamp(post_time),
            ),
            now,
            key,
        )
        for key, transfer_id, debit, credit, asset, amount, post_time in rows
    ]
    await append(tx, facts)
