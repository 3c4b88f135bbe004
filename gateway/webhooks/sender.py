"""Posts what is due, again and again."""

import asyncio
import random
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple
from uuid import UUID

import structlog

from chassis import telemetry
from chassis.clock import Clock
from chassis.db import Database, Tx
from chassis.errors import Conflict, DeadlineExceeded, QuotaExceeded, Unavailable
from gateway.sealing import Seal
from gateway.webhooks import queue, store
from gateway.webhooks.client import Poster
from gateway.webhooks.consents import RESTRICTED, Forbids
from gateway.webhooks.domain import KEEP, RESTRICTED_WAIT, Delivery, Status, judge, sign
from gateway.webhooks.errors import WebhookSecretsOff

log = structlog.get_logger()

AT_ONCE_MAX = 8
"""Posts to one endpoint at a time, of a replica: a slow one delays itself only."""

LEASE = timedelta(seconds=60)
"""Longer than an attempt takes: what is not settled by then was begun by a process that died."""

LOOK_SECONDS = 0.5
FORGET_SECONDS = 3600.0
FORGET_MAX = 1_000
_OUTAGES = (OSError, Unavailable, DeadlineExceeded, QuotaExceeded, Conflict)
_posted = telemetry.Instrument("bowen.webhook.posts", "counter", "{post}", "Posts to webhooks, by how they ended.")


class _Ready(NamedTuple):
    """What can be posted now, and how it is signed."""

    url: str
    secrets: Sequence[str]
    deliveries: Sequence[Delivery]


class Sender:
    """Posts deliveries that are due to their endpoints; each at least once, under an id that stays the same.

    `forbids` is asked before each attempt that tells of a person.
    """

    def __init__(self, db: Database, clock: Clock, seal: Seal, poster: Poster, forbids: Forbids) -> None:
        self._db, self._clock, self._seal, self._poster, self._forbids = db, clock, seal, poster, forbids
        self._busy: dict[UUID, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Look for what is due until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                try:
                    await self.look(tasks)
                except _OUTAGES as error:
                    log.warning("webhooks wait for the database", error=str(error))
                await asyncio.sleep(LOOK_SECONDS)

    async def look(self, tasks: asyncio.TaskGroup) -> None:
        """Begin with what is due, of endpoints that are not busy."""
        now = self._clock.now()
        claimed = await self._db.transact(
            lambda tx: queue.claim(tx, now, now + LEASE, each_max=AT_ONCE_MAX, busy=self._busy.keys())
        )
        claimed.sort(key=attrgetter("endpoint_id"))
        for endpoint_id, group in groupby(claimed, key=attrgetter("endpoint_id")):
            self._busy[endpoint_id] = task = tasks.create_task(self._post_all(endpoint_id, list(group)))
            task.add_done_callback(partial(self._idle, endpoint_id))

    def _idle(self, endpoint_id: UUID, _task: asyncio.Task[None]) -> None:
        del self._busy[endpoint_id]

    async def _post_all(self, endpoint_id: UUID, deliveries: Sequence[Delivery]) -> None:
        try:
            ready = await self._prepared(endpoint_id, deliveries)
            if ready is None:
                await self._db.transact(lambda tx: queue.hand_back(tx, deliveries))
            else:
                await asyncio.gather(*(self._post(each, ready.url, ready.secrets) for each in ready.deliveries))
        except _OUTAGES as error:  # what was posted and not settled is posted again, under the same id
            log.warning("an attempt is not noted", endpoint_id=str(endpoint_id), error=str(error))

    async def _prepared(self, endpoint_id: UUID, deliveries: Sequence[Delivery]) -> _Ready | None:
        """What may be posted; None when that cannot be told now, or nothing can be signed."""
        try:
            async with self._db.read() as tx:
                sealed = await store.find_sealed(tx, endpoint_id, self._clock.now())
            secrets = [self._seal.open(box, endpoint_id.bytes).decode() for box in sealed.boxes]
            allowed = await asyncio.gather(*(self._may_be_posted(each, sealed.recipient) for each in deliveries))
        except WebhookSecretsOff:
            log.error("a webhook is not posted: its secret cannot be opened", endpoint_id=str(endpoint_id))
            return None
        except _OUTAGES as error:
            log.warning("a webhook waits", endpoint_id=str(endpoint_id), error=str(error))
            return None
        return _Ready(sealed.url, secrets, [each for each, may in zip(deliveries, allowed, strict=True) if may])

    async def _may_be_posted(self, delivery: Delivery, recipient: str) -> bool:
        if delivery.profile_id is None:
            return True
        reason, now = await self._forbids(delivery.profile_id, recipient), self._clock.now()
        if reason == RESTRICTED and now < delivery.create_time + KEEP:
            await self._db.transact(lambda tx: queue.put_off(tx, delivery, reason, now + RESTRICTED_WAIT))
        elif reason:
            await self._db.transact(lambda tx: queue.refuse(tx, delivery, reason))
        return not reason

    async def _post(self, delivery: Delivery, url: str, secrets: Sequence[str]) -> None:
        now, body = self._clock.now(), delivery.body.encode()
        attempt = await self._poster.post(url, sign(secrets, delivery.message_id, now, body), body, now)
        verdict = judge(attempt, delivery.attempt_count, random.random())  # noqa: S311 (jitter)
        _posted.record(1, status=verdict.status.name, fault=attempt.fault)
        if verdict.status == Status.FAILED:
            log.error("a webhook is given up", delivery_id=str(delivery.delivery_id), status=attempt.status_code)

        async def settle(tx: Tx) -> None:
            await queue.settle(tx, delivery, attempt, verdict)
            if attempt.is_gone:
                await store.disable_endpoint(tx, delivery.endpoint_id, now)

        await self._db.transact(settle)

    async def forget(self) -> None:
        """Forget what was delivered or given up long ago, until cancelled."""
        while True:
            try:
                while await self._db.transact(self._forget):
                    pass
            except _OUTAGES as error:
                log.warning("old webhooks stay for now", error=str(error))
            await asyncio.sleep(FORGET_SECONDS)

    async def _forget(self, tx: Tx) -> int:
        return await queue.forget(tx, self._clock.now() - KEEP, FORGET_MAX)
