"""The gateway's process: `python -m gateway` and `python -m gateway migrate`."""

import argparse
import asyncio
import sys
from pathlib import Path

import structlog

from chassis import config, lifecycle, migrate, telemetry
from chassis.db import Database
from gateway.build import running
from gateway.server import listening
from gateway.settings import GatewaySettings

MIGRATIONS = Path(__file__).parent / "migrations"

log = structlog.get_logger()


async def serve(settings: GatewaySettings, stop: asyncio.Event) -> None:
    """Answer until `stop`, then take nothing more, finish what runs, and send the visits that wait."""
    await asyncio.to_thread(migrate.check, settings.database_url, MIGRATIONS)
    db = Database.open(settings.database_url, pool_max=settings.database_pool_max, application_name="bowen-gateway")
    try:
        async with (
            running(settings, db, stop=stop) as gateway,
            lifecycle.Tasks(stop) as tasks,
            listening(gateway.app, settings, stop) as port,
        ):
            tasks.start(gateway.readiness.run, name="readiness")
            lifecycle.settle()
            log.info("serving", port=port)
            await stop.wait()
            await tasks.end("readiness")
            gateway.readiness.faults["stop"] = "stopping"
            await asyncio.sleep(settings.drain_s)
    finally:
        await db.close()
    log.info("stopped")


def main(arguments: list[str] | None = None) -> int:
    """Serve, or migrate the database. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m gateway")
    parser.add_argument("command", nargs="?", default="serve", choices=["serve", "migrate"])
    command = parser.parse_args(arguments).command
    try:
        settings = config.load(GatewaySettings)
    except config.SettingsInvalid as error:
        parser.exit(2, f"{error}\n")
    telemetry.configure_logging("gateway", settings.log_level)
    flush = telemetry.start("gateway")
    try:
        if command == "migrate":
            return _migrate(settings)
        return lifecycle.run(lambda stop: serve(settings, stop))
    finally:
        flush()


def _migrate(settings: GatewaySettings) -> int:
    try:
        migrate.upgrade(settings.database_url, MIGRATIONS)
    except migrate.MigrationError as error:
        log.error("migration failed", error=str(error))
        return 1
    log.info("migrated")
    return 0


if __name__ == "__main__":
    sys.exit(main())
