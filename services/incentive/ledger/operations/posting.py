"""Posting: lock, settle, decide, save.

Rows are held in one order: transfers that are reversed, then accounts by name. Of an asset that is kept in lots, who
touches one account of a member holds `available`, `debt` and `pending` of it: they settle each other.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from chassis.db import Tx
from services.incentive.ledger import domain, store
from services.incentive.ledger.domain import Account, Book, Original, Outcome, Standing, Transfer, settling
from services.incentive.ledger.domain.lots import PLACES
from services.incentive.ledger.domain.programmes import Programme
from services.incentive.ledger.domain.shelf import Shelf
from services.incentive.ledger.errors import InDebt
from services.incentive.subjects import store as subjects
from services.incentive.subjects.errors import MergedMeanwhile

SETTLED_AT_ONCE_MAX = 200


@dataclass(slots=True)
class Desk:
    """What a batch works on, held until the transaction ends. Without lots, `shelf` is None."""

    before: dict[Account, Standing]
    book: Book
    shelf: Shelf | None

    async def save(self, tx: Tx) -> None:
        """Write down what was made of it."""
        after = {account: self.book.standings[account] for account in self.book.touched}
        await store.save_refusals(tx, self.book.refusals)  # first: it waits for those who post at once
        await store.save_postings(tx, self.book.postings, self.before, after)
        if self.shelf is not None:
            await store.save_shelf(tx, self.shelf)


async def post(tx: Tx, batch: Sequence[Transfer], *, is_asked: bool = False) -> list[Outcome]:
    """Post transfers, one outcome each, in order; a refusal does not touch its neighbours.

    Accounts of merged members stand for those of their survivors. What a caller asks for goes from one member to
    another only where the programme of the asset says so; merges move what they have to. Two transactions that post
    the same new transfer between unbounded accounts meet at the constraint `transfer_pkey`; the later one is to be
    repeated.
    """
    if not batch:
        return []
    batch, desk = await open_desk(tx, batch, now=max(item.post_time for item in batch))
    if is_asked and desk.shelf is not None:
        rules = desk.shelf.programmes
        desk.book.kept_to_oneself = {asset for asset, each in rules.items() if not each.member_transfers}
    outcomes = settling.decide_settled(batch, desk.book, desk.shelf)
    await desk.save(tx)
    return outcomes


async def settle(tx: Tx, accounts: Collection[Account], now: datetime) -> None:
    """Post what is due of members' accounts: what matures, expires or pays debt."""
    _, desk = await open_desk(tx, (), accounts, now=now)
    await desk.save(tx)


async def settle_due(tx: Tx, now: datetime) -> int:
    """Post what is due of some members. Returns of how many."""
    due = await store.find_due(tx, now, SETTLED_AT_ONCE_MAX)
    if due:
        await settle(tx, due, now)
    return len(due)


async def open_desk(
    tx: Tx,
    batch: Sequence[Transfer],
    accounts: Iterable[Account] = (),
    keys: Collection[UUID] = (),
    *,
    now: datetime,
    handing_over: bool = False,
) -> tuple[Sequence[Transfer], Desk]:
    """Hold what a batch touches, and what is asked for beside it, settled. Turns its members to survivors.

    `keys` are those of originals and of transfers still to be made, which may be `handing_over` from member to member.
    """
    rules = await find_rules(tx, [*domain.bounded(batch), *accounts], now)
    originals = await store.lock_originals(tx, {item.reverses for item in batch if item.reverses} | {*keys})
    before = await store.lock_accounts(tx, _with_siblings([*domain.bounded(batch), *accounts], rules))
    batch, before = await _follow_merges(tx, batch, before, rules)
    originals = await _turn_originals(tx, originals)
    decided = await store.find_decided(tx, {item.key for item in batch} | {*keys})
    book = Book(decided, dict(before), originals)
    precedents = {item.precedent for item in batch if item.precedent} | originals.keys()
    handing_over = handing_over or any(map(_hands_over, batch))
    shelf = await _open_shelf(tx, book, precedents, rules, now, handing_over=handing_over) if rules else None
    return batch, Desk(before, book, shelf)


def _hands_over(item: Transfer) -> bool:
    return bool(item.debit.member_id) and item.credit.member_id not in ("", item.debit.member_id)


async def find_rules(tx: Tx, accounts: Iterable[Account], now: datetime) -> dict[str, Programme]:
    assets = {account.asset for account in accounts if account.member_id}
    return await store.find_programmes(tx, assets, now) if assets else {}


