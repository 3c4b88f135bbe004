"""Posting: lock, decide, save."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from chassis.db import Tx
from services.incentive.ledger import domain, store
from services.incentive.ledger.domain import Account, Book, Original, Outcome, Standing, Transfer, earnings
from services.incentive.ledger.domain.earnings import Claim
from services.incentive.subjects import store as subjects
from services.incentive.subjects.errors import MergedMeanwhile

MERGE_SCOPE = "service:incentive/merge"


async def post(tx: Tx, batch: Sequence[Transfer]) -> list[Outcome]:
    """Post transfers, one outcome each, in order; a refusal does not touch its neighbours.

    Accounts of merged members stand for those of their survivors. Two transactions that post the same new transfer
    between unbounded accounts meet at the constraint `transfer_pkey`; the later one is to be repeated.
    """
    wanted = {item.reverses for item in batch if item.reverses}
    originals = await store.lock_originals(tx, wanted)
    before = await store.lock_accounts(tx, domain.bounded(batch))
    batch, before = await _follow_merges(tx, batch, before)
    originals = await _turn_originals(tx, originals)
    decided = await store.find_decided(tx, {item.key for item in batch})
    book = Book(decided, dict(before), originals)
    outcomes = domain.decide(batch, book)
    await store.save_postings(tx, book.postings, before, {account: book.standings[account] for account in book.touched})
    await store.save_refusals(tx, book.refusals)
    return outcomes


async def _follow_merges(
    tx: Tx, batch: Sequence[Transfer], held: dict[Account, Standing]
) -> tuple[Sequence[Transfer], dict[Account, Standing]]:
    """Turn to the survivors' accounts. Asked after the locks are held: a merge holds them too.

    Asked again for every account that was waited for: its member may have been merged meanwhile.
    """
    survivors = await subjects.find_survivors(tx, {account.member_id for account in held if account.member_id})
    while survivors:
        batch = [item.between(_turned(item.debit, survivors), _turned(item.credit, survivors)) for item in batch]
        missing = [account for account in domain.bounded(batch) if account not in held]
        held = held | await store.lock_accounts(tx, missing)
        survivors = await subjects.find_survivors(tx, {account.member_id for account in missing})
    return batch, held


def _turned(account: Account, survivors: Mapping[str, str]) -> Account:
    survivor = survivors.get(account.member_id)
    return account.of(survivor) if survivor else account


async def _turn_originals(tx: Tx, originals: Mapping[UUID, Original]) -> dict[UUID, Original]:
    """What a merged member got can be taken back from the survivor, who has it now."""
    members = {account.member_id for item in originals.values() for account in (item.debit, item.credit)}
    survivors = await subjects.find_survivors(tx, members - {""})
    return {
        key: item._replace(debit=_turned(item.debit, survivors), credit=_turned(item.credit, survivors))
        for key, item in originals.items()
    }


async def earn(tx: Tx, scope: str, claims: Sequence[Claim]) -> None:
    """Have members earn; what they owe is paid from it first."""
    claims, standings = await _hold_members(tx, claims)
    await _post_all(tx, earnings.earn(scope, claims, standings))


async def take_back(tx: Tx, scope: str, claims: Sequence[Claim]) -> None:
    """Take earnings back, what is spent of them as debt. That no more is taken than was earned is checked again."""
    claims, standings = await _hold_members(tx, claims)
    await _post_all(tx, earnings.take_back(scope, claims, standings))


class Unpostable(AssertionError):
    """A transfer was refused whose accounts were held and found sufficient."""


async def _post_all(tx: Tx, transfers: Sequence[Transfer]) -> None:
    outcomes = await post(tx, transfers)
    for item, outcome in zip(transfers, outcomes, strict=True):
        if outcome.reason:
            raise Unpostable(f"{item.transfer_id}: {outcome.reason}: {outcome.detail}")


async def _hold_members(tx: Tx, claims: Sequence[Claim]) -> tuple[Sequence[Claim], dict[Account, Standing]]:
    """Turn claims to the survivors of merges, and hold the accounts that decide what becomes of them.

    The row of `available` is opened and held even before its first transfer: who holds it knows that nobody else runs
    into debt or out of it. Raises `MergedMeanwhile`.
    """
    survivors = await subjects.find_survivors(tx, {claim.profile_id for claim in claims})
    claims = [claim._replace(profile_id=survivors.get(claim.profile_id, claim.profile_id)) for claim in claims]
    available = {claim.account("available") for claim in claims}
    wanted = sorted(available | {claim.account("debt") for claim in claims})
    held = await store.lock_opened(tx, wanted)
    if missing := available - held.keys():
        await store.lock_accounts(tx, sorted(missing))
        held = await store.lock_opened(tx, wanted)
    if await subjects.find_survivors(tx, {claim.profile_id for claim in claims}):
        raise MergedMeanwhile
    return claims, held


async def merge_accounts(tx: Tx, *, loser_id: str, survivor_id: str, merge_id: str, now: datetime) -> None:
    """Move all that a merged member has, debt too, to the survivor: one transfer per account, keyed by the merge.

    Source: spec people §3.5.
    """
    await store.end_openings(tx, loser_id)
    owned = await store.list_owned(tx, f"member/{loser_id}")
    held = await store.lock_accounts(tx, sorted(owned))
    moves = [
        domain.transfer(
            MERGE_SCOPE,
            f"{merge_id}/{account.asset}/{account.name.rpartition('/')[2]}",
            *_direction(account, account.of(survivor_id), standing.balance),
            abs(standing.balance),
            post_time=now,
            memo=f"merge {merge_id}",
        )
        for account, standing in held.items()
        if standing.balance
    ]
    await post(tx, moves)


def _direction(loser: Account, survivor: Account, balance: int) -> tuple[Account, Account]:
    return (loser, survivor) if balance > 0 else (survivor, loser)
