"""What members earn and what is taken back of it: hold, plan, post."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from chassis.db import Tx
from services.incentive.ledger import events, store
from services.incentive.ledger.domain import Account, Standing, Transfer, clawbacks, earnings, key_of, settling
from services.incentive.ledger.domain.clawbacks import Line
from services.incentive.ledger.domain.earnings import Claim
from services.incentive.ledger.domain.programmes import Policy, Programme
from services.incentive.ledger.errors import AlreadyReversed, EarningNotFound, ReversalInvalid
from services.incentive.ledger.operations.posting import find_rules, open_desk, post
from services.incentive.subjects import store as subjects
from services.incentive.subjects.errors import MergedMeanwhile


async def earn(tx: Tx, scope: str, claims: Sequence[Claim]) -> dict[str, int]:
    """Have members earn; what they owe is paid from it first. What is above a programme's bounds is not given.

    Returns how much that is, by the transfer ids of those claims that were not given in full.
    """
    if not claims:
        return {}
    claims, standings = await _hold_members(tx, claims)
    rules = await find_rules(tx, [claim.account("available") for claim in claims], _latest(claims))
    await _post_all(tx, earnings.earn(scope, [claim for claim in claims if claim.asset not in rules], standings))
    kept = [claim for claim in claims if claim.asset in rules]
    return await _earn_in_lots(tx, scope, kept, rules) if kept else {}


async def _earn_in_lots(tx: Tx, scope: str, claims: Sequence[Claim], rules: Mapping[str, Programme]) -> dict[str, int]:
    keys = {key_of(scope, claim.transfer_id) for claim in claims}
    _, desk = await open_desk(tx, (), [claim.account("available") for claim in claims], keys, now=_latest(claims))
    ungiven: dict[str, int] = {}
    for claim in _each_once(claims):
        if key_of(scope, claim.transfer_id) in desk.book.decided:
            continue
        room = desk.book.rooms.get((claim.account("available").owner, claim.asset))
        ungiven[claim.transfer_id] = earnings.ungiven(claim, room)
        transfers = earnings.earn_in_lots(scope, claim, rules[claim.asset], room)
        settling.post(transfers, desk.book, desk.shelf)
    settling.settle(desk.book, desk.shelf)
    await desk.save(tx)
    return {transfer_id: amount for transfer_id, amount in ungiven.items() if amount}


async def take_back(tx: Tx, scope: str, claims: Sequence[Claim]) -> list[list[Line]]:
    """Take earnings back, as far as the policy of the programme goes; without one, what is spent of them is debt.

    Returns, per claim, what was taken from where: nothing for one that was met before. That no more is taken than was
    earned is checked again. What is above the most that one may owe is told.
    """
    claims, _ = await _hold_members(tx, claims)
    keys = {key for claim in claims for key in clawbacks.keys_of(scope, claim)}
    accounts = {claim.account(kind) for claim in claims for kind in ("available", "debt")}
    _, desk = await open_desk(tx, (), accounts, keys, now=_latest(claims))
    told: dict[str, list[Line]] = {}
    excesses = []
    for claim in _each_once(claims):
        if not any(key in desk.book.decided for key in clawbacks.made_by(scope, claim)):
            transfers, told[claim.transfer_id] = clawbacks.take_back(scope, claim, desk.book, desk.shelf)
            settling.post(transfers, desk.book, desk.shelf)
            excesses.append(clawbacks.excess_of(claim, told[claim.transfer_id], desk.shelf))
    await desk.save(tx)
    await events.debt_limits_reached(tx, [each for each in excesses if each])
    return [told.get(claim.transfer_id, []) for claim in claims]


def _each_once(claims: Sequence[Claim]) -> Iterable[Claim]:
    return {claim.transfer_id: claim for claim in claims}.values()


def _latest(claims: Sequence[Claim]) -> datetime:
    return max(claim.post_time for claim in claims)


class ReverseOrder(NamedTuple):
    """An earning that somebody wants taken back. An amount of 0 is all that is left of it; no policy is the asset's."""

    scope: str
    request_id: str
    transfer_id: str
    amount: int
    memo: str
    policy: Policy | None


async def reverse_earning(tx: Tx, order: ReverseOrder, now: datetime) -> list[Line]:
    """Take an earning back, and tell line by line what was taken (spec value §2.1).

    Raises `EarningNotFound`, `AlreadyReversed`, `ReversalInvalid`.
    """
    key = key_of(order.scope, order.transfer_id)
    original = (await store.lock_originals(tx, [key])).get(key)
    if original is None or not original.is_earning:
        raise EarningNotFound(order.transfer_id)
    left = original.amount - original.reversed_amount
    if not left:
        raise AlreadyReversed(order.transfer_id)
    if order.amount > left:
        raise ReversalInvalid(f"{left} of {original.amount} left to reverse")
    claim = Claim(
        transfer_id=f"{order.transfer_id}/reverse/{order.request_id}",
        issuer=original.debit.name,
        profile_id=original.credit.member_id,
        asset=original.credit.asset,
        amount=order.amount or left,
        post_time=now,
        memo=order.memo,
        reverses=order.transfer_id,
        policy=order.policy,
    )
    (lines,) = await take_back(tx, order.scope, [claim])
    return lines


async def _post_all(tx: Tx, transfers: Sequence[Transfer]) -> None:
    outcomes = await post(tx, transfers)
    for item, outcome in zip(transfers, outcomes, strict=True):
        if outcome.reason:
            raise settling.Unpostable(f"{item.transfer_id}: {outcome.reason}: {outcome.detail}")


async def _hold_members(tx: Tx, claims: Sequence[Claim]) -> tuple[Sequence[Claim], dict[Account, Standing]]:
    """Turn claims to the survivors of merges, and hold the accounts that decide what becomes of them.

    The row of `available` is opened and held even before its first transfer: who holds it knows that nobody else runs
    into debt or out of it. Raises `MergedMeanwhile`.
    """
    asked = {claim.profile_id for claim in claims}
    survivors = await subjects.find_survivors(tx, asked)
    claims = [claim._replace(profile_id=survivors.get(claim.profile_id, claim.profile_id)) for claim in claims]
    available = {claim.account("available") for claim in claims}
    wanted = sorted(available | {claim.account("debt") for claim in claims})
    held = await store.lock_opened(tx, wanted)
    if missing := available - held.keys():
        await store.lock_accounts(tx, sorted(missing))
        held = await store.lock_opened(tx, wanted)
    if await subjects.find_survivors(tx, asked) != survivors:
        raise MergedMeanwhile
    return claims, held
