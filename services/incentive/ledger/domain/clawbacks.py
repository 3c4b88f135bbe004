"""What is taken when an earning is taken back, and from where, by the policy of its programme. Pure.

First what was not given, then what is left of the earning, pending before available; then, as far as the policy goes,
what else is available, earliest earned first, and debt; the brand bears the rest (spec value §2.1).
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple
from uuid import UUID

from services.incentive.ledger.domain import WRITEOFF, Account, Book, Standing, Transfer, key_of, transfer
from services.incentive.ledger.domain.earnings import Claim, ungiven_id
from services.incentive.ledger.domain.lots import Lot
from services.incentive.ledger.domain.programmes import Policy
from services.incentive.ledger.domain.shelf import Shelf

SOURCES = ("ungiven", "pending", "earning", "available", "debt", "writeoff")
"""Where something may be taken from, in order."""


class Line(NamedTuple):
    """A part of what was taken back: from where, how much, and the transfer of it."""

    source: str
    amount: int
    transfer_id: str


class Excess(NamedTuple):
    """The part of a clawback that would have been debt, were it not above what one may owe."""

    claim: Claim
    line: Line
    debt_max: int


class _Means(NamedTuple):
    """Somewhere to take from: the account, how much of it, and the lots to take first."""

    source: str
    account: Account
    amount: int
    lots: tuple[UUID, ...] = ()


def take_back(scope: str, claim: Claim, book: Book, shelf: Shelf | None) -> tuple[list[Transfer], list[Line]]:
    """The transfers that take a claim back, and what they come to, line by line."""
    left, transfers, lines = claim.amount, [], []
    for source, account, amount, lots in _means(scope, claim, book, shelf):
        part = min(left, amount)
        if not part:
            continue
        left -= part
        line = Line(source, part, f"{claim.transfer_id}/{source}")
        lines.append(line)
        transfers.append(
            transfer(
                scope,
                line.transfer_id,
                account,
                Account(claim.issuer, claim.asset),
                part,
                post_time=claim.post_time,
                memo=claim.memo,
                reverses=ungiven_id(claim.reverses) if source == "ungiven" else claim.reverses,
                lots=lots,
            )
        )
    return transfers, lines


def excess_of(claim: Claim, lines: Sequence[Line], shelf: Shelf | None) -> Excess | None:
    """What of a clawback people have to look at; None when nothing was above the limit."""
    programme = shelf.programmes.get(claim.asset) if shelf else None
    if programme is None or not programme.debt_max or (claim.policy or programme.clawback) != Policy.UNLIMITED:
        return None
    return next((Excess(claim, line, programme.debt_max) for line in lines if line.source == "writeoff"), None)


def made_by(scope: str, claim: Claim) -> list[UUID]:
    """The transfers that a clawback may be made of."""
    return [key_of(scope, f"{claim.transfer_id}/{source}") for source in SOURCES]


def keys_of(scope: str, claim: Claim) -> list[UUID]:
    """The transfers that decide a clawback: the earning, what of it was not given, and those it may be made of."""
    earned = (claim.reverses, ungiven_id(claim.reverses))
    return [*(key_of(scope, each) for each in earned), *made_by(scope, claim)]


def _means(scope: str, claim: Claim, book: Book, shelf: Shelf | None) -> Iterator[_Means]:
    """Where to take from, in order. The last is without end: what nobody else gives, the brand bears."""
    programme = shelf.programmes.get(claim.asset) if shelf else None
    policy = claim.policy or (programme.clawback if programme else Policy.UNLIMITED)
    writeoff, own = Account(WRITEOFF, claim.asset), _own_lots(scope, claim, shelf)
    yield _Means("ungiven", writeoff, _ungiven(scope, claim, book))
    for source, kind in (("pending", "pending"), ("earning", "available")):
        if source == "pending" or policy != Policy.ONLY_PENDING:
            lots = [lot for lot in own if lot.at(kind)]
            yield _Means(source, claim.account(kind), sum(lot.at(kind) for lot in lots), _ids(lots))
    if policy != Policy.ONLY_PENDING:
        available = claim.account("available")
        others = book.standings[available].balance - sum(lot.available for lot in own)
        oldest = sorted(shelf.of(available), key=lambda lot: (lot.earn_time, lot.lot_id)) if shelf else []
        yield _Means("available", available, others, _ids(oldest))
    if policy == Policy.UNLIMITED:
        debt = claim.account("debt")
        owed = -book.standings.get(debt, Standing()).balance
        debt_max = programme.debt_max if programme else 0
        yield _Means("debt", debt, max(0, debt_max - owed) if debt_max else claim.amount)
    yield _Means("writeoff", writeoff, claim.amount)


def _ungiven(scope: str, claim: Claim, book: Book) -> int:
    original = book.originals.get(key_of(scope, ungiven_id(claim.reverses)))
    return original.amount - original.reversed_amount if original else 0


def _own_lots(scope: str, claim: Claim, shelf: Shelf | None) -> list[Lot]:
    """What is left of the earning: the lots that it opened, and what they became by merges."""
    if shelf is None:
        return []
    source_key = key_of(scope, claim.reverses)
    return [lot for lot in shelf.owned(claim.account("available")) if lot.source_key == source_key]


def _ids(lots: Sequence[Lot]) -> tuple[UUID, ...]:
    return tuple(lot.lot_id for lot in lots)
