"""Writing down what people say."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from chassis.db import Tx
from chassis.ids import new_id
from services.profile.attributes import operations as attributes
from services.profile.attributes.domain import Stated
from services.profile.consent import domain, events, store
from services.profile.consent.domain import KINDS_OF_ADDRESS, Entry, Flags, Preference, Purpose, State, Statement
from services.profile.consent.errors import ConsentInvalid
from services.profile.identity import store as identity
from services.profile.identity.operations import Parted
from services.profile.vault.domain import Vault


async def record(tx: Tx, vault: Vault, statements: Sequence[Statement], *, now: datetime) -> list[Entry]:
    """Append what people said to their ledgers, in order, and tell others. Whoever calls holds the people's rows."""
    if not statements:
        return []
    chains = await store.lock_chains(tx, {said.profile_id for said in statements})
    entries: list[Entry] = []
    for said in statements:
        entry, chains[said.profile_id] = domain.written(vault, chains[said.profile_id], said, new_id(), now)
        entries.append(entry)
    await store.append(tx, entries, chains)
    await events.consent_changed(tx, entries, now=now)
    await _heed(tx, {entry.profile_id for entry in entries if entry.purpose in domain.OWN}, now)
    await _gate(tx, vault, {entry.profile_id for entry in entries if entry.purpose in domain.GATES}, now)
    return entries


async def _gate(tx: Tx, vault: Vault, profile_ids: set[UUID], now: datetime) -> None:
    """Note what may be known of profiles, and let go of their people what may be no longer."""
    if not profile_ids:
        return
    said = await store.list_entries(tx, profile_ids)
    for profile_id in sorted(profile_ids):
        await store.save_gates(tx, profile_id, domain.gates(each for each in said if each.profile_id == profile_id))
    people = set((await identity.roots_of(tx, profile_ids)).values())
    await attributes.apply(tx, vault, [Stated(each, {}) for each in sorted(people)], now=now)


async def _heed(tx: Tx, profile_ids: set[UUID], now: datetime) -> None:
    """Note how profiles may be processed, and tell others, where that changed."""
    if not profile_ids:
        return
    known = await store.flags_of(tx, profile_ids)
    said = await store.list_entries(tx, profile_ids)
    for profile_id in sorted(profile_ids):
        flags = domain.flags(entry for entry in said if entry.profile_id == profile_id)
        if flags != known.get(profile_id, Flags()):
            version = await store.save_flags(tx, profile_id, flags)
            await events.processing_changed(tx, profile_id, flags, version=version, now=now)


async def withdraw(tx: Tx, vault: Vault, wanted: Statement, person: Sequence[UUID], *, now: datetime) -> list[Entry]:
    """Withdraw every grant of a person that fits; also where none does, when something is named.

    An empty purpose or channel of `wanted.scope` fits all. Each withdrawal stands under the id of the grant it ends.
    """
    entries = await store.list_entries(tx, person)
    scopes = set(domain.granted(entries, wanted.scope))
    if wanted.scope.purpose:
        scopes.add((wanted.profile_id, wanted.scope))
    withdrawn = [wanted._replace(profile_id=profile_id, scope=scope) for profile_id, scope in sorted(scopes)]
    return await record(tx, vault, [_withdrawn(each, now) for each in withdrawn], now=now)


def _withdrawn(said: Statement, now: datetime) -> Statement:
    return said._replace(state=State.WITHDRAWN, consent_time=now)


async def follow(tx: Tx, vault: Vault, parted: Parted, *, now: datetime) -> None:
    """Have what was said of addresses while two were one follow them to whom they went back (spec people §3.5)."""
    await identity.lock(tx, [*parted.remaining_ids, parted.restored_id])
    said = await store.list_entries(tx, parted.remaining_ids)
    named = [entry for entry in said if entry.address_hash and entry.address_hash in _hashes(vault, parted, entry)]
    moved = domain.parted(named, since=parted.merge_id, to_id=parted.restored_id, actor=parted.actor, now=now)
    await record(tx, vault, list(moved), now=now)


def _hashes(vault: Vault, parted: Parted, entry: Entry) -> set[bytes]:
    """What stands for the addresses that went back, in the channel of an entry."""
    kind = KINDS_OF_ADDRESS.get(entry.channel)
    values = [each.value for each in parted.identifiers if kind in (None, each.type)]
    return {domain.address_hash(vault, kind or entry.channel, value) for value in values}


async def record_preferences(tx: Tx, vault: Vault, said: Sequence[Preference], *, now: datetime) -> None:
    """Write down what events said of a consent banner's categories, where it is news."""
    if not said:
        return
    profile_ids = {each.profile_id for each in said}
    await store.lock_chains(tx, profile_ids)
    await record(tx, vault, list(domain.news(said, await store.latest(tx, profile_ids))), now=now)


async def put_purpose(tx: Tx, purpose: Purpose) -> Purpose:
    """Describe a purpose. Raises `ConsentInvalid` for one of Bowen's own."""
    if purpose.purpose in domain.OWN:
        raise ConsentInvalid("purpose", "is Bowen's own")
    await store.put_purpose(tx, purpose)
    return purpose
