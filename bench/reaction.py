"""How soon after the ack of an event its tag, its segment and its reward are there, at a steady rate.

What is timed is the fact about the change (`TagAdded`, `SegmentEntered`, `RewardGranted`), which is published after the
commit that makes the change visible: the figures are upper bounds of visibility. One event of ten is of somebody new
and is answered to; the others are of people who are known.
"""

import asyncio
import base64
import json
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from bowen.incentive.v1 import events_pb2 as incentive
from bowen.profile.v1 import events_pb2 as profile
from bowen.tagging.v1 import events_pb2 as tagging
from bowen.wire.v1 import envelope_pb2

from bench import servers
from bench.harness import Report, check, percentile
from bench.http import Http
from bench.ingest import write_key
from bench.ingest_load import WHEN, Event, Population, chunks
from chassis.clock import SystemClock
from chassis.ids import new_id
from chassis.nats import Nats

RATE = 500
BATCH = 10
PEOPLE = 5_000
INTRODUCED_AT_ONCE = 500
WARM_SECONDS = 10
SECONDS = 60
PATIENCE_SECONDS = 60.0
POINTS = 10
EVENT_NAME = "Newsletter Ordered"

KINDS: dict[str, tuple[str, Callable[[bytes], Any]]] = {
    "tag": ("bowen.tagging.v1.tag.added.>", tagging.TagAdded.FromString),
    "segment": ("bowen.tagging.v1.segment.entered.>", tagging.SegmentEntered.FromString),
    "reward": ("bowen.incentive.v1.reward.granted.>", incentive.RewardGranted.FromString),
}
GOALS = {"p50": (0.50, 50.0), "p99": (0.99, 250.0)}


class Watch:
    """Notes when facts arrive, by profile, and which message belongs to which profile."""

    def __init__(self) -> None:
        self.seen: dict[str, dict[str, float]] = {kind: {} for kind in KINDS}
        self.profile_by_message: dict[str, str] = {}
        self.recorded: dict[str, float] = {}

    async def begin(self, nats: Nats) -> None:
        """Listen. Plain subscriptions: they cost the components nothing."""
        await nats.client.subscribe("bowen.profile.v1.event.recorded.>", cb=self._recorded)
        for kind, (subject, parse) in KINDS.items():
            await nats.client.subscribe(subject, cb=partial(self._note, kind, parse))

    async def _recorded(self, message: Any) -> None:
        now = time.perf_counter()
        for event in envelope_pb2.EventBatch.FromString(message.data).events:
            recorded = profile.EventRecorded.FromString(event.payload)
            if recorded.name == EVENT_NAME:
                self.profile_by_message[recorded.message_id] = recorded.profile_id
                self.recorded[recorded.message_id] = now

    async def _note(self, kind: str, parse: Callable[[bytes], Any], message: Any) -> None:
        now = time.perf_counter()
        for event in envelope_pb2.EventBatch.FromString(message.data).events:
            profile_id = parse(event.payload).profile_id
            check(profile_id not in self.seen[kind], f"{profile_id} got a second {kind}")
            self.seen[kind][profile_id] = now

    async def until(self, count: int) -> None:
        """Wait until so many people have got everything."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while any(len(seen) < count for seen in self.seen.values()):
            counts = {kind: len(seen) for kind, seen in self.seen.items()}
            check(time.monotonic() < deadline, f"{count} people were to get everything: {counts}")
            await asyncio.sleep(0.1)


class Load:
    """Sends batches at fixed moments, whatever the answers do; one event of each is the one that is answered to."""

    def __init__(self, http: Http, write_key: str) -> None:
        self.acked: dict[str, float] = {}
        self._http = http
        self._credentials = "Basic " + base64.b64encode(f"{write_key}:".encode()).decode()
        self._background = Population("background", PEOPLE)

    async def introduce(self) -> str:
        """Make the people known who are behind most events, and send one that is answered to after them."""
        for batch in chunks(self._background.introductions(), INTRODUCED_AT_ONCE):
            await self._ask(list(batch))
        message_id = str(new_id())
        await self._post(message_id)
        return message_id

    async def send(self, seconds: float) -> list[str]:
        """Send at the rate for so long. Returns the ids of the messages that are answered to."""
        began, interval = time.perf_counter(), BATCH / RATE
        messages: list[str] = []
        async with asyncio.TaskGroup() as group:
            for number in range(int(seconds / interval)):
                await asyncio.sleep(max(0.0, began + number * interval - time.perf_counter()))
                messages.append(str(new_id()))
                group.create_task(self._post(messages[-1]))
        return messages

    async def _post(self, message_id: str) -> None:
        event = {"type": "track", "event": EVENT_NAME, "messageId": message_id, "userId": f"user-{message_id}"}
        await self._ask([*self._background.events(BATCH - 1), event])
        self.acked[message_id] = time.perf_counter()

    async def _ask(self, batch: list[Event]) -> None:
        body = json.dumps({"batch": batch, "sentAt": WHEN}).encode()
        status, answer = await self._http.ask(
            self._http.request("POST", "/v1/batch", body, authorization=self._credentials)
        )
        check(status == 200 and answer == b'{"success":true}', f"{status} {answer!r}")


class Api:
    """The operator's side."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def make(self, path: str, what: str, **fields: Any) -> Any:
        """Create something; returns it."""
        headers = {"authorization": f"Bearer {servers.ROOT_KEY}", "idempotency_key": str(new_id())}
        return (await self._http.json("POST", path, fields, **headers))[what]

    async def get(self, path: str) -> Any:
        """Read something."""
        return await self._http.json("GET", path, authorization=f"Bearer {servers.ROOT_KEY}")


