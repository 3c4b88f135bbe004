"""Opening the vault, and changing its keys."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from chassis.db import ReadTx, Tx
from services.profile.vault import domain, store
from services.profile.vault.domain import DATA, HEAD_START, INDEX, Vault, Wrapped, Wrapping
from services.profile.vault.errors import KeyWrong


async def open_vault(tx: Tx, wrappings: Sequence[Wrapping], *, version: int = 1, now: datetime) -> Vault:
    """The keys in the database, opened with the keys from outside, of which the first is the current one.

    Makes what is not there yet, for text up to a version; wraps anew what an earlier key from outside had wrapped.
    Raises `KeyWrong` when none of them opens what is there.
    """
    await store.hold(tx)
    await _rewrap(tx, wrappings)
    await _make(tx, wrappings[0], version, now)
    keys = await store.list_keys(tx)
    [index_key] = (_open(each, wrappings) for each in keys if each.name == INDEX)
    return Vault(index_key, _data(keys, wrappings), domain.version_at(_active_times(keys), now))


async def _rewrap(tx: Tx, wrappings: Sequence[Wrapping]) -> None:
    """Wrap what an earlier key from outside had wrapped, and see whether all of it opens."""
    current = wrappings[0]
    opened = [(each, _open(each, wrappings)) for each in await store.list_keys(tx)]
    stale = [(each, key) for each, key in opened if each.wrapping_id != current.wrapping_id]
    await store.save(tx, [current.wrap(each.name, each.version, key, each.active_time) for each, key in stale])


async def _make(tx: Tx, current: Wrapping, version: int, now: datetime) -> None:
    keys = await store.list_keys(tx)
    wanted = domain.missing((each.version for each in keys if each.name == DATA), version, now)
    made = [current.wrap(DATA, each, domain.new_key(), active) for each, active in wanted.items()]
    if not any(each.name == INDEX for each in keys):
        made.append(current.wrap(INDEX, 1, domain.new_key()))
    await store.save(tx, made)


async def renew(tx: ReadTx, vault: Vault, wrappings: Sequence[Wrapping], *, now: datetime) -> bool:
    """Have a vault know the keys that are there now. Returns whether all replicas seal with the key of its version."""
    keys = await store.list_keys(tx)
    times = _active_times(keys)
    vault.learn(_data(keys, wrappings), domain.version_at(times, now))
    return domain.version_at(times, now - HEAD_START) == vault.version


def _active_times(keys: Sequence[Wrapped]) -> Mapping[int, datetime]:
    return {each.version: each.active_time for each in keys if each.name == DATA}


def _data(keys: Sequence[Wrapped], wrappings: Sequence[Wrapping]) -> Mapping[int, bytes]:
    return {each.version: _open(each, wrappings) for each in keys if each.name == DATA}


def _open(wrapped: Wrapped, wrappings: Sequence[Wrapping]) -> bytes:
    for wrapping in wrappings:
        if wrapping.wrapping_id == wrapped.wrapping_id:
            return wrapping.unwrap(wrapped)
    raise KeyWrong("the keys in the database were wrapped with a key that BOWEN_VAULT_KEY does not hold")
