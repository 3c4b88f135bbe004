"""Processes that take in events about the same people at once, so that merges cross; and who is there in the end."""

import asyncio
import base64
import multiprocessing
import random
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import asyncpg
from bowen.profile.v1 import event_pb2
from bowen.profile.v1 import ingest_service_pb2 as pb
from bowen.profile.v1.profile_pb2 import Identifier

from chassis.clock import SystemClock
from chassis.db import Database
from services.profile.identity.store import forms
from services.profile.ingest.servicer import IngestServicer
from services.profile.vault import domain, operations
from services.profile.vault.domain import Vault

CROWD = 15
"""Of so many people all callers speak at a time; there is a new one for every `EVENTS_PER_PERSON` of a caller."""
EVENTS_PER_PERSON = 4
CALLERS = 6
BATCH = 20
EVENTS_MIN = 2 * BATCH
ROUND_SECONDS = 4.0
KINDS = (
    ("user_id", "", "{0}-u{1}"),
    ("member_no", "", "{0}-M{1}"),
    ("wx.unionid", "", "{0}-U{1}"),
    ("wx.openid", "app1", "{0}-o{1}"),
    ("wx.openid", "app2", "{0}-p{1}"),
    ("email", "", "{0}-{1}@mail.cn"),
)
"""Identifiers of a person. All of them may link known people, and none of them exceeds a limit."""

Heard = list[tuple[str, int, tuple[int, ...]]]
"""Of each event its message id, person and which identifiers it named."""


@dataclass(frozen=True)
class Order:
    """What one process is to do: its number, the town that all are in, and for how long."""

    url: str
    town: str
    number: int
    seconds: float


def work(order: Order) -> Heard:
    """Take in events until the time is over, in this process. Raises what any caller would be told."""
    return asyncio.run(_work(order))


async def _work(order: Order) -> Heard:
    db = Database.open(order.url)
    servicer = IngestServicer(db, SystemClock(), await _vault(db))
    end, heard = time.monotonic() + order.seconds, Heard()
    try:
        async with asyncio.TaskGroup() as group:
            for caller in range(CALLERS):
                name = f"{order.town}-{order.number}-{caller}"
                group.create_task(_call(servicer, order.town, name, end, heard))
    finally:
        await servicer.close()
        await db.close()
    return heard


async def _call(servicer: IngestServicer, town: str, name: str, end: float, heard: Heard) -> None:
    chance, number = random.Random(name), 0
    while time.monotonic() < end or number < EVENTS_MIN:
        first = number // EVENTS_PER_PERSON
        batch = [_shown(chance, first, f"{name}-{number + index}") for index in range(BATCH)]
        number += BATCH
        request = pb.IngestRequest(events=[_event(town, *each) for each in batch])
        answer = await servicer.Ingest(request, None)
        told = [(each.message_id, each.result, each.detail) for each in answer.outcomes]
        assert told == [(each[0], pb.IngestOutcome.RESULT_ACCEPTED, "") for each in batch]
        heard += batch


def _shown(chance: random.Random, first: int, message_id: str) -> tuple[str, int, tuple[int, ...]]:
    return message_id, first + chance.randrange(CROWD), tuple(chance.sample(range(len(KINDS)), 2))


def _event(town: str, message_id: str, person: int, named: Sequence[int]) -> pb.IncomingEvent:
    identifiers = [
        Identifier(type=KINDS[each][0], namespace=KINDS[each][1], value=_value(town, person, each), verified=True)
        for each in named
    ]
    return pb.IncomingEvent(
        message_id=message_id,
        type=event_pb2.EVENT_TYPE_IDENTIFY,
        source_id="crossing",
        trust=event_pb2.TRUST_SERVER,
        identifiers=identifiers,
    )


def _value(town: str, person: int, kind: int) -> str:
    value = KINDS[kind][2].format(town, person)
    return value.upper() if KINDS[kind][0] == "member_no" else value


def cross(url: str, town: str, *, processes: int = 2, seconds: float = ROUND_SECONDS) -> Heard:
    """One round in processes of their own. Raises what any of them raised."""
    orders = [Order(url, town, number, seconds) for number in range(processes)]
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        return [each for heard in pool.map(work, orders) for each in heard]


_ASTRAY = """
SELECT (SELECT count(*) FROM conflict)
     + (SELECT count(*) FROM redirect JOIN identifier ON profile_id = loser_id)
     + (SELECT count(*) FROM redirect AS a JOIN redirect AS b ON a.survivor_id = b.loser_id)
     + abs((SELECT count(*) FROM redirect) - (SELECT count(*) FROM merge))
"""


async def _vault_of(url: str) -> Vault:
    db = Database.open(url)
    try:
        return await _vault(db)
    finally:
        await db.close()


async def _vault(db: Database) -> Vault:
    wrapping = domain.wrapping(base64.b64encode(bytes(32)).decode())
    return await db.transact(lambda tx: operations.open_vault(tx, [wrapping], now=SystemClock().now()))


async def check(url: str, town: str, heard: Heard) -> int:
    """Every event is there once, people are those of an independent union-find. Returns how many merges it took."""
    connection = await asyncpg.connect(url)
    try:
        stored = await connection.fetch("SELECT message_id FROM event WHERE message_id LIKE $1", f"{town}-%")
        held = await connection.fetch("SELECT profile_id, key, type, namespace, value FROM identifier")
        merges = await connection.fetchval("SELECT count(*) FROM merge")
        astray = await connection.fetchval(_ASTRAY)
    finally:
        await connection.close()
    vault = await _vault_of(url)
    assert sorted(row["message_id"] for row in stored) == sorted(message_id for message_id, _, _ in heard)
    people: dict[object, set[tuple[str, str, str]]] = {}
    for person, key, *named, sealed in held:
        value = forms.value(vault, key, sealed)
        if value.lower().startswith(f"{town}-"):
            people.setdefault(person, set()).add((*named, value))
    assert {frozenset(each) for each in people.values()} == set(_oracle(town, heard))
    assert astray == 0
    return int(merges)


def _oracle(town: str, heard: Heard) -> Iterator[frozenset[tuple[str, str, str]]]:
    """The people by union-find over what stood together in one event."""
    parent: dict[tuple[int, int], tuple[int, int]] = {}

    def root(item: tuple[int, int]) -> tuple[int, int]:
        parent.setdefault(item, item)
        while parent[item] != item:
            item = parent[item]
        return item

    for _, person, named in heard:
        for each in named[1:]:
            parent[root((person, each))] = root((person, named[0]))
    groups: dict[tuple[int, int], set[tuple[str, str, str]]] = {}
    for person, kind in list(parent):
        name, namespace, _ = KINDS[kind]
        groups.setdefault(root((person, kind)), set()).add((name, namespace, _value(town, person, kind)))
    yield from map(frozenset, groups.values())


async def cross_for(url: str, minutes: float) -> None:
    """Round after round in new towns, each checked at its end."""
    end, turn, total = time.monotonic() + 60 * minutes, 0, 0
    while time.monotonic() < end:
        turn += 1
        heard = await asyncio.to_thread(cross, url, f"t{turn}")
        total += len(heard)
        merges = await check(url, f"t{turn}", heard)
        sys.stdout.write(f"round {turn}: {total:,} events, {merges:,} merges so far, nobody lost, nobody mistaken\n")
        sys.stdout.flush()
