"""How long the 360° view of a person takes through the gateway, all components running (spec people C7)."""

import asyncio
import base64
import json
import time

from bench import servers
from bench.harness import Report, check, percentile
from bench.http import Http
from bench.ingest import write_key
from bench.ingest_load import WHEN, Event, Population, chunks

PEOPLE = 5_000
EVENTS_EACH = 4
BATCH = 500
VIEWS = 500
AT_ONCE: dict[str, tuple[int, float | None]] = {"one after another": (1, 50.0), "four at once": (4, None)}
"""How many callers, and how many milliseconds are the goal."""


async def run(report: Report) -> None:
    """People with a few events each, and the views of some of them."""
    people = int(PEOPLE * report.scale)
    names = ("profile", "tagging", "incentive", "distribution", "gateway")
    async with servers.suite(*names, tell=report.tell) as suite:
        http = Http(suite.url)
        population = Population("viewed", people)
        known = await _fill(http, await write_key(http), population, people)
        ids = [await _profile_id(http, user_id) for user_id in known[:VIEWS]]
        for how, (callers, goal) in AT_ONCE.items():
            latencies = await _view(http, ids, callers)
            figures, note = [percentile(latencies, 0.95) * 1e3], f"{people:,} people, {len(ids)} views"
            report.bound(f"360° view through the gateway, {how}, p95", figures, at_most=goal, note=note)
        http.close()


async def _fill(http: Http, key: str, population: Population, people: int) -> list[str]:
    """Returns the user ids of who is known."""
    credentials = "Basic " + base64.b64encode(f"{key}:".encode()).decode()
    known = list[str]()
    for batch in chunks([*population.introductions(), *population.events(people * EVENTS_EACH)], BATCH):
        await _send(http, credentials, list(batch))
        known += [each["userId"] for each in batch if each.get("userId")]
    return list(dict.fromkeys(known))


async def _send(http: Http, credentials: str, batch: list[Event]) -> None:
    body = json.dumps({"batch": batch, "sentAt": WHEN}).encode()
    status, answer = await http.ask(http.request("POST", "/v1/batch", body, authorization=credentials))
    check(status == 200 and answer == b'{"success":true}', f"{status} {answer!r}")


async def _profile_id(http: Http, user_id: str) -> str:
    path = f"/v1/profiles:lookup?type=user_id&value={user_id}"
    found = await http.json("GET", path, authorization=f"Bearer {servers.ROOT_KEY}")
    return str(found["profile"]["profile_id"])


async def _view(http: Http, ids: list[str], callers: int) -> list[float]:
    """How long each view took; each must be whole."""
    left, latencies = iter(ids), list[float]()

    async def ask() -> None:
        for profile_id in left:
            started = time.perf_counter()
            path = f"/v1/profiles/{profile_id}/360"
            view = await http.json("GET", path, authorization=f"Bearer {servers.ROOT_KEY}")
            latencies.append(time.perf_counter() - started)
            check(view["profile"]["profile_id"] == profile_id and not view["degraded"], f"a view that lacks: {view}")

    await asyncio.gather(*(ask() for _ in range(callers)))
    return latencies
