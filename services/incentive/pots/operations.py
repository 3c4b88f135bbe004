"""What changes pots: lock, decide, post, save.

Rows are held in one order everywhere: pots, their points, budgets, accounts. Erasures are held before them all, where
something is paid.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from chassis.db import ReadTx, Tx
from people.erasures import hold_erasures
from services.incentive.budgets import operations as budgets
from services.incentive.budgets import store as budget_store
from services.incentive.budgets.domain import Budget, Want
from services.incentive.ledger import operations as ledger
from services.incentive.ledger.domain.earnings import Claim
from services.incentive.pots import domain, events, store
from services.incentive.pots.domain import Pot, Share, ShareState, State
from services.incentive.pots.domain.claims import ClaimState, LevelClaim
from services.incentive.pots.domain.merkle import BLOCK, beside_way, merkle_proof, proof_from_block
from services.incentive.pots.domain.points import OrderPoints, Point, least, meeting
from services.incentive.pots.errors import PotExhausted, PotInvalid, PotLevelClaimed
from services.incentive.subjects import store as subjects

PAID_AT_ONCE_MAX = 500
REFUNDED = "refunded"
BARRED = "barred"


async def create_pot(tx: Tx, pot: Pot) -> None:
    """Add a pot with a budget for what it pays at most. Raises `PotInvalid` for an heir that cannot be."""
    if pot.carry_over_pot_id and (faults := list(domain.heir_faults(pot, await store.find_heir(tx, pot)))):
        raise PotInvalid([("carry_over_pot_id", rule) for rule in faults])
    await budget_store.insert_budget(tx, Budget(pot.budget_id, pot.prizes.most, name=pot.name, asset=pot.asset))
    await store.insert_pot(tx, pot)


async def freeze_pot(tx: Tx, pot_id: UUID, now: datetime) -> Pot:
    """Settle who wins, reserve what they get and publish the hash.

    Raises `PotNotFound`, `PotKind`, `PotState`, `PotNotOver`.
    """
    pot, heir = await store.lock_with_heir(tx, pot_id)
    if pot.is_frozen:
        return pot
    domain.freezable(pot, now)
    pot, shares = domain.frozen(pot, await store.list_scores(tx, pot))
    due = sum(share.amount for share in shares)
    pot = await _carry_over(tx, pot, heir, due, now)
    await budgets.require(tx, Want(pot.budget_id, due))
    await store.save_shares(tx, shares)
    await store.save_nodes(tx, pot_id, domain.tree_of(shares))
    await store.save_pot(tx, pot)
    await events.pot_frozen(tx, pot, len(shares), now=now)
    return pot


async def settle_pot(tx: Tx, pot_id: UUID) -> Pot:
    """Have the winners be paid. Raises `PotNotFound`, `PotState`."""
    pot = domain.settling(await store.lock_pot(tx, pot_id))
    await store.save_pot(tx, pot)
    return pot


async def void_pot(tx: Tx, pot_id: UUID, now: datetime) -> Pot:
    """Call a pot off. Raises `PotNotFound`, `PotState`."""
    pot, heir = await store.lock_with_heir(tx, pot_id)
    if pot.state == State.VOID:
        return pot
    pot = domain.voided(pot, await store.sum_claimed(tx, pot_id))
    pot = await _carry_over(tx, pot, heir, 0, now)
    await store.save_pot(tx, pot)
    return pot


async def _carry_over(tx: Tx, pot: Pot, heir: Pot | None, due: int, now: datetime) -> Pot:
    """Have what nobody got of the prizes be another's, with its part of the budget, but for what is `due` of that."""
    if heir is None or heir.state != State.OPEN or not pot.void_amount:
        return pot
    amount = await budgets.move_cap(tx, pot.budget_id, heir.budget_id, pot.void_amount, keep=due)
    if amount:
        await store.endow(tx, heir, amount)
        await events.pot_carried_over(tx, pot, heir, amount, now=now)
    return replace(pot, carried_amount=amount)


