"""Nothing in the database says in plain text who somebody is (spec people §5, invariant 7 of the design)."""

import asyncio
import json
from uuid import UUID

import pytest
from bowen.profile.v1 import identity_service_pb2 as identity_pb

from chassis.db import driver
from chassis.errors import NotFound
from chassis.ids import new_id
from services.profile.identity.domain import claim, key_of
from services.profile.identity.store import forms
from services.profile.privacy import operations
from services.profile.privacy.operations.resealing import TABLES
from services.profile.timeline import store as timeline
from services.profile.timeline.domain import Happening
from services.profile.vault import operations as vaults
from services.profile.vault.domain import HEAD_START, SEALED
from services.profile.vault.errors import KeyWrong
from tests.service.profile.asking import ask
from tests.service.profile.speaking import ALIAS, an_event, identifier, identify
from tests.service.profile.test_groups import join
from tests.service.profile.test_people import a_row
from tests.service.profile.vaults import WRAPPING, a_vault
from tests.waiting import eventually

PHONE, EMAIL, NAME = "+8613812345678", "zhang@mail.cn", "Zhang San"
SECRETS = (PHONE, "13812345678", EMAIL, NAME, "user-1", "dev-7", "M-1", "2008-02-03")
KEYS = [("phone", PHONE), ("email", EMAIL), ("user_id", "user-1"), ("anonymous_id", "dev-7"), ("member_no", "M-1")]
PASSING = {"outbox", "idempotency"}
"""What was told waits here until it is published; what was answered, until nobody asks again."""


async def a_story(profile):
    """Visits, a login, a merge, a conflict, a number that goes over, an import. Returns the person and the merge."""
    phone, email = identifier("phone", PHONE), identifier("email", EMAIL, verified=False)
    await profile.accepted(an_event(anonymous_id="dev-7", properties={"q": NAME}, context={"traits": {"name": NAME}}))
    await profile.accepted(identify(user_id="user-1", identifiers=[phone], traits={"name": NAME, "born": "2008-02-03"}))
    await profile.accepted(identify(user_id="u2", identifiers=[email]))
    await profile.accepted(identify(user_id="user-3", identifiers=[email]))
    [person] = await profile.accepted(an_event(user_id="user-1", anonymous_id="dev-7"))
    await profile.accepted(an_event(type=ALIAS, user_id="user-1", previous_id="dev-7"))
    await profile.accepted(identify(user_id="u2", identifiers=[phone]))
    await profile.imported(a_row("r1", member_no="M-1", phone=PHONE))
    [merge] = [each for each in await profile.merges(person) if "dev-7" in str(each)]
    return person, merge


async def scanned(profile):
    """Every value of every column of every table, as bytes."""
    columns = await profile.fetch(
        "SELECT table_name, column_name FROM information_schema.columns JOIN information_schema.tables"
        " USING (table_schema, table_name) WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
    )
    found = {}
    for table, column in columns:
        if table not in PASSING:
            for (value,) in await profile.fetch(f'SELECT "{column}" FROM "{table}"'):
                found.setdefault(f"{table}.{column}", []).append(_bytes(value))
    return found


def _bytes(value):
    if isinstance(value, bytes):
        return value
    return value.bytes if hasattr(value, "bytes") and hasattr(value, "hex") else str(value).encode()


async def a_full_story(profile):
    """A story in which every kind of thing that is sealed is written down."""
    person, merge = await a_story(profile)
    await profile.ingest(an_event(user_id="null", context={"traits": {"name": NAME}}))
    await profile.block("phone", "13812340000")
    await profile.block("", "(?i)zhang.*san", is_pattern=True)
    await join(profile, person, traits=json.dumps({"head": NAME}))
    now = profile.clock.now()
    told = Happening(new_id(), UUID(person), "incentive", "Reward Granted", json.dumps({"for": NAME}), now, now)
    await profile.db.transact(lambda tx: timeline.add_happenings(tx, profile.vault, [told]))
    await ask(profile, "ACCESS", person)
    return person, merge


def places_of(found, wanted):
    return [place for place, values in found.items() if any(wanted in value for value in values)]


def assert_hidden(found):
    for secret in SECRETS:
        assert places_of(found, secret.encode()) == [], secret
    for kind, value in KEYS:
        assert places_of(found, claim(kind, "", value).key) == [], kind


async def test_no_table_says_who_somebody_is(profile):
    await a_story(profile)

    found = await scanned(profile)

    assert min(len(found[each]) for each in ("identifier.value", "conflict.value", "merge.before")) > 0
    assert_hidden(found)
    assert places_of(found, profile.vault.index(claim("phone", "", PHONE).key)) != []


