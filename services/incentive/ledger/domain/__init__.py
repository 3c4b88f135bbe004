"""Which transfers of a batch may be posted. Pure: the same batch on the same ledger decides the same.

Balances never fall below zero, except those of `debt`, which alone show a deficit (spec value §2.1).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from chassis.errors import Refusal
from services.incentive.ledger.domain.transfers import (
    KINDS,
    NO_TERMS,
    WRITEOFF,
    Account,
    Entry,
    Original,
    Outcome,
    Posting,
    Standing,
    Terms,
    Transfer,
    TrialBalanceLine,
    fingerprint_of,
    key_of,
    transfer,
)
from services.incentive.ledger.errors import (
    AlreadyReversed,
    BalanceLimit,
    Insufficient,
    LinkedTransferRefused,
    MemberTransferForbidden,
    PointsExpired,
    ReversalInvalid,
    TransferIdReused,
    TransferInvalid,
)

__all__ = [
    "KINDS",
    "NO_TERMS",
    "WRITEOFF",
    "Account",
    "Book",
    "Entry",
    "Original",
    "Outcome",
    "Posting",
    "Standing",
    "Terms",
    "Transfer",
    "TrialBalanceLine",
    "bounded",
    "decide",
    "fingerprint_of",
    "groups",
    "key_of",
    "transfer",
]


@dataclass(slots=True)
class Book:
    """The part of the ledger that a batch touches, and what the batch makes of it.

    `in_lots` are the assets that are kept in lots, `expired` is what lately expired of accounts, `rooms` is how much
    more owners may earn of an asset where its programme bounds that. Nobody gives what is `kept_to_oneself` to another
    member.
    """

    decided: Mapping[UUID, Outcome]
    standings: dict[Account, Standing]
    originals: dict[UUID, Original] = field(default_factory=dict)
    in_lots: Collection[str] = ()
    expired: Mapping[Account, int] = field(default_factory=dict)
    rooms: dict[tuple[str, str], int] = field(default_factory=dict)
    kept_to_oneself: Collection[str] = ()
    postings: list[Posting] = field(default_factory=list)
    refusals: list[tuple[Transfer, Outcome]] = field(default_factory=list)
    touched: set[Account] = field(default_factory=set)


def decide(batch: Sequence[Transfer], book: Book) -> list[Outcome]:
    """Decide the transfers one after another, groups as a whole, and note in the book what is to be written."""
    decided = dict(book.decided)
    outcomes: list[Outcome] = []
    for group in groups(batch):
        made = _decide_group(group, decided, book) if len(group) > 1 else [_decide_one(group[0], decided, book)]
        for item, outcome in zip(group, made, strict=True):
            decided.setdefault(item.key, outcome)
        outcomes += made
    return outcomes


def groups(batch: Iterable[Transfer]) -> list[list[Transfer]]:
    """The batch in groups: linked transfers up to the first that is not; one that nothing links is its own group."""
    parts: list[list[Transfer]] = []
    goes_on = False
    for item in batch:
        if goes_on:
            parts[-1].append(item)
        else:
            parts.append([item])
        goes_on = item.linked
    return parts


def _decide_one(item: Transfer, decided: Mapping[UUID, Outcome], book: Book) -> Outcome:
    earlier = decided.get(item.key)
    return _repeat(item, earlier) if earlier else _first(item, book)


def _decide_group(group: Sequence[Transfer], decided: Mapping[UUID, Outcome], book: Book) -> list[Outcome]:
    """Post all of a group, or refuse all of it that is new.

    A group that is repeated answers as the first time. One of which only a part was decided before is refused: that
    part can be taken for the whole no more.
    """
    if all(item.key in decided for item in group):
        return [_repeat(item, decided[item.key]) for item in group]
    trial = Book(
        decided,
        {account: book.standings[account] for account in bounded(group)},
        {item.reverses: book.originals[item.reverses] for item in group if item.reverses in book.originals},
        book.in_lots,
        book.expired,
        dict(book.rooms),
        book.kept_to_oneself,
    )
    for item in group:
        outcome = _decide_one(item, decided, trial)
        if outcome.reason or outcome.replayed:
            return _refuse_group(group, item, outcome, decided, book)
    book.standings.update(trial.standings)
    book.originals.update(trial.originals)
    book.rooms.update(trial.rooms)
    book.postings += trial.postings
    book.touched |= trial.touched
    return [Outcome(item.fingerprint) for item in group]


def _refuse_group(
    group: Sequence[Transfer], cause: Transfer, own: Outcome, decided: Mapping[UUID, Outcome], book: Book
) -> list[Outcome]:
    why = "was decided before, without this group" if cause.key in decided else f"was refused: {own.reason}"
    linked = LinkedTransferRefused(f"{cause.transfer_id} of the group {why}")
    outcomes: list[Outcome] = []
    for item in group:
        if earlier := decided.get(item.key):
            outcomes.append(_repeat(item, earlier))
            continue
        outcome = own if item is cause else _refused(item, linked)
        book.refusals.append((item, outcome))
        outcomes.append(outcome)
    return outcomes


def _repeat(item: Transfer, earlier: Outcome) -> Outcome:
    if earlier.fingerprint != item.fingerprint:
        return _refused(item, TransferIdReused("the transfer id stands for another transfer"))
    return replace(earlier, replayed=True)


def _first(item: Transfer, book: Book) -> Outcome:
    try:
        _check(item, book)
    except Refusal as refusal:
        outcome = _refused(item, refusal)
        book.refusals.append((item, outcome))
        return outcome
    _post(item, book)
    return Outcome(item.fingerprint)


def _check(item: Transfer, book: Book) -> None:
    _check_kind(item, book)
    if item.reverses:
        _check_reversal(item, book.originals.get(item.reverses))
    if not item.debit.may_owe:
        _check_funds(item, book)
    room = book.rooms.get((item.credit.owner, item.credit.asset)) if item.is_earning else None
    if room is not None and item.amount > room:
        raise BalanceLimit(f"only {room} more can be earned")


def _check_kind(item: Transfer, book: Book) -> None:
    if item.debit == item.credit:
        raise TransferInvalid("debit and credit account are the same")
    if any(item.terms) and item.credit.asset not in book.in_lots:
        raise TransferInvalid("an asset without a programme neither matures nor expires")
    if item.debit.asset in book.kept_to_oneself and item.is_between_members:
        raise MemberTransferForbidden(f"{item.debit.asset} do not go from one member to another")


def _check_funds(item: Transfer, book: Book) -> None:
    balance, expired = book.standings[item.debit].balance, book.expired.get(item.debit, 0)
    if balance >= item.amount:
        return
    if balance + expired >= item.amount:
        raise PointsExpired(f"{expired} expired, {balance} left, needed {item.amount}")
    raise Insufficient(f"{item.debit.name} holds {balance}, needed {item.amount}")


def _check_reversal(item: Transfer, original: Original | None) -> None:
    if original is None:
        raise ReversalInvalid("the transfer to reverse is not there")
    if item.credit != original.debit or original.credit.asset != item.debit.asset:
        raise ReversalInvalid("a reversal gives back what its transfer took, to where it came from")
    if item.debit.owner not in (original.credit.owner, WRITEOFF):
        raise ReversalInvalid("a reversal takes from the one who got it")
    left = original.amount - original.reversed_amount
    if not left:
        raise AlreadyReversed(item.transfer_id)
    if left < item.amount:
        raise ReversalInvalid(f"{left} of {original.amount} left to reverse")


def _post(item: Transfer, book: Book) -> None:
    book.postings.append(Posting(item, _move(item.debit, -item.amount, book), _move(item.credit, item.amount, book)))
    book.originals[item.key] = Original(item.debit, item.credit, item.amount, 0)
    earner = (item.credit.owner, item.credit.asset)
    if item.is_earning and earner in book.rooms:
        book.rooms[earner] -= item.amount
    if item.reverses:
        original = book.originals[item.reverses]
        book.originals[item.reverses] = original._replace(reversed_amount=original.reversed_amount + item.amount)


def _move(account: Account, amount: int, book: Book) -> Standing | None:
    if not account.is_bounded:
        return None
    standing = book.standings[account] = book.standings[account].after(amount)
    book.touched.add(account)
    return standing


def _refused(item: Transfer, refusal: Refusal) -> Outcome:
    return Outcome(item.fingerprint, refusal.reason, refusal.message)


def bounded(batch: Iterable[Transfer]) -> list[Account]:
    """The accounts of a batch that have balance rows, in the order in which they are locked."""
    return sorted({account for item in batch for account in (item.debit, item.credit) if account.is_bounded})
