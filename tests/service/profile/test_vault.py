"""The keys in the database, and the one from outside that opens them."""

import asyncio
import base64
import os

import pytest

from chassis.db import driver
from services.profile.vault import domain, operations
from services.profile.vault.errors import KeyWrong
from tests.service.profile.vaults import WRAPPING, a_vault


def another_key():
    return domain.wrapping(base64.b64encode(os.urandom(32)).decode())


async def opened(db, *wrappings):
    return await db.transact(lambda tx: operations.open_vault(tx, wrappings))


async def test_a_vault_that_is_opened_again_has_the_same_keys(profile):
    first, *others = await asyncio.gather(*(a_vault(profile.db) for _ in range(4)))

    sealed = first.seal("text", b"")

    assert {vault.unseal(sealed, b"") for vault in others} == {"text"}
    assert {vault.hash("a", b"x") for vault in (first, *others)} == {profile.vault.hash("a", b"x")}


async def test_no_key_is_in_the_database_as_it_is_used(profile):
    async with profile.db.read() as tx:
        rows = await (await driver(tx)).fetch("SELECT name, content FROM vault_key ORDER BY name")

    assert [row["name"] for row in rows] == ["data", "index"]
    assert {len(row["content"]) for row in rows} == {12 + 32 + 16}


async def test_the_key_from_outside_is_changed_by_naming_the_one_before(profile):
    sealed, new = profile.vault.seal("text", b""), another_key()
    with pytest.raises(KeyWrong, match="BOWEN_VAULT_KEY does not hold"):
        await opened(profile.db, new)

    both = await opened(profile.db, new, WRAPPING)
    alone = await opened(profile.db, new)

    assert both.unseal(sealed, b"") == alone.unseal(sealed, b"") == "text"
    with pytest.raises(KeyWrong):
        await opened(profile.db, WRAPPING)


async def test_a_new_key_for_text_seals_from_then_on(profile):
    sealed = profile.vault.seal("text", b"")

    assert await profile.db.transact(lambda tx: operations.rotate(tx, WRAPPING)) == 2
    vault = await a_vault(profile.db)

    assert vault.version == 2
    assert vault.unseal(sealed, b"") == "text"
    assert not vault.is_current(sealed)