async def test_every_sealed_column_is_listed_and_every_listed_one_is_sealed(profile):
    await a_full_story(profile)

    found = await scanned(profile)

    listed = {f"{name}.{column}" for name, table in TABLES.items() for column in table.columns}
    assert set(places_of(found, SEALED.encode())) == listed
    assert_hidden(found)
    assert places_of(found, b"13812340000") == places_of(found, b"zhang.*san") == []


async def test_what_is_sealed_is_found_shown_undone_and_given_away(profile):
    person, merge = await a_story(profile)

    await assert_works(profile, person, merge)


async def assert_works(profile, person, merge):
    """Look-ups, timelines, bundles, moves, undoing: all that reads what is sealed."""
    assert (await profile.lookup("user_id", "user-1")).profile_id == person
    assert {each.value for each in merge.identifiers} == {"user-1", "dev-7"}
    request = await ask(profile, "ACCESS", person)
    assert request.steps
    holder = (await profile.lookup("phone", "13812345678")).profile_id
    target = person if holder != person else (await profile.lookup("user_id", "u2")).profile_id
    moved = await profile.reassign(holder, "phone", PHONE, target)
    assert moved.identifier.value == PHONE
    assert PHONE in str(await profile.moves(holder))
    undone = await profile.undo(merge.merge_id, cascade=True)
    visitor = await profile.lookup("anonymous_id", "dev-7")
    assert visitor.profile_id != (await profile.lookup("user_id", "user-1")).profile_id
    assert undone[0].merge_id
    assert [json.loads(event.properties) for event in await profile.timeline(visitor.profile_id)][-1] == {"q": NAME}
    await profile.remove(visitor.profile_id, "anonymous_id", "dev-7")
    with pytest.raises(NotFound):
        await profile.lookup("anonymous_id", "dev-7")
    await profile.assert_sound()


async def as_before(profile):
    """The tables as they were written before identifiers were sealed: plain text, unkeyed hashes."""
    vault = profile.vault

    async def work(tx):
        connection = await driver(tx)
        plain = {}
        for key, kind, space, sealed in await connection.fetch("SELECT key, type, namespace, value FROM identifier"):
            value = forms.value(vault, key, sealed)
            plain[key.bytes] = key_of(kind, space, value)
            await connection.execute(
                "UPDATE identifier SET key = encode($2, 'hex')::uuid, value = $3 WHERE key = $1",
                key,
                plain[key.bytes],
                value,
            )
        for row in await connection.fetch("SELECT * FROM conflict"):
            about = forms.refused_about(row["profile_id"], row["key"], row["rule"])
            value = vault.unseal(row["value"], about)
            await connection.execute(
                "UPDATE conflict SET key = encode($2, 'hex')::uuid, value = $3 WHERE key = $1",
                row["key"],
                key_of(row["type"], row["namespace"], value),
                value,
            )
        for row in await connection.fetch("SELECT * FROM identifier_move"):
            value = vault.unseal(row["value"], b"v" + row["move_id"].bytes)
            await connection.execute(
                "UPDATE identifier_move SET key = encode($2, 'hex')::uuid, value = $3 WHERE move_id = $1",
                row["move_id"],
                key_of(row["type"], row["namespace"], value),
                value,
            )
        for row in await connection.fetch("SELECT merge_id, identifiers, before FROM merge"):
            named = json.dumps(forms.named(vault, row["merge_id"], row["identifiers"]))
            before = forms.before(vault, row["merge_id"], row["before"])
            await connection.execute(
                "UPDATE merge SET identifiers = $2, before = $3 WHERE merge_id = $1", row["merge_id"], named, before
            )
        for row in await connection.fetch("SELECT event_id, identifiers, named FROM event"):
            stored = row["identifiers"]
            keys = b"".join(plain[stored[at : at + 16]] for at in range(0, len(stored), 16))
            names = json.loads(vault.unseal(row["named"], b"e" + row["event_id"].bytes))
            await connection.execute(
                "UPDATE event SET named = '', identifiers = $2, user_id = $3, anonymous_id = $4, previous_id = $5,"
                " group_id = $6 WHERE event_id = $1",
                row["event_id"],
                keys,
                *names,
            )
        await connection.execute("DELETE FROM resealing")

    await profile.db.transact(work)


