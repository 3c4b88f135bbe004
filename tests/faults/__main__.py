"""`python -m tests.faults MINUTES`: kill the ledger and its database under transfers, for as long as you like."""

import asyncio
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.e2e.running import Suite, running
from tests.e2e.world import World, client_of
from tests.faults.test_ledger_kill import KILLS, survive


async def kill_for(suite: Suite, minutes: float) -> None:
    """Round after round, each checked at its end."""
    end, turn, total = time.monotonic() + 60 * minutes, 0, 0
    while time.monotonic() < end:
        turn += 1
        async with client_of(suite) as client:
            total += len((await survive(World(suite, client), kills=KILLS, seed=time.time_ns())).answers)
        print(f"round {turn}: {turn * KILLS} kills, {total:,} transfers answered, nothing lost, nothing doubled")


def main() -> None:
    """Ten minutes unless told otherwise."""
    folder = Path(tempfile.mkdtemp(prefix="bowen-faults-"))
    with running(folder, {"BOWEN_PUBLISH_TRANSFERS": "true"}) as suite:
        asyncio.run(kill_for(suite, float(sys.argv[1]) if len(sys.argv) > 1 else 10.0))
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
