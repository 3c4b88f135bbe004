"""A load whose every effect is known beforehand: people who look around, share, become known, buy and send back.

Each call is insisted on, by the same message id or request id, until it is acknowledged, as a client would.
"""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx

from chassis.ids import new_id
from tests.e2e.world import Json, World

SHARED_POINTS = 3
ORDER_RATE_BP = 100
GUIDE_BP, STORE_BP = 1000, 200
BP = 10_000
PATIENCE_SECONDS = 120.0
PAUSE_SECONDS = 0.05
AGAIN = (429, 503, 504)
"""What a client may meet while a component is down. Anything else that is no answer is a fault."""


@dataclass
class Person:
    """Somebody, first as a browser and at some moment by name, and what they must have in the end."""

    browser: str
    user_id: str
    points: int = 0
    messages: list[str] = field(default_factory=list)
    orders: dict[str, str] = field(default_factory=dict)


@dataclass
class Load:
    """People at work until `stop`. What is in the lists was acknowledged."""

    world: World
    store_id: str
    guide_id: str
    event_name: str
    campaigns: tuple[str, ...]
    people: list[Person] = field(default_factory=list)
    commission: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    async def made(cls, world: World) -> "Load":
        """A load with a campaign for shares and one for orders, and a plan for commission."""
        store_id = await world.a_store()
        guide_id = await world.a_guide(store_id)
        await world.a_plan(seller_rates=[{"role": "GUIDE", "rate_bp": GUIDE_BP}], parent_rate_bp=STORE_BP)
        event_name = world.unique("Shared")
        campaigns = (
            await world.a_campaign({"event_name": event_name}, {"fixed": SHARED_POINTS}),
            await world.a_campaign({"order_paid": {}}, {"order_rate_bp": ORDER_RATE_BP}, budget=10**9),
        )
        return cls(world, store_id, guide_id, event_name, campaigns)

    async def end(self) -> None:
        """Keep the campaigns from rewarding what other tests do."""
        for campaign_id in self.campaigns:
            await self.insist("POST", f"/v1/campaigns/{campaign_id}:pause", {})

    async def run(self, people: int) -> None:
        """Work until `stop`; every person ends what they began."""
        for _ in range(people):
            self.people.append(Person(self.world.unique("browser"), self.world.unique("user")))
        async with asyncio.TaskGroup() as group:
            for person in self.people:
                group.create_task(self._live(person))

    async def _live(self, person: Person) -> None:
        turn = 0
        while not self.stop.is_set() or turn < 4:
            is_known = turn > 2
            await self._share(person, is_known=is_known)
            if turn == 2:  # who they are is told in the middle of it: two profiles become one
                await self._share(person, is_known=True)
                await self._send("identify", {"userId": person.user_id, "anonymousId": person.browser})
            if turn % 2:
                await self._buy(person, tens=turn % 3 + 1, sends_back=turn % 4 == 3)
            turn += 1

    async def _share(self, person: Person, *, is_known: bool) -> None:
        who = {"userId": person.user_id} if is_known else {"anonymousId": person.browser}
        message_id = str(new_id())
        await self._send("track", {**who, "event": self.event_name, "messageId": message_id})
        person.messages.append(message_id)
        person.points += SHARED_POINTS

    async def _buy(self, person: Person, *, tens: int, sends_back: bool) -> None:
        net = 10_000 * tens
        body = {
            **self.world.an_order("", store_id=self.store_id, seller_partner_id=self.guide_id),
            "buyer": {"identifier": {"type": "user_id", "value": person.user_id, "verified": True}},
            "lines": [{"line_no": 1, "sku": "sku-1", "quantity": tens, "gross_minor": net}],
        }
        order_id = (await self.insist("POST", "/v1/orders", body))["order"]["order_id"]
        person.orders[body["order_number"]] = order_id
        for verb in ("pay", "deliver", *(["refund"] if sends_back else [])):
            await self.insist("POST", f"/v1/orders/{order_id}:{verb}", {})
        if not sends_back:
            person.points += net * ORDER_RATE_BP // BP
            self.commission[self.guide_id] += net * GUIDE_BP // BP
            self.commission[self.store_id] += net * STORE_BP // BP

    async def _send(self, kind: str, event: Json) -> None:
        event = {"messageId": str(new_id()), **event}
        await self.insist("POST", f"/v1/{kind}", event, auth=(self.world.suite.write_key, ""))

    async def insist(self, method: str, path: str, body: Json, **request: Any) -> Json:
        """Call until it is acknowledged: always with the same ids."""
        if "auth" not in request:
            request["headers"] = {"Authorization": self.world.api.authorization, "Idempotency-Key": str(new_id())}
        end, met = time.monotonic() + PATIENCE_SECONDS, Counter[str]()
        async with asyncio.timeout(2 * PATIENCE_SECONDS):
            while True:
                assert time.monotonic() < end, f"{path} was never answered, but met {met}"
                try:
                    response = await self.world.client.request(method, path, json=body, **request)
                except httpx.TransportError as error:
                    self.statuses[0] += 1
                    met[type(error).__name__] += 1
                else:
                    self.statuses[response.status_code] += 1
                    met[_told(response)] += 1
                    if response.is_success:
                        content: Json = response.json()
                        assert not content.get("rejected"), content
                        return content
                    assert _is_worth_another_try(response), f"{path} {response.status_code} {response.text}"
                await asyncio.sleep(PAUSE_SECONDS)  # what a client does between its tries


def _told(response: httpx.Response) -> str:
    said = {} if response.is_success else response.json()
    return f"{response.status_code} {said.get('type')} {said.get('detail')}"


def _is_worth_another_try(response: httpx.Response) -> bool:
    if response.status_code == 409:
        return response.json()["type"] in ("/problems/REQUEST_IN_PROGRESS", "/problems/CONFLICT")
    return response.status_code in AGAIN and (response.status_code != 503 or "retry-after" in response.headers)