async def pay_some(tx: Tx, now: datetime) -> bool:
    """Pay the next winners of some pot. Returns whether there was a pot to pay.

    Payments, and the note that they are made, are one transaction: whoever goes on after a crash starts where it ended.
    """
    await hold_erasures(tx)
    pot = await store.lock_settling(tx)
    if pot is None:
        return False
    due = await store.lock_due(tx, pot.pot_id, PAID_AT_ONCE_MAX)
    if due:
        await _pay(tx, pot, due, now)
    else:
        pot = replace(pot, state=State.SETTLED)
        await store.save_pot(tx, pot)
        await events.pot_settled(tx, pot, await store.get_totals(tx, pot.pot_id), now=now)
    return True


async def _pay(tx: Tx, pot: Pot, due: Sequence[Share], now: datetime) -> None:
    """Pay shares of a locked pot, but not to who was erased or is only stored by now: such a share goes to nobody."""
    people = await subjects.find_people(tx, {share.profile_id for share in due})
    barred = await subjects.barred_people(tx, people.values())
    if fallen := [share for share in due if people[share.profile_id] in barred]:
        await _take_away(tx, [pot], fallen, BARRED, now)
    if payable := [share for share in due if people[share.profile_id] not in barred]:
        ungiven = await ledger.earn(tx, domain.SCOPE, [_payment(pot, share, now) for share in payable])
        await store.save_states(tx, [share.paid(ungiven) for share in payable])


async def disqualify(tx: Tx, pot_id: UUID, profile_id: str, reason: str, now: datetime) -> list[Share]:
    """Take a person's shares away, all of them; nobody else's change. Raises `PotNotFound`, `PotShareNotFound`."""
    pot = await store.lock_pot(tx, pot_id)
    shares = await store.find_shares(tx, pot_id, await _ids_of(tx, profile_id))
    if standing := [share for share in shares if share.taken_away != share]:
        await _take_away(tx, [pot], standing, reason, now)
    return [share.taken_away for share in shares]


async def _take_away(tx: Tx, pots: Sequence[Pot], shares: Sequence[Share], reason: str, now: datetime) -> None:
    """Have shares of locked pots fall away, those that were paid from the people who have them."""
    by_id = {pot.pot_id: pot for pot in pots}
    await store.save_states(tx, [share.taken_away for share in shares])
    await budgets.release_all(tx, [Want(by_id[share.pot_id].budget_id, share.amount) for share in shares])
    paid = [share for share in shares if share.state == ShareState.PAID]
    if paid:
        claims = [_clawback(by_id[share.pot_id], share, reason, now) for share in paid]
        await ledger.take_back(tx, domain.SCOPE, claims)


async def score_events(tx: Tx, points: Sequence[Point]) -> None:
    """Have events score in the open pots whose conditions they meet."""
    rules = await store.find_rules(tx, {point.name for point in points})
    await store.score(tx, points, meeting(rules, points))


async def score_orders(tx: Tx, points: Sequence[OrderPoints]) -> None:
    """Have orders score in the open pots whose conditions they meet."""
    lowered = least(points)
    await store.score_orders(tx, lowered, meeting(await store.find_rules(tx, [""]), lowered))


async def refund_orders(tx: Tx, points: Sequence[OrderPoints], now: datetime) -> None:
    """Have refunded orders score less, and take away what is no longer deserved: before it is paid it goes to nobody,
    after that it becomes debt (POT-03, POT-04)."""
    lowered = least(points)
    order_ids = [each.order_id for each in lowered]
    await score_orders(tx, lowered)
    if pots := await store.lock_frozen_of_orders(tx, order_ids):
        await store.lower_points(tx, lowered, pots)
        if fallen := await store.find_fallen_shares(tx, pots, order_ids):
            await _take_away(tx, pots, fallen, REFUNDED, now)
    if claims := await store.find_fallen_claims(tx, order_ids):
        await _take_claims_back(tx, claims, now)


