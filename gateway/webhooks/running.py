"""Puts webhooks together: their face, who posts them, and who hears of them."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple

from bowen.incentive.v1.events_pb2 import WebhookMatured
from bowen.profile.v1.events_pb2 import ProfileErased

from chassis.clock import Clock
from chassis.consumer import Consumer
from chassis.db import Database
from chassis.nats import Nats
from gateway.sealing import Seal
from gateway.settings import GatewaySettings
from gateway.webhooks import consumers
from gateway.webhooks.client import Poster
from gateway.webhooks.consents import Forbids
from gateway.webhooks.errors import WebhookSecretsOff
from gateway.webhooks.sender import Sender
from gateway.webhooks.servicer import WebhookServicer

NATS_SECONDS_MAX = 2.0


class Webhooks(NamedTuple):
    """What serves the contract, and the work to be done meanwhile, by name."""

    servicer: WebhookServicer
    work: Mapping[str, Callable[[], Awaitable[None]]]


@asynccontextmanager
async def running(settings: GatewaySettings, db: Database, clock: Clock, forbids: Forbids) -> AsyncIterator[Webhooks]:
    """All of it; what it opened is closed in the end."""
    seal = Seal(settings.secrets_key, "webhooks", WebhookSecretsOff)
    async with AsyncExitStack() as stack:
        poster = Poster(anywhere=settings.webhooks_anywhere)
        stack.push_async_callback(poster.close)
        sender = Sender(db, clock, seal, poster, forbids)
        work = {"webhooks": sender.run, "old webhooks": sender.forget}
        if settings.nats_url:
            nats = await Nats.connect(settings.nats_url, name="bowen-gateway", wait_seconds=NATS_SECONDS_MAX)
            stack.push_async_callback(nats.close)
            consumer = Consumer(nats, db, name="gateway", clock=clock)
            consumer.on(WebhookMatured, consumers.on_webhook_matured)
            consumer.on(ProfileErased, consumers.on_profile_erased)
            work["webhook consumer"] = consumer.run
        yield Webhooks(WebhookServicer(db, clock, seal, anywhere=settings.webhooks_anywhere), work)