async def test_what_was_written_before_is_sealed_and_keyed_at_the_start(profile):
    person, merge = await a_story(profile)
    await profile.accepted(an_event(anonymous_id="bowen-sealed:9:looks-sealed"))
    before = await profile.partition()
    await as_before(profile)
    assert places_of(await scanned(profile), PHONE.encode()) != []
    with pytest.raises(NotFound):
        await profile.lookup("user_id", "user-1")

    starts = [operations.reseal(profile.db, profile.vault, limit=2) for _ in range(2)]
    assert sum(await asyncio.gather(*starts)) > 6

    assert_hidden(await scanned(profile))
    assert await profile.partition() == before
    assert await operations.reseal(profile.db, profile.vault) == 0
    await assert_works(profile, person, merge)


async def test_sealing_goes_on_where_it_was_stopped(profile):
    await a_story(profile)
    await as_before(profile)
    start = asyncio.create_task(operations.reseal(profile.db, profile.vault, limit=1))
    await eventually(lambda: _began(profile))
    start.cancel()
    await asyncio.wait([start])
    [begun] = await profile.fetch("SELECT after FROM resealing WHERE name = 'identifier'")

    await operations.reseal(profile.db, profile.vault, limit=2)

    assert begun["after"].int > 0
    assert_hidden(await scanned(profile))
    assert {row["is_done"] for row in await profile.fetch("SELECT is_done FROM resealing")} == {True}


async def _began(profile):
    return await profile.fetch("SELECT 1 FROM resealing WHERE name = 'identifier' AND version = 1")


async def renewed(profile, vault, now):
    async with profile.db.read() as tx:
        return await vaults.renew(tx, vault, [WRAPPING], now=now)


async def test_a_new_key_seals_when_every_replica_has_it(profile):
    now = profile.clock.now()

    vault = await a_vault(profile.db, version=2, now=now)

    assert (vault.version, profile.vault.version) == (1, 1)
    assert not await renewed(profile, profile.vault, now + HEAD_START)
    assert profile.vault.version == 2
    with pytest.raises(KeyWrong):
        (await a_vault(profile.db, now=now)).unseal("bowen-sealed:3:AAAA", b"")
    assert vault.unseal(profile.vault.seal("text", b"x"), b"x") == "text"
    assert await renewed(profile, vault, now + 2 * HEAD_START)
    assert (await a_vault(profile.db, version=2, now=now + HEAD_START)).version == 2


async def test_old_rows_are_sealed_anew_with_the_new_key(profile):
    person, merge = await a_full_story(profile)
    await operations.reseal(profile.db, profile.vault, unkeyed_only=True)
    before = await profile.partition()
    now = profile.clock.now()
    vault = await a_vault(profile.db, version=2, now=now)
    await renewed(profile, profile.vault, now + 2 * HEAD_START)
    assert await operations.reseal(profile.db, profile.vault, unkeyed_only=True) == 0

    assert await operations.reseal(profile.db, profile.vault, limit=3) > 6

    found = await scanned(profile)
    assert places_of(found, b"bowen-sealed:1:") == []
    assert set(places_of(found, b"bowen-sealed:2:")) == set(places_of(found, SEALED.encode()))
    assert await operations.reseal(profile.db, vault) == 0
    assert await profile.partition() == before
    assert {each.value for each in await blocked(profile)} == {"+8613812340000", "(?i)zhang.*san"}
    assert NAME in str(await profile.timeline(person))
    await assert_works(profile, person, merge)


async def test_a_blocked_value_that_was_written_open_is_sealed_and_blocked_once(profile):
    kept = await profile.block("phone", "13812340000")
    written = [(new_id(), value) for value in ("+8613812340000", "+8613812340001")]
    insert = (
        "INSERT INTO blocked_value (blocked_value_id, type, value, is_pattern, actor, note, create_time)"
        " VALUES ($1, 'phone', $2, false, 'root', 'note', now())"
    )

    async def as_it_was_written(tx):
        await (await driver(tx)).executemany(insert, written)

    await profile.db.transact(as_it_was_written)

    await operations.reseal(profile.db, profile.vault, unkeyed_only=True)

    assert places_of(await scanned(profile), b"1381234000") == []
    listed = {each.value: each.blocked_value_id for each in await blocked(profile)}
    assert listed.keys() == {"+8613812340000", "+8613812340001"}
    assert listed["+8613812340000"] == kept.blocked_value_id


async def blocked(profile):
    return (await profile.identity.ListBlockedValues(identity_pb.ListBlockedValuesRequest())).blocked_values
