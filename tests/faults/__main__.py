"""`python -m tests.faults [ledger|people] MINUTES`: hours of what the tests do for seconds.

`ledger` kills it and its database under transfers, `people` crosses merges from two processes.
"""

import argparse
import asyncio
import shutil
import tempfile
import time
from pathlib import Path

from chassis import migrate
from suite.embedded import Postgres, free_port
from tests.conftest import migrations
from tests.e2e.running import Suite, running
from tests.e2e.world import World, client_of
from tests.faults.crossing import cross_for
from tests.faults.test_ledger_kill import KILLS, survive


async def kill_for(suite: Suite, minutes: float) -> None:
    """Round after round, each checked at its end."""
    end, turn, total = time.monotonic() + 60 * minutes, 0, 0
    while time.monotonic() < end:
        turn += 1
        async with client_of(suite) as client:
            total += len((await survive(World(suite, client), kills=KILLS, seed=time.time_ns())).answers)
        print(f"round {turn}: {turn * KILLS} kills, {total:,} transfers answered, nothing lost, nothing doubled")


async def merge_for(folder: Path, minutes: float) -> None:
    """Merges that cross, on a durable database."""
    async with Postgres(folder / "postgres", free_port(), durable=True) as server:
        await server.create_databases("profile")
        url = server.url("profile")
        await asyncio.to_thread(migrate.upgrade, url, migrations("profile"))
        await cross_for(url, minutes)


def main() -> None:
    """Ten minutes of the ledger unless told otherwise."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("what", nargs="?", choices=("ledger", "people"), default="ledger")
    parser.add_argument("minutes", nargs="?", type=float, default=10.0)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="bowen-faults-"))
    if arguments.what == "people":
        asyncio.run(merge_for(folder, arguments.minutes))
    else:
        with running(folder, {"BOWEN_PUBLISH_TRANSFERS": "true"}) as suite:
            asyncio.run(kill_for(suite, arguments.minutes))
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
