"""What goes back to a person who was taken for another: what is left of what the merge had moved. Pure.

Of an asset that is kept in lots, that is what is left of the person's own lots, wherever in them it is now; of
others, as much as the merge brought and is still there. What the other one spent stays spent: it is told as
unrecoverable (spec people §3.5, I24). Debt goes back as far as it is still owed.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from logic.redirects import Edge
from services.incentive.ledger.domain import Account, Book, Standing, Transfer, key_of, transfer
from services.incentive.ledger.domain.brought import Parting
from services.incentive.ledger.domain.lots import OUTSIDE, Lot
from services.incentive.ledger.domain.shelf import Shelf

MERGE_SCOPE = "service:incentive/merge"
"""Whose transfer ids those of merging and unmerging are."""

KINDS = ("available", "pending", "held", "debt")


class OpenHold(NamedTuple):
    """What the restored person still has set aside, by the transfer that did so."""

    asset: str
    amount: int
    place_key: UUID


class Unmerge(NamedTuple):
    """A merge that is undone. `remaining_id` is whom its survivor is part of now; `holds` are the restored person's."""

    edge: Edge
    restored_id: str
    remaining_id: str
    holds: Sequence[OpenHold]
    now: datetime
    parting: Parting = Parting((), {}, {})

    @property
    def merge_id(self) -> str:
        """Which merge it is."""
        return self.edge.merge_id

    def remaining(self, asset: str) -> Account:
        """What the one who stays can spend."""
        return Account(f"member/{self.remaining_id}/available", asset)


class Shortfall(NamedTuple):
    """What of an asset does not come back, because it was spent."""

    asset: str
    amount: int


def merge_id_of(merge_id: str, account: Account) -> str:
    """The id of the transfer by which a merge moves an account."""
    return f"{merge_id}/{account.asset}/{account.kind}"


def keys_of(merge_ids: Iterable[str], assets: Iterable[str]) -> dict[UUID, tuple[str, str, str]]:
    """The transfers that merges may have been made of: of which merge, which asset and which kind of account."""
    accounts = [Account(f"member/-/{kind}", asset) for asset in assets for kind in KINDS]
    return {
        key_of(MERGE_SCOPE, merge_id_of(merge_id, account)): (merge_id, account.asset, account.kind)
        for merge_id in merge_ids
        for account in accounts
    }


def undo(unmerge: Unmerge, asset: str, book: Book, shelf: Shelf | None) -> tuple[list[Transfer], Shortfall]:
    """The transfers that give an asset back, and what is missing."""
    parting = unmerge.parting
    moved = {kind: parting.moved.get((asset, kind), 0) for kind in KINDS}
    held = [hold for hold in unmerge.holds if hold.asset == asset]
    kept = _own_lots(unmerge, asset, shelf) if shelf and asset in shelf.programmes else None
    amounts, lots, expired = _left(unmerge, asset, moved, book.standings, kept)
    transfers = [
        *(_hold_back(unmerge, number, hold) for number, hold in enumerate(held)),
        *(_move(unmerge, asset, kind, amount, lots) for kind, amount in amounts.items() if amount),
    ]
    given = sum(amount for kind, amount in amounts.items() if kind != "debt") + sum(hold.amount for hold in held)
    wanted = sum(moved[kind] + parting.missed.get((asset, kind), 0) for kind in KINDS if kind != "debt")
    return transfers, Shortfall(asset, max(0, wanted - given - expired))


def _own_lots(unmerge: Unmerge, asset: str, shelf: Shelf) -> list[Lot]:
    """The lots that the merge, and those into its loser, brought, as far as they are the remaining person's."""
    history = (move for key in keys_of(unmerge.parting.merge_ids, [asset]) for move in shelf.history.get(key, ()))
    roots = {shelf.lots[move.lot_id].root_id for move in history if move.target != OUTSIDE}
    return [lot for lot in shelf.owned(unmerge.remaining(asset)) if lot.root_id in roots]


def _left(
    unmerge: Unmerge,
    asset: str,
    moved: Mapping[str, int],
    standings: Mapping[Account, Standing],
    kept: list[Lot] | None,
) -> tuple[dict[str, int], tuple[UUID, ...], int]:
    """How much of each kind goes back, of which lots, and what of them has expired."""
    has = {kind: standings.get(unmerge.remaining(asset).beside(kind), Standing()).balance for kind in KINDS}
    debt = {"debt": min(moved["debt"], max(0, -has["debt"]))}
    if kept is None:
        return {kind: min(moved[kind], has[kind]) for kind in ("available", "pending")} | debt, (), 0
    amounts = {kind: sum(lot.at(kind) for lot in kept) for kind in ("available", "pending")}
    return amounts | debt, tuple(lot.lot_id for lot in kept), sum(lot.expired for lot in kept)


def _move(unmerge: Unmerge, asset: str, kind: str, amount: int, lots: tuple[UUID, ...]) -> Transfer:
    remaining = unmerge.remaining(asset).beside(kind)
    pair = (remaining, remaining.of(unmerge.restored_id))
    debit, credit = pair if kind != "debt" else pair[::-1]
    return _transfer(unmerge, f"{asset}/{kind}", debit, credit, amount, lots)


def _hold_back(unmerge: Unmerge, number: int, hold: OpenHold) -> Transfer:
    """Each hold with its own lots, so that it is resolved with them."""
    held = unmerge.remaining(hold.asset).beside("held")
    item = _transfer(unmerge, f"{hold.asset}/held/{number}", held, held.of(unmerge.restored_id), hold.amount, ())
    return item._replace(goes_on=hold.place_key)


def _transfer(
    unmerge: Unmerge, part: str, debit: Account, credit: Account, amount: int, lots: tuple[UUID, ...]
) -> Transfer:
    return transfer(
        MERGE_SCOPE,
        f"{unmerge.merge_id}/undo/{part}",
        debit,
        credit,
        amount,
        post_time=unmerge.now,
        memo=f"undo merge {unmerge.merge_id}",
        lots=lots,
    )
