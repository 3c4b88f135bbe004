"""The program itself on a database of its own: started, killed, started again."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from chassis.client import Client
from chassis.db import Database
from chassis.ids import new_id
from suite.embedded import NatsServer, Postgres, free_port

COMMAND = (sys.executable, "-m", "services.incentive")


@dataclass
class Program:
    """Starts incentive, and talks to whichever of its processes is up."""

    environ: dict[str, str]
    db: Database
    client: Client
    processes: list[asyncio.subprocess.Process] = field(default_factory=list)

    async def start(self, **settings: str) -> None:
        self.processes.append(await asyncio.create_subprocess_exec(*COMMAND, env=self.environ | settings))

    async def kill(self) -> None:
        self.processes[-1].kill()
        assert await self.ended() == -signal.SIGKILL

    async def stop(self) -> None:
        self.processes[-1].send_signal(signal.SIGTERM)
        assert await self.ended() == 0

    async def ended(self) -> int:
        return await asyncio.wait_for(self.processes[-1].wait(), 60)


@asynccontextmanager
async def a_program(postgres: Postgres, nats: NatsServer) -> AsyncIterator[Program]:
    """A migrated database and what is needed to start the program on it."""
    name, listen = f"program_{new_id().hex[-12:]}", f"127.0.0.1:{free_port()}"
    await postgres.create_databases(name)
    environ = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": ":".join(sys.path),
        "BOWEN_LISTEN": listen,
        "BOWEN_DATABASE_URL": postgres.url(name),
        "BOWEN_NATS_URL": nats.url(),
    }
    migration = await asyncio.create_subprocess_exec(*COMMAND, "migrate", env=environ)
    assert await asyncio.wait_for(migration.wait(), 60) == 0
    db = Database.open(postgres.url(name))
    async with Client.connect(listen, name="test", timeout_s=30.0) as client:
        program = Program(environ, db, client)
        yield program
        for process in program.processes:
            if process.returncode is None:
                process.kill()
                await process.wait()
    await db.close()
