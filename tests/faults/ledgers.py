"""What the suite holds in the end, read from where it is kept."""

import asyncio
from typing import Any

import asyncpg
import nats
from nats.errors import Error as NatsError

from tests.e2e.running import Suite
from tests.faults.load import Load
from tests.waiting import eventually

SERVICES = ("profile", "tagging", "incentive", "distribution")
SETTLED_SECONDS = 90.0
"""A message that a killed consumer held comes again after twelve seconds."""


async def rows(suite: Suite, component: str, statement: str, *values: Any) -> list[asyncpg.Record]:
    """Ask a database."""
    connection = await asyncpg.connect(suite.database_url(component), timeout=30)
    try:
        return list(await connection.fetch(statement, *values))
    finally:
        await connection.close()


async def count(suite: Suite, component: str, table: str) -> int:
    return int((await rows(suite, component, f"SELECT count(*) AS n FROM {table}"))[0]["n"])


async def settled(suite: Suite) -> None:
    """Wait until nothing is on its way any more: no fact in an outbox, none that a consumer has not done with."""
    before: list[Any] = []

    async def is_still() -> bool:
        now = await _on_the_way(suite)
        was, before[:] = list(before), [now]
        return was == [now] and sum(now[0]) == 0

    await eventually(is_still, within=SETTLED_SECONDS)


async def _on_the_way(suite: Suite) -> tuple[list[int], int]:
    """What is on its way, place by place; and how much there ever was, to see that nothing moved meanwhile."""
    try:
        outboxes = [await count(suite, service, "outbox") for service in SERVICES]
        waiting = [await count(suite, "distribution", "posting WHERE state = 1")]
        consumers, last = await consumers_of(suite)
    except (OSError, asyncpg.PostgresError, NatsError, TimeoutError):
        return [1], -1
    return outboxes + waiting + [each.num_pending + each.num_ack_pending for each in consumers], last


async def consumers_of(suite: Suite) -> tuple[list[Any], int]:
    """The consumers of all streams, and the number of messages that there ever were."""
    connection = await nats.connect(suite.nats_url, allow_reconnect=False, connect_timeout=2, error_cb=_ignore)
    try:
        stream = connection.jetstream(timeout=2)
        streams = await stream.streams_info()
        found = await asyncio.gather(*(stream.consumers_info(each.config.name) for each in streams))
        return [each for consumers in found for each in consumers], sum(each.state.last_seq for each in streams)
    finally:
        await connection.close()


async def _ignore(_: Exception) -> None:
    """Whoever asks will see that there is no answer."""


async def effects_are_exact(load: Load) -> None:
    """Everything that was acknowledged is there once, and all that follows from it, to the last point and cent."""
    world, suite = load.world, load.world.suite
    messages = [message for person in load.people for message in person.messages]
    orders = {number: order_id for person in load.people for number, order_id in person.orders.items()}
    stored = await rows(suite, "profile", "SELECT message_id FROM event WHERE name = $1", load.event_name)
    kept = await rows(
        suite, "distribution", "SELECT order_number, order_id FROM orders WHERE order_number = ANY ($1)", list(orders)
    )
    assert sorted(row["message_id"] for row in stored) == sorted(messages)
    assert sorted((row["order_number"], str(row["order_id"])) for row in kept) == sorted(orders.items())
    for person in load.people:
        assert await _points(load, person.user_id) == person.points, person.user_id
        assert await world.profile_id(person.browser, "anonymous_id") == await world.profile_id(person.user_id)
    spent = [(await world.api.get(f"/v1/campaigns/{each}"))["campaign"]["spent"] for each in load.campaigns]
    assert sum(spent) == sum(person.points for person in load.people)
    for partner_id in (load.guide_id, load.store_id):
        parts = ("pending", "available", "debt")
        held = [await world.balance(f"partner/{partner_id}/{part}", "commission.CNY") for part in parts]
        assert sum(held) == load.commission[partner_id], held
    await world.balances_are_sound()
    for service in SERVICES:
        assert await count(suite, service, "dead_letter") == 0, service


async def _points(load: Load, user_id: str) -> int:
    return await load.world.points(await load.world.profile_id(user_id))
