"""The command line that every service has: serve, migrate, and what to do about dead letters."""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar
from uuid import UUID

import msgspec
import structlog

from chassis import config, dead_letters, lifecycle, migrate, telemetry
from chassis.db import Database
from chassis.dead_letters import DeadLetterNotFound
from chassis.process import Process, ProcessSettings

log = structlog.get_logger()

PAGE = 500
S = TypeVar("S", bound=ProcessSettings)


@dataclass(frozen=True)
class _Service(Generic[S]):
    name: str
    settings: S
    migrations: Path
    assemble: Callable[[Process[S]], Awaitable[None]]


def command(
    name: str,
    settings_class: type[S],
    migrations: Path,
    assemble: Callable[[Process[S]], Awaitable[None]],
    arguments: list[str] | None = None,
) -> int:
    """Do what the command line says; `serve` if it says nothing. Returns the exit code.

    `assemble` adds servicers, consumers and background work to the process.
    """
    chosen, parser = _parsed(name, arguments)
    try:
        settings = config.load(settings_class)
    except config.SettingsInvalid as error:
        parser.exit(2, f"{error}\n")
    telemetry.configure_logging(name, settings.log_level)
    service = _Service(name, settings, migrations, assemble)
    if chosen.command == "migrate":
        return _migrate(service)
    if chosen.command == "dead-letters":
        return lifecycle.run(lambda _: _list_dead_letters(service))
    flush = telemetry.start(name)
    try:
        if chosen.command == "replay":
            return lifecycle.run(lambda stop: _replay(service, chosen.event_id, stop))
        return lifecycle.run(lambda stop: _serve(service, stop))
    finally:
        flush()


def _parsed(name: str, arguments: list[str] | None) -> tuple[argparse.Namespace, argparse.ArgumentParser]:
    parser = argparse.ArgumentParser(prog=f"python -m services.{name}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    commands.add_parser("serve", help="answer calls and events until told to stop (the default)")
    commands.add_parser("migrate", help="bring the database to the schema of this code")
    commands.add_parser("dead-letters", help="list the events that were given up on, one JSON object a line")
    replay = commands.add_parser("replay", help="put one dead letter through its handler again")
    replay.add_argument("event_id", type=UUID)
    return parser.parse_args(arguments), parser


def _migrate(service: _Service[S]) -> int:
    try:
        migrate.upgrade(service.settings.database_url, service.migrations)
    except migrate.MigrationError as error:
        log.error("migration failed", error=str(error))
        return 1
    log.info("migrated")
    return 0


async def _serve(service: _Service[S], stop: asyncio.Event) -> None:
    async with Process.start(service.settings, name=service.name, migrations=service.migrations, stop=stop) as process:
        await service.assemble(process)
        await process.serve(stop)


async def _list_dead_letters(service: _Service[S]) -> None:
    db = Database.open(service.settings.database_url, pool_max=1, application_name=f"bowen-{service.name}-dead-letters")
    after = UUID(int=0)
    try:
        while True:
            async with db.read() as tx:
                letters = await dead_letters.list_dead_letters(tx, after=after, limit=PAGE)
            sys.stdout.buffer.writelines(msgspec.json.encode(letter) + b"\n" for letter in letters)
            if len(letters) < PAGE:
                return
            after = letters[-1].event_id
    finally:
        sys.stdout.flush()
        await db.close()


async def _replay(service: _Service[S], event_id: UUID, stop: asyncio.Event) -> None:
    """Put the letter through whichever consumer gave up on it. Its facts wait in the outbox for a serving process."""
    aside = replace(service.settings, listen="127.0.0.1:0")
    async with Process.start(aside, name=service.name, migrations=service.migrations, stop=stop) as process:
        await service.assemble(process)
        found = [await _replayed_by(consumer.replay(event_id)) for consumer in process.consumers]
    if not any(found):
        raise lifecycle.Unstartable(f"there is no dead letter {event_id}")
    log.info("replayed", event_id=str(event_id))


async def _replayed_by(attempt: Awaitable[None]) -> bool:
    try:
        await attempt
    except DeadLetterNotFound:
        return False
    return True
