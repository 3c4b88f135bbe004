"""`bowen up`: everything running until Ctrl-C."""

import argparse
import asyncio
import signal
from datetime import datetime
from functools import partial
from pathlib import Path

import httpx
from rich.console import Console
from rich.table import Table

from chassis.clock import SystemClock
from chassis.ids import new_id
from suite.faults import Fault
from suite.machine import GATEWAY_PORT, PORT_BASE, Machine, Options, running

KEY_SECONDS_MAX = 10.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that say where the suite lives; `demo` takes them too."""
    add = parser.add_argument
    add("--data-dir", type=Path, default=Path(".bowen"), help="where all data is kept (default: %(default)s)")
    add("--postgres-url", default="", help="use this PostgreSQL; its user must be able to make databases")
    add("--nats-url", default="", help="use this NATS; JetStream must be on")
    add("--port", type=_port, default=GATEWAY_PORT, help="port of the API (default: %(default)s)")
    add("--port-base", type=_port, default=PORT_BASE, help="the rest listens on the next six (default: %(default)s)")
    add("--public-url", default="", help="how the API is reached from outside, as short links say it")
    add("--sandbox", action="store_true", help="let requests set the time with the header Bowen-Now")
    add("--sandbox-start", type=_time, help="when the sandbox's time starts, RFC 3339 (default: now)")


def options(arguments: argparse.Namespace) -> Options:
    """What the arguments say. A sandbox whose start is not given starts now."""
    sandbox = arguments.sandbox or arguments.sandbox_start is not None
    return Options(
        data_dir=arguments.data_dir.absolute(),
        postgres_url=arguments.postgres_url,
        nats_url=arguments.nats_url,
        gateway_port=arguments.port,
        port_base=arguments.port_base,
        public_url=arguments.public_url,
        sandbox=sandbox,
        sandbox_start=arguments.sandbox_start or (SystemClock().now() if sandbox else None),
    )


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Run until Ctrl-C. Returns the exit code."""
    asyncio.run(_up(options(arguments), console))
    return 0


async def _up(chosen: Options, console: Console) -> None:
    cancel_on_signals()
    async with running(chosen, partial(tell, console)) as machine:
        show(machine, await write_key(machine), console)
        await asyncio.Event().wait()


def tell(console: Console, line: str) -> None:
    """Say something in passing."""
    console.print(line, style="dim", markup=False, highlight=False, soft_wrap=True)


def cancel_on_signals() -> None:
    """Ctrl-C, SIGTERM and a closed terminal end the program in order, by cancelling what it is doing.

    A second time they cut the order short: the servers still end well, the components are killed.
    """
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 (only ever called by a coroutine)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)


async def write_key(machine: Machine) -> str:
    """The key for sending events, made through the API on the first start and kept beside the data."""
    path = machine.options.data_dir / "write.key"
    if not path.exists():
        key = await _new_write_key(machine)
        path.touch(mode=0o600)
        path.write_text(key)
    return path.read_text()


async def _new_write_key(machine: Machine) -> str:
    headers = {"Authorization": f"Bearer {machine.root_key}", "Idempotency-Key": str(new_id())}
    body = {"name": "bowen up", "trust": "SERVER"}
    async with httpx.AsyncClient(base_url=machine.url, timeout=KEY_SECONDS_MAX, trust_env=False) as client:
        answer = await client.post("/v1/write-keys", headers=headers, json=body)
    if answer.is_error:
        raise Fault(f"the gateway made no write key: {answer.status_code} {answer.text}")
    return str(answer.json()["write_key"]["write_key"])


def show(machine: Machine, key: str, console: Console) -> None:
    """Say where everything is."""
    table = Table.grid(padding=(0, 2))
    folder = machine.options.data_dir
    for name, value in (
        ("API", machine.url),
        ("documentation", f"{machine.url}/docs"),
        ("API key", f"{machine.root_key}  ({folder / 'root.key'})"),
        ("write key", f"{key}  ({folder / 'write.key'})"),
        ("gRPC", ", ".join(f"{service} {target}" for service, target in machine.targets.items())),
        ("logs", f"{folder / 'run'}/*.log"),
    ):
        table.add_row(f"[bold]{name}[/bold]", value)
    console.print(table, soft_wrap=True)
    console.print("Ctrl-C stops everything; the data stays.")


def _port(text: str) -> int:
    port = int(text)
    if not 1 <= port <= 65_000:
        raise argparse.ArgumentTypeError(f"{text} is no port between 1 and 65000")
    return port


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is no RFC 3339 time") from None
    if time.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text} lacks a time zone, e.g. Z or +08:00")
    return time
