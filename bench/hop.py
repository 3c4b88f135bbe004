"""A JSON route through the gateway to a component and back, against FastAPI in one process, and against Envoy."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from bench import orders, servers
from bench.envoy import envoy
from bench.harness import Report, Runs, Variant, alternate, called
from bench.http import Http
from suite.embedded import Postgres
from suite.supervisor import Component

CALLERS = 32
REQUESTS = 2_000


def processes(folder: Path, _server: Postgres) -> list[Component]:
    """A component that only answers, and the peers."""
    component = servers.peer("distribution", "bench.echo", is_grpc=True)
    transcoder = envoy(folder, component.settings["BOWEN_LISTEN"])
    fastapi = servers.peer("fastapi", "bench.fastapi_echo")
    return [component, fastapi, *([transcoder] if transcoder else [])]


def post(http: Http) -> list[bytes]:
    """A pass of orders to place."""
    return [orders.post(http, orders.order()) for _ in range(REQUESTS)]


def envoy_post(http: Http) -> list[bytes]:
    """The same for Envoy, which knows no `Idempotency-Key`: its request carries the id in the body."""
    return [orders.post(http, orders.order(request_id="bench")) for _ in range(REQUESTS)]


def get(http: Http) -> list[bytes]:
    """A pass of orders to read."""
    return [orders.get(http) for _ in range(REQUESTS)]


def variant(make: Callable[[Http], list[bytes]], http: Http) -> Variant[bytes]:
    """So many callers, one connection each."""
    return called(partial(make, http), partial(orders.asked, http), CALLERS)


async def run(report: Report) -> None:
    """POST of a kilobyte, then GET."""
    async with servers.suite("gateway", tell=report.tell, beside=processes) as suite:
        https = {name: Http(f"http://{suite.targets[name]}") for name in suite.targets if name != "distribution"}
        for verb, make in (("POST", post), ("GET", get)):
            variants: dict[str, Variant[Any]] = {
                name: variant(envoy_post if (name, verb) == ("envoy", "POST") else make, http)
                for name, http in https.items()
            }
            tell(report, verb, await alternate(variants, suite.meter()))
        for http in https.values():
            http.close()


def tell(report: Report, verb: str, runs: Runs) -> None:
    """What came out."""
    goals = {"fastapi": ("FastAPI in one process, no hop", 1.1), "envoy": ("Envoy's transcoder", 1.6)}
    for name, (words, goal) in goals.items():
        if name in runs.passes:
            note = f"{_note(runs, 'gateway')}; {_note(runs, name)}"
            ratios = runs.ratios("gateway", name)
            report.ratio(f"{verb}, {CALLERS} callers: to {words}", ratios, at_least=goal, note=note)


def _note(runs: Runs, name: str) -> str:
    p99_ms = runs.latency(name, 0.99) * 1e3
    return f"{name} {runs.rate(name):,.0f}/s, p99 {p99_ms:.0f} ms, CPU µs {runs.costs(name)}"