async def arrange(api: Api) -> tuple[str, str]:
    """A tag for those who order, a segment of those with the tag, points for those who enter. Returns two ids."""
    group = await api.make("/v1/tag-groups", "tag_group", name="bench", dimension="DIMENSION_INTERACTION")
    tag = await api.make("/v1/tags", "tag", group_id=group["group_id"], key="subscriber", name="subscriber")
    counted = {"name": EVENT_NAME, "window": {"last": "30d"}, "agg": "count", "op": "ge", "value": 1}
    when = {"v": 1, "all": [{"event": counted}]}
    await api.make("/v1/tag-rules", "rule", tag_id=tag["tag_id"], when=when)
    expression = {"v": 1, "all": [{"tag": {"key": "subscriber", "state": "has"}}]}
    segment = await api.make("/v1/segments", "segment", name="subscribers", expression=expression)
    now = SystemClock().now()
    campaign = await api.make(
        "/v1/campaigns",
        "campaign",
        name="welcome",
        trigger={"segment_id": segment["segment_id"]},
        reward={"asset": "points", "fixed": str(POINTS)},
        budget="1000000000",
        start_time=(now - timedelta(days=1)).isoformat(),
        end_time=(now + timedelta(days=1)).isoformat(),
    )
    await api.make(f"/v1/campaigns/{campaign['campaign_id']}:start", "campaign")
    return segment["segment_id"], campaign["campaign_id"]


async def verify(api: Api, segment_id: str, campaign_id: str, people: int) -> None:
    """Each of them is a member and has been given points exactly once, and the books agree."""
    segment = (await api.get(f"/v1/segments/{segment_id}"))["segment"]
    campaign = (await api.get(f"/v1/campaigns/{campaign_id}"))["campaign"]
    (line,) = (await api.get("/v1/ledger/trial-balance"))["lines"]
    check(int(segment["member_count"]) == people, f"{segment['member_count']} members of {people}")
    check(int(campaign["spent"]) == people * POINTS, f"{campaign['spent']} points for {people} people")
    check(int(line["liability"]) == people * POINTS and int(line.get("discrepancy", 0)) == 0, f"the books: {line}")


async def run(report: Report) -> None:
    """The whole suite as processes."""
    names = ("profile", "tagging", "incentive", "distribution", "gateway")
    async with servers.suite(*names, tell=report.tell) as suite:
        nats = await Nats.connect(suite.nats.url(), name="bench")
        http, watch = Http(suite.url), Watch()
        await watch.begin(nats)
        api, meter = Api(http), suite.meter()
        ids = await arrange(api)
        load = Load(http, await write_key(http))
        warm = [await load.introduce()]
        await watch.until(1)
        warm += await load.send(WARM_SECONDS)
        before, measured = meter.read(), await load.send(SECONDS)
        cpu = {who: seconds - before[who] for who, seconds in meter.read().items()}
        await watch.until(len(warm) + len(measured))
        await verify(api, *ids, len(warm) + len(measured))
        http.close()
        await nats.close()
        tell(report, watch, load, measured, cpu)


def tell(report: Report, watch: Watch, load: Load, measured: list[str], cpu: dict[str, float]) -> None:
    """What came out."""
    arrivals = {"the event's own fact": watch.recorded}
    for kind, seen in watch.seen.items():
        arrivals[kind] = {message: seen[watch.profile_by_message[message]] for message in measured}
    for kind, arrived in arrivals.items():
        waits = [max(0.0, arrived[message] - load.acked[message]) * 1e3 for message in measured]
        for name, (share, goal) in GOALS.items():
            values = [percentile(part, share) for part in _thirds(waits)]
            note = f"of all {percentile(waits, share):.0f} ms, slowest {max(waits):.0f} ms; thirds {_rounded(values)}"
            at_most = goal if kind in KINDS else None
            report.bound(f"ack to {kind}, {RATE} events/s, {name}", values, at_most=at_most, note=note)
    events = len(measured) * BATCH
    report.tell("CPU µs per event: " + ", ".join(f"{who} {used / events * 1e6:.0f}" for who, used in cpu.items()))


def _thirds(values: list[float]) -> list[list[float]]:
    third = len(values) // 3
    return [values[:third], values[third : 2 * third], values[2 * third :]]


def _rounded(values: list[float]) -> str:
    return ", ".join(f"{value:.0f}" for value in values)
