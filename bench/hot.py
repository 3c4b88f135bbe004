"""How soon members have what one hot campaign gives, at a steady rate to distinct members (spec value LED-24).

Timed from the publication of a member's event to the arrival of `RewardGranted`, which is published after the commit:
the figures are upper bounds. `BENCH_HOT_SECONDS` says for how long; the specification asks for 60.
"""

import asyncio
import os
import time
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
from bowen.incentive.v1 import campaign_pb2
from bowen.incentive.v1 import campaign_service_pb2 as pb
from bowen.incentive.v1.campaign_service_pb2_grpc import CampaignServiceStub
from bowen.incentive.v1.events_pb2 import RewardGranted
from bowen.profile.v1 import event_pb2
from bowen.profile.v1.events_pb2 import EventRecorded
from bowen.wire.v1.envelope_pb2 import EventBatch

from bench import servers
from bench.harness import Report, check, percentile
from chassis.client import Client
from chassis.clock import SystemClock
from chassis.ids import new_id
from chassis.nats import Nats
from chassis.outbox import shard_of, type_of
from chassis.stamps import stamp

RATE = 200
SECONDS = int(os.environ.get("BENCH_HOT_SECONDS", "10"))
WARM_SECONDS = 2
POINTS = 7
EVENT_NAME = "Gift Opened"
PATIENCE_SECONDS = 30.0
P99_MS_MAX = 150.0

_GRANTED = "SELECT coalesce(sum(amount), 0)::bigint FROM reward_grant"
_ISSUED = "SELECT coalesce(sum(amount), 0)::bigint FROM transfer WHERE debit_account = $1"
_HAD = "SELECT count(*), min(balance), max(balance) FROM account WHERE account LIKE 'member/%/available'"
_ROLLED_BACK = "SELECT xact_rollback FROM pg_stat_database WHERE datname = current_database()"


class Gifts:
    """Publishes events of members at fixed moments, and notes when each is granted something."""

    def __init__(self, nats: Nats) -> None:
        self._nats = nats
        self.sent: dict[str, float] = {}
        self.granted: dict[str, float] = {}

    async def begin(self) -> None:
        """Listen, and have the stream that profile would have."""
        await self._nats.ensure_stream("profile")
        await self._nats.client.subscribe("bowen.incentive.v1.reward.granted.>", cb=self._note)

    async def _note(self, message: Any) -> None:
        now = time.perf_counter()
        for event in EventBatch.FromString(message.data).events:
            profile_id = RewardGranted.FromString(event.payload).profile_id
            check(profile_id not in self.granted, f"{profile_id} was granted twice")
            self.granted[profile_id] = now

    async def give(self, seconds: int) -> list[str]:
        """Let so many seconds' members open their gifts. Returns who they are."""
        began, members = time.perf_counter(), [str(new_id()) for _ in range(RATE * seconds)]
        async with asyncio.TaskGroup() as group:
            for number, profile_id in enumerate(members):
                await asyncio.sleep(max(0.0, began + number / RATE - time.perf_counter()))
                group.create_task(self._publish(profile_id))
        return members

    async def _publish(self, profile_id: str) -> None:
        now = stamp(SystemClock().now())
        recorded = EventRecorded(
            event_id=str(new_id()),
            profile_id=profile_id,
            name=EVENT_NAME,
            timestamp=now,
            receive_time=now,
            trust=event_pb2.TRUST_SERVER,
        )
        kind, batch = type_of(EventRecorded.DESCRIPTOR), EventBatch()
        batch.events.add(event_id=new_id().bytes, type=kind, time=now, payload=recorded.SerializeToString())
        self.sent[profile_id] = time.perf_counter()
        await self._nats.js.publish(f"{kind}.{shard_of(profile_id)}", batch.SerializeToString())

    async def until(self, count: int) -> None:
        """Wait until so many members were granted something."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(self.granted) < count:
            check(time.monotonic() < deadline, f"{len(self.granted)} of {count} members were granted something")
            await asyncio.sleep(0.05)


async def arrange(target: str) -> str:
    """A campaign that runs, through its API. Returns its id."""
    now = SystemClock().now()
    terms = campaign_pb2.CampaignTerms(
        trigger=campaign_pb2.Trigger(event_name=EVENT_NAME),
        effects=[campaign_pb2.Effect(asset=campaign_pb2.AssetEffect(asset="points", fixed=POINTS))],
        start_time=stamp(now - timedelta(days=1)),
        end_time=stamp(now + timedelta(days=1)),
    )
    async with Client.connect(target, name="bench", timeout_s=20.0) as client:
        campaigns = CampaignServiceStub(client)
        asked = pb.CreateCampaignRequest(request_id=str(new_id()), name="hot", terms=terms, budget=10**12)
        campaign_id = (await campaigns.CreateCampaign(asked)).campaign.campaign_id  # type: ignore[misc]
        await campaigns.StartCampaign(  # type: ignore[misc]
            pb.StartCampaignRequest(request_id=str(new_id()), campaign_id=campaign_id)
        )
    return str(campaign_id)


async def verify(connection: asyncpg.Connection, campaign_id: str, members: int) -> None:
    """The grants are the issuer's entries, and every member has one gift."""
    granted, issued = (
        await connection.fetchval(_GRANTED),
        await connection.fetchval(_ISSUED, f"issuer/{UUID(campaign_id)}"),
    )
    check(granted == issued == members * POINTS, f"{granted} granted, {issued} issued, to {members} members")
    had = tuple(await connection.fetchrow(_HAD))
    check(had == (members, POINTS, POINTS), f"members, least, most: {had}")


async def run(report: Report) -> None:
    """The service as it runs, and facts as profile tells them."""
    async with servers.suite("incentive", tell=report.tell) as suite:
        campaign_id = await arrange(suite.targets["incentive"])
        nats = await Nats.connect(suite.nats.url(), name="bench")
        gifts = Gifts(nats)
        await gifts.begin()
        warm = await gifts.give(WARM_SECONDS)
        await gifts.until(len(warm))
        connection = await asyncpg.connect(suite.databases["incentive"])
        before = await connection.fetchval(_ROLLED_BACK)
        members = await gifts.give(SECONDS)
        await gifts.until(len(warm) + len(members))
        await asyncio.sleep(1.5)  # statistics are written once a second
        rolled_back = await connection.fetchval(_ROLLED_BACK) - before
        await verify(connection, campaign_id, len(warm) + len(members))
        await connection.close()
        await nats.close()
    waits = [(gifts.granted[each] - gifts.sent[each]) * 1e3 for each in members]
    name = f"{RATE} grants/s of one campaign for {SECONDS} s"
    for share, at_most in ((0.50, None), (0.99, P99_MS_MAX)):
        note = f"slowest {max(waits):.0f} ms"
        report.bound(f"{name}, p{share * 100:.0f}", [percentile(waits, share)], at_most=at_most, note=note)
    report.bound(f"{name}, rolled back", [rolled_back], at_most=0, unit="transactions")
