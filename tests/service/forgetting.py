"""What every service's tests of forgetting people need."""

import json
from typing import Any

from bowen.profile.v1.events_pb2 import PersonalDataRequested, ProfileErased
from bowen.wire.v1.envelope_pb2 import EventBatch

from chassis.db import Database, driver
from chassis.ids import new_id
from chassis.outbox import type_of
from logic.privacy import erasure_proof


def an_erasure(*profile_ids: str) -> ProfileErased:
    """The erasure of a person with these ids."""
    return ProfileErased(
        request_id=str(new_id()), profile_id=profile_ids[0], profile_ids=profile_ids, token=str(new_id())
    )


def a_question(*profile_ids: str) -> PersonalDataRequested:
    """A person with these ids wants to know."""
    return PersonalDataRequested(request_id=str(new_id()), profile_id=profile_ids[0], profile_ids=profile_ids)


async def told(db: Database, message_class: Any) -> list[Any]:
    """The facts of one kind that wait in the outbox, in order."""
    async with db.read() as tx:
        rows = await (await driver(tx)).fetch("SELECT payload FROM outbox ORDER BY outbox_id")
    events = [event for row in rows for event in EventBatch.FromString(row[0]).events]
    name = type_of(message_class.DESCRIPTOR)
    return [message_class.FromString(event.payload) for event in events if event.type == name]


def counts_of(confirmed: Any, erased: ProfileErased) -> dict[str, int]:
    """What was done for an erasure. The proof fits it."""
    erasure = confirmed.erasure
    counts = {each.kind: each.count for each in erasure.counts}
    assert (confirmed.request_id, confirmed.profile_id) == (erased.request_id, erased.profile_id)
    assert erasure.proof_hash == erasure_proof(erased.request_id, erasure.service, counts)
    return counts


def kinds_of(provided: list[Any]) -> list[str]:
    """The kinds of the lines that were told, whole."""
    parts = sorted((each.part for each in provided), key=lambda part: part.number)
    assert [part.number for part in parts] == list(range(parts[0].total))
    return [json.loads(line)["kind"] for part in parts for line in part.lines.splitlines()]


async def holding(db: Database, profile_id: str) -> dict[str, int]:
    """In how many rows of which tables an id stands, in any column, but for the list of the erased."""
    found: dict[str, int] = {}
    async with db.read() as tx:
        connection = await driver(tx)
        tables = await connection.fetch(
            "SELECT table_name FROM information_schema.tables"
            " WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
        )
        for (table,) in tables:
            rows = await connection.fetchval(
                f"SELECT count(*) FROM {table} AS t WHERE position($1 IN t::text) > 0", profile_id
            )
            if rows and table not in ("erased", "outbox", "inbox", "alembic_version"):
                found[table] = rows
    return found


async def personal_tables(db: Database) -> set[str]:
    """The tables that have a column for a person."""
    async with db.read() as tx:
        rows = await (await driver(tx)).fetch(
            "SELECT DISTINCT table_name FROM information_schema.columns"
            " WHERE table_schema = 'public' AND column_name LIKE '%profile_id' AND table_name <> 'erased'"
        )
    return {row[0] for row in rows}
