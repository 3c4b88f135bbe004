"""Events per second that campaigns judge: one campaign that answers, 199 others beside it, 200 that answer."""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
from bowen.profile.v1.events_pb2 import EventRecorded

from bench import servers
from bench.harness import Done, Meter, Report, Variant, alternate, check
from chassis.clock import SystemClock
from chassis.consumer import Delivery
from chassis.db import Database
from chassis.ids import new_id
from chassis.stamps import stamp
from services.incentive.budgets.domain import Budget
from services.incentive.campaigns import consumers
from services.incentive.campaigns.domain import Amount, Campaign, Kind, State, Terms, Trigger, of_asset, per_person
from services.incentive.campaigns.operations import lifecycle
from suite.embedded import Postgres

CAMPAIGNS = 200
BATCH = 500
BATCHES = 8
NAME = "Product Shared"
NOW = SystemClock().now()


def a_campaign(name: str, when: str = "") -> Campaign:
    """One point per event, once per person."""
    terms = Terms(
        Trigger(Kind.EVENT, name),
        (of_asset("points", Amount(fixed=1)),),
        NOW - timedelta(days=1),
        NOW + timedelta(days=1),
        when=when,
        limits=(per_person(1),),
    )
    return Campaign(new_id(), name, State.DRAFT, terms, new_id(), NOW)


def asks(channel: int) -> str:
    """A condition that one channel fulfils."""
    leaf = {"path": "properties.channel", "op": "eq", "value": str(channel)}
    return json.dumps({"all": [{"attr": leaf}, {"attr": {"path": "properties.price", "op": "ge", "value": 1}}]})


WORLDS = {
    "one": [(NAME, "")],
    "others": [(NAME, ""), *((f"Other {number}", "") for number in range(1, CAMPAIGNS))],
    "many": [(NAME, asks(number)) for number in range(CAMPAIGNS)],
}
"""Each with one campaign that gives something for an event."""


class Judging:
    """The consumer's handler on a database of its own, with the campaigns of a world running."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._db = Database.open(url)
        self._events = 0

    async def open(self, world: Sequence[tuple[str, str]]) -> None:
        """Publish the campaigns."""
        for name, when in world:
            campaign = a_campaign(name, when)
            budget = Budget(campaign.budget_id, 10**12, asset="points")
            await self._db.transact(lambda tx, c=campaign, b=budget: lifecycle.create_campaign(tx, c, b, None))  # type: ignore[misc]
            await self._db.transact(lambda tx, c=campaign: lifecycle.start_campaign(tx, c.campaign_id, NOW))  # type: ignore[misc]

    async def make(self) -> Sequence[Sequence[Delivery[EventRecorded]]]:
        """Batches of events of as many people."""
        return [[self._an_event() for _ in range(BATCH)] for _ in range(BATCHES)]

    def _an_event(self) -> Delivery[EventRecorded]:
        event = EventRecorded(
            event_id=str(new_id()),
            profile_id=str(new_id()),
            name=NAME,
            properties='{"channel": "7", "price": 1200, "sku": "tea-01"}',
            timestamp=stamp(NOW),
            receive_time=stamp(NOW),
        )
        return Delivery(UUID(event.event_id), event, NOW, NOW)

    async def run(self, batches: Sequence[Sequence[Delivery[EventRecorded]]]) -> Done:
        """One transaction per batch, as the consumer has it."""
        for batch in batches:
            await self._db.transact(lambda tx, b=batch: consumers.on_event_recorded(tx, b))  # type: ignore[misc]
        self._events += sum(map(len, batches))
        return Done(BATCH * BATCHES)

    async def close(self) -> None:
        """Every event earned once, and the books say so."""
        await self._db.close()
        connection = await asyncpg.connect(self._url)
        grants = await connection.fetchval("SELECT count(*) FROM reward_grant")
        points = await connection.fetchval("SELECT sum(balance)::bigint FROM account WHERE account LIKE 'member/%'")
        await connection.close()
        check(grants == points == self._events, f"{grants} grants and {points} points for {self._events} events")


async def compare(report: Report, server: Postgres) -> None:
    """All worlds in turn."""
    worlds = {name: Judging(await servers.database(server, f"evaluate_{name}", "incentive")) for name in WORLDS}
    for name, judging in worlds.items():
        await judging.open(WORLDS[name])
    variants: dict[str, Variant[Any]] = {name: Variant(each.make, each.run) for name, each in worlds.items()}
    runs = await alternate(variants, Meter(postgres=server.pid))
    for judging in worlds.values():
        await judging.close()
    for name in WORLDS:
        report.tell(f"evaluate: {name}: {runs.rate(name):,.0f} events/s, µs per event: {runs.costs(name)}")
    report.ratio("199 campaigns of other triggers / none", runs.ratios("others", "one"), at_least=0.9)
    report.ratio("200 campaigns of this trigger / one", runs.ratios("many", "one"), at_least=0.3)


async def run(report: Report) -> None:
    """Everything here."""
    async with servers.postgres() as server:
        await compare(report, server)
