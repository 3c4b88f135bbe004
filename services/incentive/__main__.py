"""The incentive service: `python -m services.incentive [serve|migrate|dead-letters|replay EVENT_ID]`."""

import sys
from pathlib import Path

from chassis.command import command
from chassis.process import Process
from services.incentive.listeners import listen
from services.incentive.servers import serve
from services.incentive.settings import Settings

MIGRATIONS = Path(__file__).parent / "migrations"


async def assemble(process: Process[Settings]) -> None:
    """Put the service together."""
    serve(process)
    listen(process)


def main() -> int:
    """Run the command that the command line names."""
    return command("incentive", Settings, MIGRATIONS, assemble)


if __name__ == "__main__":
    sys.exit(main())
