"""What changes pots: lock, decide, post, save.

Rows are held in one order everywhere: pots, budgets, accounts.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from chassis.db import ReadTx, Tx
from services.incentive.budgets import operations as budgets
from services.incentive.budgets import store as budget_store
from services.incentive.budgets.domain import Budget, Want
from services.incentive.ledger import operations as ledger
from services.incentive.ledger.domain.earnings import Claim
from services.incentive.pots import domain, events, store
from services.incentive.pots.domain import Pot, Share, ShareState, State
from services.incentive.subjects import store as subjects

PAID_AT_ONCE_MAX = 500


async def create_pot(tx: Tx, pot: Pot) -> None:
    """Add a pot with a budget for what it pays at most."""
    await budget_store.insert_budget(tx, Budget(pot.budget_id, pot.prizes.most, name=pot.name, asset=pot.asset))
    await store.insert_pot(tx, pot)


async def freeze_pot(tx: Tx, pot_id: UUID, now: datetime) -> Pot:
    """Settle who wins, reserve what they get and publish the hash. Raises `PotNotFound`, `PotState`, `PotNotOver`."""
    pot = await store.lock_pot(tx, pot_id)
    if pot.is_frozen:
        return pot
    domain.freezable(pot, now)
    shares = domain.shares_of(pot, await store.list_scores(tx, pot))
    pot = replace(pot, state=State.FROZEN, set_hash=domain.merkle_root([share.leaf for share in shares]))
    await budgets.reserve_all(tx, [Want(pot.budget_id, sum(share.amount for share in shares))])
    await store.save_shares(tx, shares)
    await store.save_pot(tx, pot)
    await events.pot_frozen(tx, pot, len(shares), now=now)
    return pot


async def settle_pot(tx: Tx, pot_id: UUID) -> Pot:
    """Have the winners be paid. Raises `PotNotFound`, `PotState`."""
    pot = domain.settling(await store.lock_pot(tx, pot_id))
    await store.save_pot(tx, pot)
    return pot


async def void_pot(tx: Tx, pot_id: UUID) -> Pot:
    """Call a pot off. Raises `PotNotFound`, `PotState`."""
    pot = domain.voided(await store.lock_pot(tx, pot_id))
    await store.save_pot(tx, pot)
    return pot


async def pay_some(tx: Tx, now: datetime) -> bool:
    """Pay the next winners of some pot. Returns whether there was a pot to pay.

    Payments, and the note that they are made, are one transaction: whoever goes on after a crash starts where it ended.
    """
    pot = await store.lock_settling(tx)
    if pot is None:
        return False
    due = await store.lock_due(tx, pot.pot_id, PAID_AT_ONCE_MAX)
    if due:
        await ledger.earn(tx, domain.SCOPE, [_payment(pot, share, now) for share in due])
        await store.save_states(tx, pot.pot_id, [share.rank for share in due], ShareState.PAID)
    else:
        await store.save_pot(tx, replace(pot, state=State.SETTLED))
    return True


async def disqualify(tx: Tx, pot_id: UUID, profile_id: str, reason: str, now: datetime) -> Share:
    """Take a share away; nobody else's changes. Raises `PotNotFound`, `PotShareNotFound`."""
    pot = await store.lock_pot(tx, pot_id)
    share = await store.find_share(tx, pot_id, await _ids_of(tx, profile_id))
    match share.state:
        case ShareState.DUE:
            share = share._replace(state=ShareState.WITHDRAWN)
        case ShareState.PAID:
            share = share._replace(state=ShareState.TAKEN_BACK)
        case _:
            return share
    await store.save_states(tx, pot_id, [share.rank], share.state)
    await budgets.release_all(tx, [Want(pot.budget_id, share.amount)])
    if share.state == ShareState.TAKEN_BACK:
        await ledger.take_back(tx, domain.SCOPE, [_clawback(pot, share, reason, now)])
    return share


async def find_share(tx: ReadTx, pot_id: UUID, profile_id: str) -> tuple[Share, Sequence[str]]:
    """A person's share and its proof. Raises `PotShareNotFound`."""
    share = await store.find_share(tx, pot_id, await _ids_of(tx, profile_id))
    leaves = [each.leaf for each in await store.list_shares(tx, pot_id)]
    return share, domain.merkle_proof(leaves, share.rank - 1)


async def _ids_of(tx: ReadTx, profile_id: str) -> list[str]:
    return await subjects.list_ids(tx, await subjects.resolve(tx, profile_id))


def _payment(pot: Pot, share: Share, now: datetime) -> Claim:
    return Claim(
        transfer_id=share.transfer_id,
        issuer=f"issuer/{pot.pot_id}",
        profile_id=share.profile_id,
        asset=pot.asset,
        amount=share.amount,
        post_time=now,
        memo=pot.name,
    )


def _clawback(pot: Pot, share: Share, reason: str, now: datetime) -> Claim:
    payment = _payment(pot, share, now)
    return payment._replace(transfer_id=f"{share.transfer_id}/back", memo=reason, reverses=share.transfer_id)
