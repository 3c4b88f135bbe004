"""What merges of members do to what they have."""

from datetime import datetime

from chassis.db import Tx
from services.incentive.ledger import domain, store
from services.incentive.ledger.domain import Account
from services.incentive.ledger.operations.posting import find_rules, post, settle

MERGE_SCOPE = "service:incentive/merge"


async def merge_accounts(tx: Tx, *, loser_id: str, survivor_id: str, merge_id: str, now: datetime) -> None:
    """Move all that a merged member has, debt too, to the survivor: one transfer per account, keyed by the merge.

    Lots keep their days. Source: spec people §3.5.
    """
    await store.end_openings(tx, loser_id)
    owned = await store.list_owned(tx, f"member/{loser_id}")
    if rules := await find_rules(tx, owned, now):
        kept = {account.beside("available") for account in owned if account.asset in rules}
        await settle(tx, kept | {account.of(survivor_id) for account in kept}, now)
    held = await store.lock_accounts(tx, sorted(owned))
    moves = [
        domain.transfer(
            MERGE_SCOPE,
            f"{merge_id}/{account.asset}/{account.name.rpartition('/')[2]}",
            *_direction(account, account.of(survivor_id), standing.balance),
            abs(standing.balance),
            post_time=now,
            memo=f"merge {merge_id}",
        )
        for account, standing in held.items()
        if standing.balance
    ]
    await post(tx, moves)


def _direction(loser: Account, survivor: Account, balance: int) -> tuple[Account, Account]:
    return (loser, survivor) if balance > 0 else (survivor, loser)
