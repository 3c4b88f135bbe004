"""Opening the vault, and changing its keys."""

from collections.abc import Sequence

from chassis.db import Tx
from services.profile.vault import domain, store
from services.profile.vault.domain import DATA, INDEX, Vault, Wrapped, Wrapping
from services.profile.vault.errors import KeyWrong


async def open_vault(tx: Tx, wrappings: Sequence[Wrapping]) -> Vault:
    """The keys in the database, opened with the keys from outside, of which the first is the current one.

    Makes what is not there yet; wraps anew what an earlier key from outside had wrapped. Raises `KeyWrong` when none
    of them opens what is there.
    """
    await store.hold(tx)
    keys = {(each.name, each.version): each for each in await store.list_keys(tx)}
    opened = {place: _open(wrapped, wrappings) for place, wrapped in keys.items()}
    for place in ((INDEX, 1), (DATA, 1)):
        opened.setdefault(place, domain.new_key())
    current = wrappings[0]
    stale = [place for place in opened if place not in keys or keys[place].wrapping_id != current.wrapping_id]
    await store.save(tx, [current.wrap(*place, opened[place]) for place in sorted(stale)])
    data = {version: key for (name, version), key in opened.items() if name == DATA}
    return Vault(opened[INDEX, 1], data)


def _open(wrapped: Wrapped, wrappings: Sequence[Wrapping]) -> bytes:
    for wrapping in wrappings:
        if wrapping.wrapping_id == wrapped.wrapping_id:
            return wrapping.unwrap(wrapped)
    raise KeyWrong("the keys in the database were wrapped with a key that BOWEN_VAULT_KEY does not hold")