def _with_siblings(accounts: Iterable[Account], rules: Collection[str]) -> list[Account]:
    wanted = set(accounts)
    for account in [each for each in wanted if each.member_id and each.asset in rules]:
        wanted |= {account.beside(kind) for kind in ("available", "debt", "pending")}
    return sorted(wanted)


async def _open_shelf(
    tx: Tx,
    book: Book,
    precedents: Collection[UUID],
    rules: Mapping[str, Programme],
    now: datetime,
    *,
    handing_over: bool,
) -> Shelf:
    kept = [account for account in book.standings if account.member_id and account.asset in rules]
    shelf = await store.open_shelf(tx, kept, precedents, rules, now=now, handing_over=handing_over)
    shelf.cover(book.standings)
    book.in_lots, book.expired = rules.keys(), shelf.expired
    settling.settle(book, shelf)
    book.rooms |= await _find_rooms(tx, kept, book, rules, now)
    return shelf


async def _find_rooms(
    tx: Tx, accounts: Iterable[Account], book: Book, rules: Mapping[str, Programme], now: datetime
) -> dict[tuple[str, str], int]:
    """How much more members may earn, where a programme bounds it. A person's profiles count together (PL-08)."""
    bounded = sorted({account.beside("available") for account in accounts if rules[account.asset].is_bounded})
    if not bounded:
        return {}
    people = await subjects.find_people(tx, {account.member_id for account in bounded})
    wanted = [
        (account.member_id, each, account.asset, *rules[account.asset].starts(now))
        for account in bounded
        for each in sorted(people[account.member_id].ids)
    ]
    earned = await store.find_earned(tx, wanted)
    held = await store.lock_opened(tx, [account.beside("held") for account in bounded])
    standings = held | book.standings
    rooms = {}
    for account in bounded:
        parts = (standings.get(account.beside(kind), Standing()).balance for kind in PLACES)
        so_far = earned.get((account.member_id, account.asset), (0, 0))
        rooms[account.owner, account.asset] = rules[account.asset].room(sum(parts), *so_far)
    return rooms


async def _follow_merges(
    tx: Tx, batch: Sequence[Transfer], held: dict[Account, Standing], rules: Collection[str]
) -> tuple[Sequence[Transfer], dict[Account, Standing]]:
    """Turn to the survivors' accounts. Asked after the locks are held: a merge holds them too.

    Asked again for every account that was waited for: its member may have been merged meanwhile. Raises
    `MergedMeanwhile` where one was parted from the survivor again.
    """
    members = {account.member_id for account in held if account.member_id}
    survivors, turned = await subjects.find_survivors(tx, members), {each: each for each in members}
    while survivors:
        turned = {each: survivors.get(to, to) for each, to in turned.items()}
        batch = [item.between(_turned(item.debit, survivors), _turned(item.credit, survivors)) for item in batch]
        missing = [account for account in _with_siblings(domain.bounded(batch), rules) if account not in held]
        held = held | await store.lock_accounts(tx, missing)
        survivors = await subjects.find_survivors(tx, {account.member_id for account in missing})
    followed = {each: to for each, to in turned.items() if to != each}
    if followed and await subjects.find_survivors(tx, followed.keys()) != followed:
        raise MergedMeanwhile
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


async def repay(tx: Tx, accounts: Collection[Account], now: datetime) -> None:
    """Have what members have available pay what they owe, of assets where settling does not: without a programme.

    Asked by who just posted to these `available` accounts, and so holds them: nobody else runs into debt meanwhile.
    """
    survivors = await subjects.find_survivors(tx, {account.member_id for account in accounts})
    available = {_turned(account, survivors) for account in accounts}
    held = await store.lock_opened(tx, sorted(available | {account.beside("debt") for account in available}))
    transfers = []
    for account in sorted(available & held.keys()):
        debt, standing = account.beside("debt"), held[account]
        amount = min(standing.balance, -held.get(debt, Standing()).balance)
        if amount > 0:
            transfer_id = f"{account.owner}/{account.asset}/repayment/hold/{standing.sequence}"
            transfers.append(
                domain.transfer(settling.SCOPE, transfer_id, account, debt, amount, post_time=now, memo="repayment")
            )
    await post(tx, transfers)


async def check_solvent(tx: Tx, debt: Account) -> None:
    """Raises `InDebt` when something is owed. Asked by who holds `available`: nobody else runs into debt then."""
    owed = -(await store.get_account(tx, debt)).balance
    if owed > 0:
        raise InDebt(owed)
