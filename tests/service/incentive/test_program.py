"""The program itself: migrated, started, fed over JetStream, asked over gRPC, stopped."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from bowen.incentive.v1 import campaign_service_pb2 as campaigns_pb
from bowen.incentive.v1.campaign_service_pb2_grpc import CampaignServiceStub
from bowen.incentive.v1.events_pb2 import RewardGranted
from bowen.incentive.v1.ledger_service_pb2_grpc import LedgerServiceStub
from bowen.wire.v1 import envelope_pb2
from google.protobuf.message import Message

from chassis.client import Client
from chassis.clock import FixedClock
from chassis.errors import Refusal
from chassis.ids import new_id
from chassis.nats import Nats
from chassis.outbox import shard_of, type_of
from suite.embedded import NatsServer, Postgres, free_port
from tests.service.incentive.rewarding import (
    NOON,
    a_campaign,
    a_merge,
    a_paid_order,
    a_refund,
    an_event,
    new,
    on_order,
    points,
)
from tests.waiting import eventually


async def publish(nats: Nats, *facts: Message, key: str) -> None:
    """What another service's relay does."""
    batch = envelope_pb2.EventBatch()
    for fact in facts:
        event = batch.events.add(event_id=new_id().bytes, payload=fact.SerializeToString())
        event.type = type_of(fact.DESCRIPTOR)
        event.time.FromDatetime(NOON)
    subject = nats.subject(f"{type_of(facts[0].DESCRIPTOR)}.{shard_of(key)}")
    await nats.js.publish(subject, batch.SerializeToString())


@asynccontextmanager
async def a_program(environ: dict[str, str]) -> AsyncIterator[None]:
    """The service as it is started anywhere, stopped at the end."""
    command = [sys.executable, "-m", "services.incentive"]
    migration = await asyncio.create_subprocess_exec(*command, "migrate", env=environ)
    assert await asyncio.wait_for(migration.wait(), 60) == 0
    process = await asyncio.create_subprocess_exec(*command, env=environ)
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 60) == 0


async def test_the_program_rewards_an_order_and_takes_the_reward_back(
    postgres: Postgres, server_dir: Path, clock: FixedClock
) -> None:
    name, listen = f"program_{new_id().hex[-12:]}", f"127.0.0.1:{free_port()}"
    await postgres.create_databases(name)
    server = NatsServer(server_dir / name, free_port(), durable=False)
    environ = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": ":".join(sys.path),
        "BOWEN_LISTEN": listen,
        "BOWEN_DATABASE_URL": postgres.url(name),
        "BOWEN_NATS_URL": server.url(),
    }
    async with server:
        nats = await Nats.connect(server.url(), name="test")
        for service in ("profile", "tagging", "distribution"):
            await nats.ensure_stream(service)
        async with a_program(environ), Client.connect(listen, name="test", timeout_s=30.0) as client:
            await _order_way(nats, CampaignServiceStub(client), LedgerServiceStub(client))
        await nats.close()


async def _order_way(nats: Nats, campaigns: Any, ledger: Any) -> None:
    async def created() -> Any:
        try:
            request = a_campaign(request_id="r1", trigger=on_order(), reward=points(100))
            return (await campaigns.CreateCampaign(request)).campaign
        except Refusal:
            return None  # not ready yet

    campaign_id = (await eventually(created, within=60)).campaign_id
    await campaigns.StartCampaign(campaigns_pb.StartCampaignRequest(request_id="r2", campaign_id=campaign_id))
    loser, survivor = new(), new()

    async def grant_of(profile_id: str, reversed_amount: int) -> Any:
        request = campaigns_pb.ListProfileGrantsRequest(profile_id=profile_id)
        grants = (await campaigns.ListProfileGrants(request)).grants
        return [grant for grant in grants if grant.reversed_amount == reversed_amount]

    await publish(nats, paid := a_paid_order(loser), a_paid_order(new()), key=paid.order_id)
    await eventually(lambda: grant_of(loser, 0))
    await publish(nats, a_merge(loser, survivor), an_event(loser, "Nothing"), key=survivor)
    await eventually(lambda: grant_of(survivor, 0))
    await publish(nats, a_refund(paid, 10_000), key=paid.order_id)
    await eventually(lambda: grant_of(survivor, 100))

    subscription = await nats.js.subscribe("bowen.incentive.v1.reward.granted.>", ordered_consumer=True)
    message = await subscription.next_msg(timeout=30)
    told = [RewardGranted.FromString(e.payload) for e in envelope_pb2.EventBatch.FromString(message.data).events]
    assert loser in {event.profile_id for event in told}
    await subscription.unsubscribe()


def test_a_program_without_settings_says_what_it_needs() -> None:
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": ":".join(sys.path)}
    command = [sys.executable, "-m", "services.incentive"]

    ended = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)

    assert ended.returncode == 2
    assert "BOWEN_DATABASE_URL is required" in ended.stderr


pytestmark = pytest.mark.timeout(120)
