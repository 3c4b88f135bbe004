"""Members' accounts as they stand now, whether or not anything has settled what is due."""

from collections.abc import Mapping
from datetime import datetime

from chassis.db import ReadTx
from services.incentive.ledger.domain import Account, Book, Standing
from services.incentive.ledger.domain.lots import Expiring, expiring
from services.incentive.ledger.domain.settling import settle
from services.incentive.ledger.domain.shelf import Shelf
from services.incentive.ledger.store.lots import open_shelf
from services.incentive.ledger.store.programmes import find_programmes
from services.incentive.ledger.store.reads import get_account, list_owned


async def list_settled(tx: ReadTx, owner: str, now: datetime) -> dict[Account, Standing]:
    """All accounts of `member/<id>` or `partner/<id>`, as they are once settled. Changes nothing."""
    owned = await list_owned(tx, owner)
    book, _ = await _open_settled(tx, owner, owned, now)
    return {account: Standing(book.standings[account].balance, owned[account].sequence) for account in owned}


async def list_expiring(tx: ReadTx, owner: str, *, now: datetime, until: datetime) -> list[Expiring]:
    """What of a member's expires by when, by instant."""
    _, shelf = await _open_settled(tx, owner, await list_owned(tx, owner), now)
    return expiring(shelf.lots.values(), until=until) if shelf else []


async def _open_settled(
    tx: ReadTx, owner: str, owned: Mapping[Account, Standing], now: datetime
) -> tuple[Book, Shelf | None]:
    programmes = await find_programmes(tx, {account.asset for account in owned if account.member_id}, now)
    kept = {Account(f"{owner}/available", asset) for asset in programmes}
    beside = {account.beside(kind): Standing() for account in kept for kind in ("available", "pending", "debt")}
    book = Book({}, beside | dict(owned))
    if not kept:
        return book, None
    shelf = await open_shelf(tx, kept, (), programmes, now=now)
    shelf.cover(book.standings)
    settle(book, shelf)
    return book, shelf


async def get_settled(tx: ReadTx, account: Account, now: datetime) -> Standing:
    """Where an account stands once it is settled; at zero when nothing had touched it."""
    if account.member_id and await find_programmes(tx, [account.asset], now):
        return (await list_settled(tx, account.owner, now)).get(account, Standing())
    return await get_account(tx, account)
