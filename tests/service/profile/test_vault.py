"""The keys in the database, and the one from outside that opens them."""

import asyncio
import base64
import json
import os

import pytest

from chassis.db import driver
from services.profile.vault import domain, operations
from services.profile.vault.errors import KeyWrong
from tests.service.profile.speaking import an_event, identify
from tests.service.profile.vaults import NOW, WRAPPING, a_vault


def another_key():
    return domain.wrapping(base64.b64encode(os.urandom(32)).decode())


async def opened(db, *wrappings):
    return await db.transact(lambda tx: operations.open_vault(tx, wrappings, now=NOW))


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


async def test_what_is_known_of_people_and_what_they_did_is_sealed(profile):
    secrets = {"name": "Zhang San", "city": "Hangzhou"}
    person, _ = await profile.accepted(
        identify(user_id="u1", traits=secrets),
        an_event(user_id="u1", properties={"note": "Zhang San"}, context={"page": "Zhang San"}),
    )

    for table, columns in (("event", "properties, context"), ("attribute_set", "facts")):
        rows = await profile.fetch(f"SELECT {columns} FROM {table}")
        assert rows
        assert "Zhang San" not in str(rows)
    assert json.loads((await profile.get(person)).attributes) == secrets
    assert {event.properties for event in await profile.timeline(person)} == {
        json.dumps(secrets),
        json.dumps({"note": "Zhang San"}),
    }


async def test_rows_that_were_written_before_they_were_sealed_are_read_as_they_are(profile):
    [person] = await profile.accepted(identify(user_id="u1", traits={"a": 1}))

    async def write_plain(tx):
        connection = await driver(tx)
        await connection.execute("""UPDATE attribute_set SET facts = '{"b":[1,"web",2]}'""")
        await connection.execute("""UPDATE event SET properties = '{"b":2}', context = '{}'""")

    await profile.db.transact(write_plain)

    assert (await profile.get(person)).attributes == '{"b":2}'
    assert [event.properties for event in await profile.timeline(person)] == ['{"b":2}']
    await profile.accepted(identify(user_id="u1", traits={"c": 3}))
    assert json.loads((await profile.get(person)).attributes) == {"b": 2, "c": 3}
