"""What a transfer is, and which of a batch may be posted. Pure: the same batch on the same ledger decides the same.

A transfer takes an amount from its debit account and gives it to its credit account. Accounts of members and partners
have a balance and a sequence, which counts the transfers that touched them; `issuer` and `sys` accounts have neither,
so that a hot campaign does not serialise its grants. Balances never fall below zero, except those of `debt`, which
alone show a deficit (spec value §2.1).
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from chassis.errors import Refusal
from services.incentive.ledger.errors import (
    Insufficient,
    LinkedTransferRefused,
    ReversalInvalid,
    TransferIdReused,
    TransferInvalid,
)

KINDS = ("pending", "available", "held", "debt")
"""The accounts that a member or partner has of each asset."""


class Account(NamedTuple):
    """An account of one asset. Sorting accounts gives the order in which they are locked."""

    name: str
    asset: str

    @property
    def is_bounded(self) -> bool:
        """Whether the account has a balance row."""
        return self.name.startswith(("member/", "partner/"))

    @property
    def may_owe(self) -> bool:
        """Whether the account may show a deficit."""
        return not self.is_bounded or self.name.endswith("/debt")

    @property
    def owner(self) -> str:
        """`member/<id>` or `partner/<id>`; the whole name of other accounts."""
        return self.name.rpartition("/")[0] if self.is_bounded else self.name

    @property
    def member_id(self) -> str:
        """The profile whose account it is; empty for all but members' accounts."""
        return self.name.split("/")[1] if self.name.startswith("member/") else ""

    def of(self, profile_id: str) -> "Account":
        """The same account of another member."""
        kind = self.name.rpartition("/")[2]
        return Account(f"member/{profile_id}/{kind}", self.asset)


class Standing(NamedTuple):
    """Where an account stands. The amounts are in the asset's smallest unit."""

    balance: int = 0
    sequence: int = 0

    def after(self, amount: int) -> "Standing":
        """The standing after one more transfer."""
        return Standing(self.balance + amount, self.sequence + 1)


@dataclass(frozen=True, slots=True)
class Transfer:
    """A movement that is asked for. `key` is its identity, `fingerprint` stands for its content.

    A `linked` transfer makes a group with the one after it: all of a group are posted, or none.
    """

    key: UUID
    fingerprint: bytes
    transfer_id: str
    debit: Account
    credit: Account
    amount: int
    post_time: datetime
    memo: str = ""
    reverses: UUID | None = None
    linked: bool = False

    def between(self, debit: Account, credit: Account) -> "Transfer":
        """The same movement between other accounts: those of survivors of a merge."""
        return replace(self, debit=debit, credit=credit)


def key_of(scope: str, transfer_id: str) -> UUID:
    """The identity of a transfer: a 128-bit hash of who asks and of the id they chose."""
    return UUID(bytes=hashlib.sha256(f"{scope}\0{transfer_id}".encode()).digest()[:16])


def fingerprint_of(
    debit: Account, credit: Account, amount: int, memo: str, reverses: str, *, linked: bool = False
) -> bytes:
    """What tells a repeat from the reuse of an id."""
    link = ("linked",) if linked else ()
    content = "\0".join((debit.name, credit.name, debit.asset, str(amount), memo, reverses, *link))
    return hashlib.sha256(content.encode()).digest()[:16]


def transfer(
    scope: str,
    transfer_id: str,
    debit: Account,
    credit: Account,
    amount: int,
    *,
    post_time: datetime,
    memo: str = "",
    reverses: str = "",
    linked: bool = False,
) -> Transfer:
    """A transfer that `scope` asks for under its own `transfer_id`; `reverses` is such an id too."""
    return Transfer(
        key=key_of(scope, transfer_id),
        fingerprint=fingerprint_of(debit, credit, amount, memo, reverses, linked=linked),
        transfer_id=transfer_id,
        debit=debit,
        credit=credit,
        amount=amount,
        post_time=post_time,
        memo=memo,
        reverses=key_of(scope, reverses) if reverses else None,
        linked=linked,
    )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a transfer. An empty `reason` means that it is posted."""

    fingerprint: bytes
    reason: str = ""
    detail: str = ""
    replayed: bool = False


class Original(NamedTuple):
    """A posted transfer that others take back, and how much of it they have taken."""

    debit: Account
    credit: Account
    amount: int
    reversed_amount: int


class Posting(NamedTuple):
    """A transfer to write down, with where its accounts stand after it; None for accounts without a balance row."""

    transfer: Transfer
    debit: Standing | None
    credit: Standing | None


@dataclass(slots=True)
class Book:
    """The part of the ledger that a batch touches, and what the batch makes of it."""

    decided: Mapping[UUID, Outcome]
    standings: dict[Account, Standing]
    originals: dict[UUID, Original] = field(default_factory=dict)
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
    )
    for item in group:
        outcome = _decide_one(item, decided, trial)
        if outcome.reason or outcome.replayed:
            return _refuse_group(group, item, outcome, decided, book)
    book.standings.update(trial.standings)
    book.originals.update(trial.originals)
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
    if item.debit == item.credit:
        raise TransferInvalid("debit and credit account are the same")
    if item.reverses:
        _check_reversal(item, book.originals.get(item.reverses))
    if item.debit.may_owe:
        return
    balance = book.standings[item.debit].balance
    if balance < item.amount:
        raise Insufficient(f"{item.debit.name} holds {balance}, needed {item.amount}")


def _check_reversal(item: Transfer, original: Original | None) -> None:
    if original is None:
        raise ReversalInvalid("the transfer to reverse is not there")
    if original.debit != item.credit or original.credit.asset != item.debit.asset:
        raise ReversalInvalid("a reversal gives back what its transfer took, to where it came from")
    if original.credit.owner != item.debit.owner:
        raise ReversalInvalid("a reversal takes from the one who got it")
    left = original.amount - original.reversed_amount
    if left < item.amount:
        raise ReversalInvalid(f"{left} of {original.amount} left to reverse")


def _post(item: Transfer, book: Book) -> None:
    book.postings.append(Posting(item, _move(item.debit, -item.amount, book), _move(item.credit, item.amount, book)))
    book.originals[item.key] = Original(item.debit, item.credit, item.amount, 0)
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


class Entry(NamedTuple):
    """One side of a transfer, as its account sees it."""

    position: int
    transfer_id: str
    amount: int
    balance_after: int
    counter_account: str
    memo: str
    post_time: datetime


class TrialBalanceLine(NamedTuple):
    """The sums of one asset."""

    asset: str
    debits: int
    credits: int
    liability: int
    discrepancy: int
