"""What time has done to members' lots, as transfers: what matures pays debt first, what is over expires. Pure.

Nothing has to run for it: whoever touches an account settles it first, and whoever reads it sees it settled.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from services.incentive.ledger.domain import Account, Book, Outcome, Standing, Transfer, decide, transfer
from services.incentive.ledger.domain.lots import EXPIRED, Lot
from services.incentive.ledger.domain.shelf import Shelf

SCOPE = "service:incentive/lots"
"""Whose transfer ids those of maturing, expiring and repaying are."""


class Unpostable(AssertionError):
    """A transfer was refused whose accounts were held and found sufficient."""


def decide_settled(batch: Sequence[Transfer], book: Book, shelf: Shelf | None) -> list[Outcome]:
    """Decide a batch on a settled book, and settle what the batch made due: what is given back may be over."""
    if shelf is None:
        return decide(batch, book)
    before = len(book.postings)
    outcomes = decide(batch, book)
    for posting in book.postings[before:]:
        shelf.apply(posting.transfer)
    settle(book, shelf)
    return outcomes


def settle(book: Book, shelf: Shelf | None) -> None:
    """Post what is due, in balances and lots."""
    if shelf is None:
        return
    for available in sorted(shelf.owners):
        if available in book.standings:
            post(list(_due(available, shelf.owned(available), book.standings, shelf.now)), book, shelf)


def post(transfers: Sequence[Transfer], book: Book, shelf: Shelf | None) -> None:
    """Post transfers that cannot be refused, in balances and lots."""
    for item, outcome in zip(transfers, decide(transfers, book), strict=True):
        if outcome.reason:
            raise Unpostable(f"{item.transfer_id}: {outcome.reason}: {outcome.detail}")
        if shelf is not None and not outcome.replayed:
            shelf.apply(item)


def _due(
    available: Account, lots: list[Lot], standings: Mapping[Account, Standing], now: datetime
) -> Iterator[Transfer]:
    pending, debt = available.beside("pending"), available.beside("debt")
    expired, serial = (
        Account(EXPIRED, available.asset),
        f"{standings[available].sequence}.{standings[pending].sequence}",
    )
    owed, usable = max(0, -standings[debt].balance), 0
    payments = _payments(lots, owed, now)

    def move(what: str, debit: Account, credit: Account, amount: int, *lots: UUID) -> Iterator[Transfer]:
        if amount:
            transfer_id = f"{lots[0] if lots else available.owner}/{available.asset}/{what}/{debit.kind}/{serial}"
            yield transfer(SCOPE, transfer_id, debit, credit, amount, post_time=now, memo=what, lots=lots)

    for lot in lots:
        left = lot.available
        if lot.is_due(now):
            paid = payments[lot.lot_id]
            left += lot.pending - paid
            yield from move("repayment", pending, debt, paid, lot.lot_id)
            yield from move("maturity", pending, available, lot.pending - paid, lot.lot_id)
        elif lot.is_over(now):
            yield from move("expiry", pending, expired, lot.pending, lot.lot_id)
        if lot.is_over(now):
            yield from move("expiry", available, expired, left, lot.lot_id)
        else:
            usable += left
    yield from move("repayment", available, debt, min(owed - sum(payments.values()), usable))


def _payments(lots: Sequence[Lot], owed: int, now: datetime) -> dict[UUID, int]:
    """How much of each lot that matures pays debt: as they mature, so that it does not matter when they are settled."""
    paid: dict[UUID, int] = {}
    for lot in sorted((lot for lot in lots if lot.is_due(now)), key=lambda lot: (lot.mature_time, lot.order)):
        paid[lot.lot_id] = min(owed - sum(paid.values()), lot.pending)
    return paid
