"""What merges of members do to what they have."""

from collections.abc import Collection
from datetime import datetime

from chassis.db import Tx
from logic import redirects
from logic.redirects import Edge
from services.incentive.ledger import domain, store
from services.incentive.ledger.domain import Account, brought, settling, unmerging
from services.incentive.ledger.domain.unmerging import MERGE_SCOPE, Shortfall, Unmerge
from services.incentive.ledger.operations.posting import find_rules, open_desk, post, settle
from services.incentive.subjects import store as subjects


async def merge_people(tx: Tx, edge: Edge, *, now: datetime) -> None:
    """Have a merge that was noted take effect: who is nobody's survivor any more gives all to who is now."""
    leads = await subjects.find_leads(tx, (edge.loser_id, edge.survivor_id))
    led = await subjects.find_survivors(tx, [lead.profile_id for lead in leads])
    for lead in leads:
        if lead.profile_id != lead.root_id and lead.profile_id not in led:
            await merge_accounts(
                tx, loser_id=lead.profile_id, survivor_id=lead.root_id, merge_id=edge.merge_id, now=now
            )
    await subjects.save_leads(tx, leads)


async def merge_accounts(tx: Tx, *, loser_id: str, survivor_id: str, merge_id: str, now: datetime) -> None:
    """Move all that a merged member has, debt too, to the survivor: one transfer per account, keyed by the merge.

    Lots keep their days. Source: spec people §3.5.
    """
    await store.end_openings(tx, loser_id)
    owned = await store.list_owned(tx, f"member/{loser_id}")
    if rules := await find_rules(tx, owned, now):
        kept = {account.beside("available") for account in owned if account.asset in rules}
        await settle(tx, kept | {account.of(survivor_id) for account in kept}, now)
    await _note_carried(tx, merge_id, loser_id, {account.asset for account in owned})
    held = await store.lock_opened(tx, sorted({*owned, *(account.of(survivor_id) for account in owned)}))
    moves = [
        domain.transfer(
            MERGE_SCOPE,
            unmerging.merge_id_of(merge_id, account),
            *_direction(account, account.of(survivor_id), standing.balance),
            abs(standing.balance),
            post_time=now,
            memo=f"merge {merge_id}",
        )
        for account in owned
        if (standing := held[account]).balance
    ]
    await post(tx, moves)


async def _note_carried(tx: Tx, merge_id: str, loser_id: str, assets: Collection[str]) -> None:
    counting = await subjects.find_tree(tx, [loser_id])
    if merged := {edge.merge_id for edge in redirects.below(counting, loser_id)}:
        known = await store.find_brought(tx, merged, assets)
        await store.add_carried(tx, merge_id, brought.carried(counting, loser_id, known))


def _direction(loser: Account, survivor: Account, balance: int) -> tuple[Account, Account]:
    return (loser, survivor) if balance > 0 else (survivor, loser)


async def unmerge_accounts(tx: Tx, unmerge: Unmerge) -> list[Shortfall]:
    """Give back what is left of what a merge moved, and keep what is not as unrecoverable. Done once per merge.

    Returns what is missing, by asset. Source: spec people §3.5, I24.
    """
    owners = [f"member/{profile_id}" for profile_id in sorted((unmerge.restored_id, unmerge.remaining_id))]
    assets = sorted({account.asset for owner in owners for account in await store.list_owned(tx, owner)})
    accounts = [Account(f"{owner}/{kind}", asset) for owner in owners for kind in domain.KINDS for asset in assets]
    counting = await subjects.find_tree(tx, (unmerge.edge.loser_id, unmerge.edge.survivor_id))
    known = await store.find_brought(tx, brought.concerned(counting, unmerge.edge), assets)
    unmerge = unmerge._replace(parting=brought.part(counting, unmerge.edge, known))
    keys = unmerging.keys_of(unmerge.parting.merge_ids, assets).keys() | {hold.place_key for hold in unmerge.holds}
    _, desk = await open_desk(tx, (), accounts, keys, now=unmerge.now, handing_over=True)
    if not await store.insert_unmerge(tx, unmerge):
        return []
    missing = []
    for asset in assets:
        transfers, shortfall = unmerging.undo(unmerge, asset, desk.book, desk.shelf)
        settling.post(transfers, desk.book, desk.shelf)
        missing += [shortfall] if shortfall.amount else []
    settling.settle(desk.book, desk.shelf)
    await desk.save(tx)
    await store.save_shortfalls(tx, unmerge, missing)
    if carrier := counting.get(unmerge.edge.survivor_id):
        missed = {part: -amount for part, amount in unmerge.parting.missed.items()}
        await store.add_carried(tx, carrier.merge_id, missed)
    return missing
