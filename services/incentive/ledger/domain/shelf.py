"""The lots that a batch touches, moved as its transfers move balances. Pure.

Whatever is credited to a member's account opens a lot or goes back to the lots it came from; whatever is debited takes
from lots, the earliest to be over first, then the earliest earned (spec value §2.1). So the lots of a member always add
up to the balances. What was there before the asset had a programme is a lot that is never over.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from services.incentive.ledger.domain import Account, Standing, Transfer
from services.incentive.ledger.domain.lots import EXPIRED, OUTSIDE, PLACES, Lot, Move
from services.incentive.ledger.domain.programmes import Programme

_ANY = 2**63 - 1


class Piece(NamedTuple):
    """A part of a lot that moves."""

    lot: Lot
    quantity: int


@dataclass(slots=True)
class Shelf:
    """The lots that a batch touches, and what it makes of them. `history` holds moves by transfer and by precedent."""

    programmes: Mapping[str, Programme]
    now: datetime
    new_id: Callable[[], UUID]
    lots: dict[UUID, Lot] = field(default_factory=dict)
    expired: dict[Account, int] = field(default_factory=dict)
    history: dict[UUID, list[Move]] = field(default_factory=lambda: defaultdict(list))
    changed: set[UUID] = field(default_factory=set)
    moves: list[Move] = field(default_factory=list)
    owners: dict[Account, set[UUID]] = field(default_factory=lambda: defaultdict(set))
    roots: dict[UUID, set[UUID]] = field(default_factory=lambda: defaultdict(set))

    def add(self, lot: Lot) -> None:
        """Know a lot as it stands."""
        self.lots[lot.lot_id] = lot
        self.owners[lot.spendable].add(lot.lot_id)
        self.roots[lot.root_id].add(lot.lot_id)

    def owned(self, account: Account) -> list[Lot]:
        """All known lots of the account's owner and asset, what is spent first in front."""
        mine = self.owners.get(account.beside("available"), ())
        return sorted((self.lots[lot_id] for lot_id in mine), key=lambda lot: lot.order)

    def of(self, account: Account) -> list[Lot]:
        """The lots behind an account, what is spent first in front."""
        return [lot for lot in self.owned(account) if lot.at(account.kind)]

    def remember(self, moves: Iterable[Move]) -> None:
        """Know moves that were made before."""
        for move in moves:
            self.history[move.transfer_key].append(move)
            if move.precedent:
                self.history[move.precedent].append(move)

    def cover(self, standings: Mapping[Account, Standing]) -> None:
        """Have lots account for balances that were moved without them.

        What was there before the programme is a lot that is never over. What a release before this one spent meanwhile
        was taken of what is spent first.
        """
        missing: dict[Account, dict[str, int]] = defaultdict(dict)
        for account, standing in standings.items():
            if self.keeps(account):
                gap = standing.balance - sum(lot.at(account.kind) for lot in self.of(account))
                self._use_up(account, -gap)
                if gap > 0:
                    missing[account.beside("available")][account.kind] = gap
        for available, places in missing.items():
            changes: dict[str, Any] = dict(places)
            self._put(self._blank(available, sum(places.values()))._replace(**changes))

    def _use_up(self, account: Account, amount: int) -> None:
        for lot in self.of(account):
            part = min(max(amount, 0), lot.at(account.kind))
            if part:
                self._put(lot.moved(account.kind, -part))
                amount -= part

    def keeps(self, account: Account) -> bool:
        """Whether lots stand behind an account."""
        return account.asset in self.programmes and bool(account.member_id) and account.kind in PLACES

    def apply(self, item: Transfer) -> None:
        """Move lots as a posted transfer moved balances."""
        gives, gets = self.keeps(item.debit), self.keeps(item.credit)
        if gives:
            pieces = self._take(item)
            if gets:
                self._hand_over(item, pieces)
            else:
                self._let_go(item, pieces)
        elif gets:
            self._receive(item)

    def _take(self, item: Transfer) -> list[Piece]:
        pieces, left, place = [], item.amount, item.debit.kind
        for lot_id, limit in self._candidates(item):
            lot = self.lots[lot_id]
            quantity = min(left, limit, lot.at(place))
            if quantity:
                self._put(lot.moved(place, -quantity))
                pieces.append(Piece(self.lots[lot_id], quantity))
                left -= quantity
        if left:
            raise LotsAstray(f"{left} of {item.transfer_id} is in no lot")
        return pieces

    def _candidates(self, item: Transfer) -> Iterator[tuple[UUID, int]]:
        """The lots to take from, and at most how much: named ones, those of the precedent, then any in order."""
        own = self.of(item.debit)
        yield from ((lot.lot_id, _ANY) for lot_id in item.lots for lot in own if lot.lot_id == lot_id)
        for root_id, limit in self._left_of(item.precedent, lambda move: move.target, lambda move: move.source):
            for lot in own:
                if lot.root_id == root_id:
                    yield lot.lot_id, limit
        yield from ((lot.lot_id, _ANY) for lot in own)

    def _left_of(
        self, key: UUID | None, did: Callable[[Move], str], undid: Callable[[Move], str]
    ) -> list[tuple[UUID, int]]:
        """Roots and quantities of what a transfer did to lots, less what later ones that went by it undid."""
        left: dict[UUID, int] = defaultdict(int)
        moves = self.history.get(key, []) if key else []
        for move in moves:
            if move.transfer_key == key and did(move) != OUTSIDE:
                left[self.lots[move.lot_id].root_id] += move.quantity
        for move in moves:
            if move.transfer_key != key and undid(move) != OUTSIDE:
                left[self.lots[move.lot_id].root_id] -= move.quantity
        return [(root_id, quantity) for root_id, quantity in left.items() if quantity > 0]

    def _hand_over(self, item: Transfer, pieces: Iterable[Piece]) -> None:
        """From one account of members to another: in the same lots, or in twins of them that are another member's."""
        source, target = item.debit.kind, item.credit.kind
        for lot, quantity in pieces:
            to = self._landing(item, lot)
            self._put(to.moved(target, quantity))
            if to.lot_id == lot.lot_id:
                self._note(item, lot, quantity, source, target)
            else:
                self._note(item, lot, quantity, source, OUTSIDE)
                self._note(item, to, quantity, OUTSIDE, target)

    def _landing(self, item: Transfer, lot: Lot) -> Lot:
        if item.credit.member_id != lot.profile_id:
            return self._twin(lot, item.credit)
        back = item.debit.kind == "held" and item.credit.kind == "available"
        if back and lot.is_over(self.now) and self.programmes[lot.asset].grace_on_void:
            return self._restored(lot)
        return self.lots[lot.lot_id]

    def _let_go(self, item: Transfer, pieces: Iterable[Piece]) -> None:
        for lot, quantity in pieces:
            if item.credit.name == EXPIRED:
                self._put(lot.moved("expired", quantity))
                available = item.debit.beside("available")
                self.expired[available] = self.expired.get(available, 0) + quantity
            self._note(item, lot, quantity, item.debit.kind, OUTSIDE)

    def _receive(self, item: Transfer) -> None:
        """Back to the lots it came from, last taken first; what came from none opens a lot."""
        left = item.amount
        took = self._left_of(item.precedent, lambda move: _inverse(move.target), lambda move: _inverse(move.source))
        for root_id, quantity in reversed(took):
            part = min(left, quantity)
            if part:
                self._add(item, self._home(root_id, item.credit), part)
                left -= part
        if left:
            lot = self._blank(item.credit, left) if item.precedent else self._opened(item)
            self._add(item, lot, left)

    def _add(self, item: Transfer, lot: Lot, quantity: int) -> None:
        self._put(lot.moved(item.credit.kind, quantity))
        self._note(item, lot, quantity, OUTSIDE, item.credit.kind)

    def _home(self, root_id: UUID, account: Account) -> Lot:
        """The lot that something goes back to; when that is over, one with some days of grace."""
        lot = self._twin(self.lots[min(self.roots[root_id])], account)
        return self._restored(lot) if lot.is_over(self.now) else lot

    def _twin(self, lot: Lot, account: Account) -> Lot:
        """The member's own lot of the same root, with the same days."""
        for other in (self.lots[lot_id] for lot_id in self.roots[lot.root_id]):
            if other.profile_id == account.member_id:
                return other
        return lot._replace(lot_id=self.new_id(), profile_id=account.member_id, amount=0, **_EMPTY)

    def _restored(self, lot: Lot) -> Lot:
        programme = self.programmes[lot.asset]
        last_day = programme.day_of(self.now + timedelta(days=programme.grace_days))
        lot_id = self.new_id()
        return lot._replace(
            lot_id=lot_id,
            root_id=lot_id,
            restored_from=lot.lot_id,
            amount=0,
            last_day=last_day,
            time_zone=programme.time_zone,
            expire_time=programme.end_of(last_day),
            **_EMPTY,
        )

    def _opened(self, item: Transfer) -> Lot:
        programme = self.programmes[item.credit.asset]
        last_day = item.terms.last_day or programme.last_day(item.post_time)
        mature_time = item.terms.mature_time or programme.mature_time(item.post_time)
        return self._blank(item.credit, item.amount)._replace(
            source_key=item.key,
            earn_time=item.post_time,
            mature_time=mature_time if item.credit.kind == "pending" else None,
            last_day=last_day,
            expire_time=programme.end_of(last_day) if last_day else None,
        )

    def _blank(self, account: Account, amount: int) -> Lot:
        programme, lot_id = self.programmes[account.asset], self.new_id()
        return Lot(
            lot_id=lot_id,
            root_id=lot_id,
            restored_from=None,
            profile_id=account.member_id,
            asset=account.asset,
            source_key=None,
            amount=amount,
            earn_time=self.now,
            mature_time=None,
            expire_time=None,
            last_day=None,
            time_zone=programme.time_zone,
            fair_value=programme.fair_value,
            **_EMPTY,
        )

    def _put(self, lot: Lot) -> None:
        left = sum(lot.at(place) for place in PLACES)
        self.add(lot._replace(amount=max(lot.amount, left)))
        self.changed.add(lot.lot_id)

    def _note(self, item: Transfer, lot: Lot, quantity: int, source: str, target: str) -> None:
        position = sum(move.transfer_key == item.key for move in self.history[item.key])
        move = Move(item.key, position, lot.lot_id, quantity, source, target, item.precedent)
        self.remember([move])
        self.moves.append(move)


class LotsAstray(AssertionError):
    """The lots of a member do not add up to the balances."""


_EMPTY: dict[str, Any] = {"pending": 0, "available": 0, "held": 0, "expired": 0}


def _inverse(place: str) -> str:
    """Something else than outside for what left, and outside for what stayed."""
    return "left" if place == OUTSIDE else OUTSIDE