async def claim_level(tx: Tx, pot_id: UUID, profile_id: str, level: int, now: datetime) -> LevelClaim:
    """Pay a level to whoever has reached it, once per person.

    Raises `PotNotFound`, `ProfileErased`, `ProcessingRestricted`, `PotKind`, `PotState`, `PotLevelNotReached`,
    `PotLevelClaimed`, `PotExhausted`.
    """
    await hold_erasures(tx)
    pot = await store.hold_pot(tx, pot_id)
    profile_id = await subjects.resolve(tx, profile_id)
    ids = await subjects.list_ids(tx, profile_id)
    await subjects.check_processing(tx, profile_id, ids)
    claim = domain.claimed(pot, profile_id, level, await store.hold_points(tx, pot_id, ids), now)
    earlier = await store.find_level_claims(tx, pot_id, ids)
    if any(each.level == level for each in earlier) or not await store.insert_claim(tx, claim):
        raise PotLevelClaimed(level)
    if not all(await budgets.reserve_all(tx, [Want(pot.budget_id, claim.amount)])):
        raise PotExhausted(pot_id)
    ungiven = await ledger.earn(tx, domain.SCOPE, [_level_payment(pot, claim, now)])
    if ungiven:
        claim = claim._replace(ungiven_amount=ungiven[claim.transfer_id])
        await store.save_claims(tx, [claim])
    return claim


async def _take_claims_back(tx: Tx, claims: Sequence[LevelClaim], now: datetime) -> None:
    pots = {pot_id: await store.get_pot(tx, pot_id) for pot_id in {claim.pot_id for claim in claims}}
    await store.save_claims(tx, [claim._replace(state=ClaimState.TAKEN_BACK) for claim in claims])
    await budgets.release_all(tx, [Want(pots[claim.pot_id].budget_id, claim.amount) for claim in claims])
    payments = [_level_payment(pots[claim.pot_id], claim, now) for claim in claims]
    await ledger.take_back(tx, domain.SCOPE, [_reversal(payment, REFUNDED) for payment in payments])


async def find_shares(tx: ReadTx, pot_id: UUID, profile_id: str) -> list[tuple[Share, Sequence[str]]]:
    """A person's shares, each with its proof. Raises `PotShareNotFound`."""
    shares = await store.find_shares(tx, pot_id, await _ids_of(tx, profile_id))
    count = await store.count_shares(tx, pot_id)
    return [(share, await _prove(tx, share, count)) for share in shares]


async def _prove(tx: ReadTx, share: Share, count: int) -> list[str]:
    """From the block of a share and the nodes above; of a pot that was frozen before these were kept, from all."""
    index = share.rank - 1
    wanted = beside_way(index, count)
    upper = await store.find_nodes(tx, share.pot_id, wanted)
    if len(upper) < len(wanted):
        return merkle_proof([each.leaf for each in await store.list_shares(tx, share.pot_id)], index)
    block = await store.list_block(tx, share.pot_id, index // BLOCK * BLOCK + 1, BLOCK)
    return proof_from_block([each.leaf for each in block], index, upper, count)


async def _ids_of(tx: ReadTx, profile_id: str) -> list[str]:
    return await subjects.list_ids(tx, await subjects.resolve(tx, profile_id))


def _payment(pot: Pot, share: Share, now: datetime) -> Claim:
    return _claim(pot, share.transfer_id, share.profile_id, share.amount, now)


def _level_payment(pot: Pot, claim: LevelClaim, now: datetime) -> Claim:
    return _claim(pot, claim.transfer_id, claim.profile_id, claim.amount, now)


def _claim(pot: Pot, transfer_id: str, profile_id: str, amount: int, now: datetime) -> Claim:
    return Claim(
        transfer_id=transfer_id,
        issuer=f"issuer/{pot.pot_id}",
        profile_id=profile_id,
        asset=pot.asset,
        amount=amount,
        post_time=now,
        memo=pot.name,
    )


def _clawback(pot: Pot, share: Share, reason: str, now: datetime) -> Claim:
    return _reversal(_payment(pot, share, now), reason)


def _reversal(payment: Claim, reason: str) -> Claim:
    return payment._replace(transfer_id=f"{payment.transfer_id}/back", memo=reason, reverses=payment.transfer_id)
